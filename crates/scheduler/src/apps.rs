//! Commands that change what is wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{
    ActionKind, App, AppId, AppSpec, AppVersion, Deployment, DeploymentAction, DeploymentStep, Event, KillReason,
    Timestamp,
};

use crate::draft::Draft;
use crate::{Rejection, dependencies, service_ports};

/// An app as it will be, and what has to be done for that.
struct Change {
    spec: Arc<AppSpec>,
    version: AppVersion,
    config_version: AppVersion,
    action: ActionKind,
}

impl Draft<'_> {
    pub(crate) fn create_app(&mut self, app: &Arc<AppSpec>) -> Result<(), Rejection> {
        if self.state().apps.contains(&app.id) {
            return Err(Rejection::AppExists(app.id.clone()));
        }
        self.put_apps(std::slice::from_ref(app), false)
    }

    pub(crate) fn put_apps(&mut self, apps: &[Arc<AppSpec>], force: bool) -> Result<(), Rejection> {
        let ids: Vec<&AppId> = apps.iter().map(|app| &app.id).collect();
        let mut taken = service_ports::taken(self.state(), &ids);
        let mut changes = BTreeMap::new();
        for app in apps {
            let mut app = AppSpec::clone(app);
            service_ports::fill(self.state(), &mut taken, &mut app)?;
            let change = self.change_to(Arc::new(app));
            changes.insert(change.spec.id.clone(), change);
        }
        self.start_changes(changes, force)
    }

    pub(crate) fn scale_app(&mut self, id: &AppId, instances: u32, force: bool) -> Result<(), Rejection> {
        let app = self.app(id)?;
        let change = self.change_to(Arc::new(AppSpec { instances, ..AppSpec::clone(&app.spec) }));
        self.start_changes(BTreeMap::from([(id.clone(), change)]), force)
    }

    pub(crate) fn restart_app(&mut self, id: &AppId, force: bool) -> Result<(), Rejection> {
        let app = self.app(id)?;
        let version = self.next_version(Some(app));
        let change = Change {
            spec: Arc::clone(&app.spec),
            version,
            config_version: version,
            action: ActionKind::RestartApplication,
        };
        self.start_changes(BTreeMap::from([(id.clone(), change)]), force)
    }

    pub(crate) fn destroy_app(&mut self, id: &AppId, force: bool) -> Result<(), Rejection> {
        self.app(id)?;
        self.unlock(&[id], force)?;
        for task in self.state().active_tasks_of_app(id).filter(|task| task.kill.is_none()) {
            let (task, agent) = (task.id.clone(), task.agent);
            self.events.push(Event::TaskKillRequested { task, agent, reason: KillReason::AppDestroyed });
        }
        self.events.push(Event::AppDestroyed { app: id.clone() });
        let action = DeploymentAction { app: id.clone(), kind: ActionKind::StopApplication };
        self.start_deployment(self.now(), vec![DeploymentStep { actions: vec![action] }]);
        Ok(())
    }

    pub(crate) fn app(&self, id: &AppId) -> Result<&App, Rejection> {
        self.world.state.apps.get(id).ok_or_else(|| Rejection::UnknownApp(id.clone()))
    }

    /// Lowers the number of instances as part of another command.
    pub(crate) fn scale_down_by(&mut self, id: &AppId, count: u32, force: bool) -> Result<(), Rejection> {
        let instances = self.app(id)?.spec.instances.saturating_sub(count);
        self.scale_app(id, instances, force)
    }

    fn change_to(&self, spec: Arc<AppSpec>) -> Change {
        let old = self.state().apps.get(&spec.id);
        let version = self.next_version(old);
        let (config_version, action) = match old {
            None => (version, ActionKind::StartApplication),
            Some(old) if old.spec.needs_restart(&spec) => (version, ActionKind::RestartApplication),
            Some(old) => (old.config_version, ActionKind::ScaleApplication),
        };
        Change { spec, version, config_version, action }
    }

    /// The command's time, raised where the app has a version of that time already.
    fn next_version(&self, old: Option<&App>) -> AppVersion {
        let after_old = old.map_or(0, |app| app.version.0.0 + 1);
        AppVersion(Timestamp(self.now().0.max(after_old)))
    }

    /// Whether the changes leave alone what runs, and concern every app of the deployments that they would interrupt: then
    /// nothing that these began is lost. Scaling an app whose instances do not come up needs no force, for example.
    fn carries_on(&self, changes: &BTreeMap<AppId, Change>) -> bool {
        let mut held = changes.keys().flat_map(|app| self.state().deployments_of(app)).flat_map(Deployment::actions);
        changes.values().all(|change| change.action == ActionKind::ScaleApplication)
            && held.all(|action| changes.contains_key(&action.app))
    }

    fn start_changes(&mut self, changes: BTreeMap<AppId, Change>, force: bool) -> Result<(), Rejection> {
        let ids: BTreeSet<AppId> = changes.keys().cloned().collect();
        let apps = &self.state().apps;
        let new_spec = |id: &AppId| changes.get(id).map(|change| change.spec.as_ref());
        let spec_of = |id: &AppId| new_spec(id).or_else(|| apps.get(id).map(|row| row.spec.as_ref()));
        let steps = dependencies::layers(&ids, spec_of)?;
        self.unlock(&ids.iter().collect::<Vec<_>>(), force || self.carries_on(&changes))?;
        let version = changes.values().map(|change| change.version.0).max().unwrap_or(self.now());
        let steps = steps
            .into_iter()
            .map(|layer| DeploymentStep {
                actions: layer.into_iter().map(|app| DeploymentAction { kind: changes[&app].action, app }).collect(),
            })
            .collect();
        for Change { spec, version, config_version, action: _ } in changes.into_values() {
            self.events.push(Event::AppChanged { app: spec, version, config_version });
        }
        self.start_deployment(version, steps);
        Ok(())
    }
}
