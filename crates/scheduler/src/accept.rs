//! What frameworks do with offers: launch tasks on them, or give them back.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{
    AgentId, Container, Event, FrameworkId, GpuSlots, LaunchRequest, LaunchedTask, Offer, OfferId, OfferOutcome,
    Resources, StatusReason, TaskId, TaskInfo, TaskState, TaskStatus, Timestamp, Workload,
};

use crate::Rejection;
use crate::book::is_worth;
use crate::draft::Draft;

/// For how long agents may be refused: Mesos' limit.
const LONGEST_REFUSAL_MS: u64 = 365 * 24 * 60 * 60 * 1_000;
/// Of a framework's own id: it becomes part of names on the agent.
const OWN_ID_LIMIT: usize = 200;
/// The containerizer that runs containers, as agents call it.
const DOCKER: &str = "docker";

/// Offers of one agent that are being accepted.
struct Pool {
    agent: AgentId,
    first: OfferId,
    /// What is left of all of them.
    left: Resources,
}

impl<'a> Draft<'a> {
    pub(crate) fn decline_offers(
        &mut self,
        framework: FrameworkId,
        offers: &[OfferId],
        refuse_ms: u64,
    ) -> Result<(), Rejection> {
        self.framework(framework)?;
        let offers = self.open_offers(framework, offers).into_iter().map(|offer| offer.id).collect();
        self.give_back(framework, offers, OfferOutcome::Declined, refuse_ms);
        Ok(())
    }

    pub(crate) fn accept_offers(
        &mut self,
        framework: FrameworkId,
        ids: &[OfferId],
        launches: &[LaunchRequest],
        refuse_ms: u64,
    ) -> Result<(), Rejection> {
        self.framework(framework)?;
        let offers = self.open_offers(framework, ids);
        let open: Vec<OfferId> = offers.iter().map(|offer| offer.id).collect();
        if launches.is_empty() {
            self.give_back(framework, open, OfferOutcome::Declined, refuse_ms);
            return Ok(());
        }
        match self.pool(ids, &offers) {
            Ok(mut pool) => {
                self.close_offers(framework, open[1..].to_vec(), OfferOutcome::Accepted);
                self.launch_all(framework, &mut pool, launches);
                // What is left is refused, unless it is too little to be offered anyway.
                let refuse_ms = if is_worth(pool.left.cpus, pool.left.mem) { refuse_ms } else { 0 };
                self.give_back(framework, vec![pool.first], OfferOutcome::Accepted, refuse_ms);
            }
            Err(why) => {
                for launch in launches {
                    self.refuse(framework, launch, TaskState::Lost, StatusReason::InvalidOffers, why.clone());
                }
                self.give_back(framework, open, OfferOutcome::Declined, refuse_ms);
            }
        }
        Ok(())
    }

    /// Those that are open and the framework's, once each.
    fn open_offers(&self, framework: FrameworkId, ids: &[OfferId]) -> Vec<&'a Offer> {
        let ids: BTreeSet<OfferId> = ids.iter().copied().collect();
        let offers = ids.iter().filter_map(|id| self.state().offers.get(id));
        offers.filter(|offer| offer.framework == framework).collect()
    }

    fn pool(&self, ids: &[OfferId], offers: &[&Offer]) -> Result<Pool, String> {
        let missing = ids.iter().find(|id| offers.iter().all(|offer| offer.id != **id));
        if let Some(id) = missing {
            return Err(format!("offer {id} is no longer valid: it was accepted, declined, rescinded or has expired"));
        }
        let Some(first) = offers.first() else { return Err("no offer was accepted".to_owned()) };
        if let Some(other) = offers.iter().find(|offer| offer.agent != first.agent) {
            return Err(format!(
                "offer {} is of agent {} and offer {} of agent {}: accept offers of one agent at a time",
                first.id, first.agent, other.id, other.agent
            ));
        }
        let mut left = Resources::default();
        offers.iter().for_each(|offer| left.add(&offer.resources));
        Ok(Pool { agent: first.agent, first: first.id, left })
    }

    fn launch_all(&mut self, framework: FrameworkId, pool: &mut Pool, launches: &[LaunchRequest]) {
        let mut launched: BTreeSet<&str> = BTreeSet::new();
        for launch in launches {
            match self.admit(framework, pool, launch, &launched) {
                Ok((info, resources)) => {
                    launched.insert(&info.id);
                    pool.left.subtract(&resources);
                    self.launch_on(framework, pool, info, resources);
                }
                Err(why) => self.refuse(framework, launch, TaskState::Error, StatusReason::InvalidTask, why),
            }
        }
    }

    fn admit<'l>(
        &self,
        framework: FrameworkId,
        pool: &Pool,
        launch: &'l LaunchRequest,
        launched: &BTreeSet<&str>,
    ) -> Result<(&'l Arc<TaskInfo>, Resources), String> {
        let (info, agent, resources) = match launch {
            LaunchRequest::Task { info, agent, resources } => (info, *agent, resources),
            LaunchRequest::Invalid { reason, .. } => return Err(reason.clone()),
        };
        check_own_id(&info.id)?;
        if launched.contains(&*info.id) || self.state().task_of_framework(framework, &info.id).is_some() {
            return Err(format!("task id '{}' is taken: choose one that was not used before", info.id));
        }
        if agent != pool.agent {
            return Err(format!("the task is for agent {agent}, but its offers are of agent {}", pool.agent));
        }
        if !resources.is_valid() || !is_some(resources) {
            return Err(format!("resources {resources} are none: ask for cpus or mem"));
        }
        if !fits(resources, &pool.left) {
            return Err(format!("resources {resources} are more than what is left of the offers: {}", pool.left));
        }
        let gpu_slots = gpus_of(resources, &pool.left)?;
        if info.ports.iter().any(|port| !resources.ports.contains(port.host_port)) {
            return Err("a port mapping has a host_port that is not among the task's resources".to_owned());
        }
        let has_docker = |agent: &model::Agent| agent.description.containerizers.iter().any(|name| name == DOCKER);
        if let (Some(Container::Docker(_)), Some(row)) = (&info.container, self.state().agents.get(&agent))
            && !has_docker(row)
        {
            return Err(format!("agent {agent} runs no Docker containers"));
        }
        Ok((info, Resources { gpu_slots, ..resources.clone() }))
    }

    fn launch_on(&mut self, framework: FrameworkId, pool: &Pool, info: &Arc<TaskInfo>, resources: Resources) {
        let host_ports = match info.ports.as_slice() {
            [] => resources.ports.iter().collect(),
            ports => ports.iter().map(|port| port.host_port).collect(),
        };
        let task = LaunchedTask {
            id: TaskId::of_framework(framework, pool.first, &info.id),
            framework,
            offer: pool.first,
            agent: pool.agent,
            workload: Workload::Own(Arc::clone(info)),
            resources,
            host_ports,
            explanation: None,
        };
        self.events.push(Event::TaskLaunched { task: Box::new(task) });
    }

    fn refuse(
        &mut self,
        framework: FrameworkId,
        launch: &LaunchRequest,
        state: TaskState,
        reason: StatusReason,
        message: String,
    ) {
        let (task, agent) = match launch {
            LaunchRequest::Task { info, agent, .. } => (Arc::clone(&info.id), Some(*agent)),
            LaunchRequest::Invalid { task, agent, .. } => (Arc::clone(task), *agent),
        };
        let status = TaskStatus { state, reason: Some(reason), message: Some(message), exit: None };
        self.events.push(Event::LaunchRefused { framework, task, agent, status });
    }

    fn give_back(&mut self, framework: FrameworkId, offers: Vec<OfferId>, outcome: OfferOutcome, refuse_ms: u64) {
        if offers.is_empty() {
            return;
        }
        let until: Timestamp = self.now().plus_ms(refuse_ms.min(LONGEST_REFUSAL_MS));
        let refused_until = Some(until).filter(|_| refuse_ms > 0);
        self.events.push(Event::OffersClosed { framework, offers, outcome, refused_until });
    }
}

fn check_own_id(id: &str) -> Result<(), String> {
    if id.is_empty() || id.len() > OWN_ID_LIMIT {
        return Err(format!("task_id must have 1 to {OWN_ID_LIMIT} bytes, not {}", id.len()));
    }
    if let Some(c) = id.chars().find(|c| c.is_control() || matches!(c, '/' | '\\')) {
        return Err(format!("task_id must not hold {c:?}"));
    }
    Ok(())
}

/// Which of the GPUs that are left of the offers the task gets; none for offers from before GPUs were told apart.
fn gpus_of(wanted: &Resources, left: &Resources) -> Result<GpuSlots, String> {
    if left.gpu_slots.is_empty() {
        return Ok(GpuSlots::none());
    }
    let wanted = wanted.gpus;
    let (free, of_offers) = (left.gpus, &left.gpu_slots);
    of_offers.pick(wanted).ok_or_else(|| {
        format!("gpus:{wanted} are not free as whole GPUs or as a share of one: what is left of the offers, {free}, is on GPUs {of_offers}")
    })
}

fn is_some(resources: &Resources) -> bool {
    resources.cpus.0 > 0 || resources.mem.0 > 0
}

fn fits(wanted: &Resources, left: &Resources) -> bool {
    wanted.cpus <= left.cpus
        && wanted.mem <= left.mem
        && wanted.disk <= left.disk
        && wanted.gpus <= left.gpus
        && wanted.ports.difference(&left.ports).is_empty()
}
