//! Deployments: begun by a change, advanced step by step as apps reach what is wanted, one at a time per app.

use std::collections::BTreeSet;

use model::{
    ActionKind, AppId, Deployment, DeploymentAction, DeploymentId, DeploymentOutcome, DeploymentStep, Event,
    KillReason, Timestamp,
};

use crate::Rejection;
use crate::draft::Draft;

impl Draft<'_> {
    pub(crate) fn start_deployment(&mut self, version: Timestamp, steps: Vec<DeploymentStep>) {
        let id = DeploymentId::new(self.make_id());
        let deployment = Deployment { id, version, steps, current_step: 0 };
        self.events.push(Event::DeploymentStarted { deployment });
    }

    /// Makes sure that no deployment holds the apps: refuses, or with `force` takes the place of those that do.
    pub(crate) fn unlock(&mut self, apps: &[&AppId], force: bool) -> Result<(), Rejection> {
        let mut superseded: BTreeSet<DeploymentId> = BTreeSet::new();
        for app in apps {
            let holding: Vec<DeploymentId> =
                self.state().deployments_of(app).map(|deployment| deployment.id.clone()).collect();
            if !holding.is_empty() && !force {
                return Err(Rejection::AppLocked { app: (*app).clone(), deployments: holding });
            }
            superseded.extend(holding);
        }
        for deployment in superseded {
            self.events.push(Event::DeploymentEnded { deployment, outcome: DeploymentOutcome::Superseded });
        }
        Ok(())
    }

    /// Moves every deployment on whose current step is done.
    pub(crate) fn advance_deployments(&mut self) {
        for deployment in self.state().deployments.values() {
            if !deployment.current_actions().all(|action| self.is_done(action)) {
                continue;
            }
            let next = deployment.current_step + 1;
            let id = deployment.id.clone();
            self.events.push(if (next as usize) < deployment.steps.len() {
                Event::DeploymentAdvanced { deployment: id, current_step: next }
            } else {
                Event::DeploymentEnded { deployment: id, outcome: DeploymentOutcome::Succeeded }
            });
        }
    }

    fn is_done(&self, action: &DeploymentAction) -> bool {
        let tasks = self.state().tasks_of_app(&action.app);
        let app = self.state().apps.get(&action.app);
        match (action.kind, app) {
            (ActionKind::StopApplication, _) => !self
                .state()
                .active_tasks_of_app(&action.app)
                .any(|task| task.kill.is_some_and(|kill| kill.reason == KillReason::AppDestroyed)),
            (_, None) => true,
            (_, Some(app)) => {
                let wanted = app.spec.instances;
                tasks.running_since(app.config_version) == wanted && tasks.active.len() == wanted as usize
            }
        }
    }

    /// Whether an app may start and end tasks, or has to wait for an earlier step of its deployment.
    pub(crate) fn is_its_turn(&self, app: &AppId) -> bool {
        self.state().deployments_of(app).all(|deployment| {
            let later = deployment.steps.iter().skip(deployment.current_step as usize + 1);
            !later.flat_map(|step| &step.actions).any(|action| action.app == *app)
        })
    }
}
