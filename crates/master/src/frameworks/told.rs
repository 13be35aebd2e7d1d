//! What a framework is told, made of the state.

use std::collections::BTreeSet;

use model::{AgentId, FrameworkId, OfferId, Resources, Task, TaskId, UpdateUuid};
use protocol::mesos::{Event, MasterInfo, Offer, Update};
use state::State;

/// The oldest update of a task that is not acknowledged.
pub(super) fn pending(task: &Task) -> Option<Update> {
    let update = task.unacknowledged.first()?;
    Some(Update {
        task: task.workload.own()?.id.clone(),
        agent: Some(task.agent),
        status: update.status.clone(),
        at: update.at,
        uuid: Some(UpdateUuid::of(&task.id, update.status.state)),
        is_reconciliation: false,
    })
}

/// The state of a task, to be told once.
pub(super) fn as_it_is(task: &Task) -> Option<Update> {
    Some(Update {
        task: task.workload.own()?.id.clone(),
        agent: Some(task.agent),
        status: task.status.clone(),
        at: task.status_at,
        uuid: None,
        is_reconciliation: true,
    })
}

/// None when the agent is gone by now: then the offer is as well.
pub(super) fn offer(state: &State, id: OfferId, agent: AgentId, resources: &Resources) -> Option<Offer> {
    let description = &state.agents.get(&agent)?.description;
    Some(Offer {
        id,
        agent,
        hostname: description.hostname.clone(),
        address: description.address.clone(),
        attributes: description.attributes.clone(),
        resources: resources.clone(),
    })
}

/// All offers that a framework has, and its tasks with something to tell.
pub(super) fn everything(state: &State, framework: FrameworkId) -> (Option<Event>, BTreeSet<TaskId>) {
    let holdings = state.holdings(framework);
    let open = holdings.offers.iter().filter_map(|id| state.offers.get(id));
    let offers: Vec<Offer> = open.filter_map(|open| offer(state, open.id, open.agent, &open.resources)).collect();
    ((!offers.is_empty()).then_some(Event::Offers(offers)), holdings.untold.clone())
}

pub(super) fn master(state: &State) -> MasterInfo {
    let address = state.header.leader_addresses.as_ref().map_or("", |addresses| addresses.operator.as_str());
    let (hostname, port) = address.rsplit_once(':').unwrap_or((address, ""));
    let hostname = if hostname.is_empty() { state.header.leader.as_str() } else { hostname };
    MasterInfo { id: state.header.leader.clone(), hostname: hostname.to_owned(), port: port.parse().unwrap_or(0) }
}
