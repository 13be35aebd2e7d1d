//! Recorded commands in the terms of a run whose tasks and offers have other ids, or are elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    AgentId, Command, CommandId, CommandKind, Event, FrameworkId, OfferId, StatusUpdate, TaskId, TaskSelection,
    TaskStatus,
};
use state::State;

use super::change::Change;
use super::demand::{Demand, End, is_with_agent};
use super::instances::Instances;
use super::run::{Actual, Run};

/// The log as it is: which task is which instance, and whose offers are on which agent.
#[derive(Debug)]
pub(crate) struct Recorded {
    instances: Instances,
    offers: BTreeMap<OfferId, AgentId>,
}

impl Recorded {
    pub(crate) fn begin(state: &State) -> Self {
        let offers = state.offers.values().map(|offer| (offer.id, offer.agent)).collect();
        Self { instances: Instances::begin(state), offers }
    }

    pub(crate) fn follow(&mut self, event: &Event) {
        self.instances.follow(event);
        match event {
            Event::OffersMade { framework, offers } if *framework != FrameworkId::SERVICES => {
                self.offers.extend(offers.offers.iter().copied().zip(offers.agents.iter().copied()));
            }
            Event::OffersClosed { offers, .. } => offers.iter().for_each(|offer| {
                self.offers.remove(offer);
            }),
            _ => {}
        }
    }
}

/// What a recorded command is in this run: nothing, when what it is about does not happen there; one command; or one for each
/// agent that reports.
pub(crate) fn translate(
    command: &Command,
    recorded: &Recorded,
    run: &Run,
    change: Option<&Change>,
    demand: &Demand,
) -> Vec<Command> {
    let kind = match &command.kind {
        CommandKind::UpdateStatus { agent, updates } => {
            return reports(command, *agent, updates, recorded, run, demand);
        }
        CommandKind::KillTasks { selection: TaskSelection::Tasks(tasks), scale, force } => {
            let here: Vec<TaskId> = tasks.iter().filter_map(|task| task_here(task, recorded, run)).collect();
            if here.is_empty() {
                return Vec::new();
            }
            CommandKind::KillTasks { selection: TaskSelection::Tasks(here), scale: *scale, force: *force }
        }
        CommandKind::AcceptOffers { framework, offers, launches, refuse_ms } => CommandKind::AcceptOffers {
            framework: *framework,
            offers: offers_here(*framework, offers, recorded, run),
            launches: launches.clone(),
            refuse_ms: *refuse_ms,
        },
        CommandKind::DeclineOffers { framework, offers, refuse_ms } => CommandKind::DeclineOffers {
            framework: *framework,
            offers: offers_here(*framework, offers, recorded, run),
            refuse_ms: *refuse_ms,
        },
        kind => match change.map_or_else(|| Some(kind.clone()), |change| change.rewrite(kind)) {
            Some(kind) => kind,
            None => return Vec::new(),
        },
    };
    vec![Command { kind, ..command.clone() }]
}

/// The active task of this run that a recorded one stands for.
fn task_here(task: &TaskId, recorded: &Recorded, run: &Run) -> Option<TaskId> {
    if let Some(framework) = task.framework() {
        let own = task.as_str().splitn(3, '.').nth(2)?;
        let found = run.world.state.task_of_framework(framework, own)?;
        return found.is_active().then(|| found.id.clone());
    }
    run.instances.task(recorded.instances.of(task)?).cloned()
}

/// The same framework's offers on the same agents, as far as there are any; what is not open any more keeps its name.
fn offers_here(framework: FrameworkId, offers: &[OfferId], recorded: &Recorded, run: &Run) -> Vec<OfferId> {
    let state = &run.world.state;
    let is_open = |offer: OfferId, agent: AgentId| {
        state.offers.get(&offer).is_some_and(|open| open.agent == agent && open.framework == framework)
    };
    let here = |offer: &OfferId| match recorded.offers.get(offer) {
        Some(agent) if !is_open(*offer, *agent) => {
            let open = state.offers_on(*agent).find(|open| open.framework == framework);
            open.map_or(*offer, |open| open.id)
        }
        _ => *offer,
    };
    offers.iter().map(here).collect()
}

/// Reports of tasks that keep to their recorded places, from the agents on which they are here. What an agent's own going down
/// ends, it ends on that agent, whichever tasks are there.
fn reports(
    command: &Command,
    agent: AgentId,
    updates: &[StatusUpdate],
    recorded: &Recorded,
    run: &Run,
    demand: &Demand,
) -> Vec<Command> {
    let mut by_agent: BTreeMap<AgentId, Vec<StatusUpdate>> = BTreeMap::new();
    let mut went_down: Option<TaskStatus> = None;
    for update in updates {
        let is_known = recorded.instances.of(&update.task).is_some();
        if is_known && is_with_agent(&update.status) {
            went_down.get_or_insert_with(|| update.status.clone());
        }
        let Some(task) = task_here(&update.task, recorded, run) else { continue };
        let from = match run.active.get(&task) {
            Some(actual) if !is_in_its_place(&task, actual, &update.status, agent, run, demand) => continue,
            Some(actual) => actual.agent,
            None => run.world.state.tasks.get(&task).map_or(agent, |task| task.agent),
        };
        by_agent.entry(from).or_default().push(StatusUpdate { task, ..update.clone() });
    }
    if let Some(status) = went_down {
        let strangers = strangers_on(agent, run, demand).map(|task| StatusUpdate {
            id: model::UpdateId::new(format!("{task}-{}", status.state)),
            task: task.clone(),
            observed_at: command.at,
            status: status.clone(),
        });
        let strangers: Vec<StatusUpdate> = strangers.collect();
        if !strangers.is_empty() {
            by_agent.entry(agent).or_default().extend(strangers);
        }
    }
    let numbered = by_agent.into_iter().zip(0_u8..);
    let commands = numbered.map(|((agent, updates), number)| {
        let mut id = command.id;
        id.0[0] ^= number;
        Command { id: CommandId(id.0), kind: CommandKind::UpdateStatus { agent, updates }, ..command.clone() }
    });
    commands.collect()
}

fn is_in_its_place(
    task: &TaskId,
    actual: &Actual,
    status: &TaskStatus,
    agent: AgentId,
    run: &Run,
    demand: &Demand,
) -> bool {
    let life = run.instances.of(task).and_then(|instance| demand.lives.get(instance));
    let Some(life) = life.filter(|life| actual.launched_by == Some(life.launched_by)) else { return false };
    if !status.state.is_terminal() {
        return true;
    }
    match &life.end {
        End::WithAgent => actual.agent == agent,
        End::Asked { by, .. } => actual.killed_by == Some(Some(*by)),
        End::Itself { .. } | End::Unseen => true,
    }
}

/// Tasks that are on this agent here, and were not in the log.
fn strangers_on<'a>(agent: AgentId, run: &'a Run, demand: &'a Demand) -> impl Iterator<Item = &'a TaskId> {
    let here = run.active.iter().filter(move |(_, actual)| actual.agent == agent);
    here.filter_map(move |(task, actual)| {
        let life = run.instances.of(task).and_then(|instance| demand.lives.get(instance));
        let is_recorded = life.is_some_and(|life| life.agent == agent && actual.launched_by == Some(life.launched_by));
        (!is_recorded).then_some(task)
    })
}

/// An agent that registers has the id here that it has in the log.
pub(crate) fn keep_agent_id(events: &mut [Event], recorded: &[Event]) {
    let id_of = |event: &Event| match event {
        Event::AgentRegistered { agent, .. } => Some(*agent),
        _ => None,
    };
    let Some(known) = recorded.iter().find_map(id_of) else { return };
    for event in events {
        if let Event::AgentRegistered { agent, .. } = event {
            *agent = known;
        }
    }
}

/// The name of whoever gave a command that a run refuses, if a person may have.
pub(crate) fn is_of_user(kind: &CommandKind) -> bool {
    matches!(
        kind,
        CommandKind::CreateApp { .. }
            | CommandKind::PutApps { .. }
            | CommandKind::ScaleApp { .. }
            | CommandKind::RestartApp { .. }
            | CommandKind::DestroyApp { .. }
            | CommandKind::KillTasks { .. }
            | CommandKind::DefineProfile { .. }
            | CommandKind::RemoveProfile { .. }
            | CommandKind::ChooseProfile { .. }
            | CommandKind::AddModule { .. }
            | CommandKind::RemoveModule { .. }
    )
}

/// Its name in the log, for a command that is shared.
pub(crate) fn refusal(command: &Command, why: &str) -> String {
    let principal: &Arc<str> = &command.principal.0;
    format!("{} by {principal}: {why}", command.kind.name())
}
