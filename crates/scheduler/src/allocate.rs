//! The allocation cycle: compares what is wanted with what is there, app by app, and makes up the difference.
//!
//! Reconcile before place: what is too much is asked to end first, then what is missing is placed. The built-in
//! framework is offered only what it takes, so offers, their acceptance and the launches are told together.

use std::collections::BTreeSet;

use model::{
    AgentId, App, AppId, Event, Explanation, FrameworkId, KillReason, LaunchedTask, OfferBatch, OfferOutcome, Task,
    TaskId, TaskState, Timestamp, Waiting, WaitingCause, Workload,
};
use placement::{DECISION_WORK, Outcome, Placed, ReadyProfile, Request, Scratch};
use state::State;

use crate::World;
use crate::draft::Draft;
use crate::explain::Asked;
use crate::shares::{Queue, services_first};

/// How many tasks one allocation launches at most; the next one follows at once. It bounds the size of a record.
pub const LAUNCHES_PER_ALLOCATION: usize = 500;

/// How much work of looking at every agent one allocation begins to do, which blends and modules need; the next one follows at once.
/// A decision that has begun is made, so the loop is away for the time of two of these at most.
pub const WORK_PER_ALLOCATION: u64 = DECISION_WORK;

/// What one cycle hands out.
struct Cycle<'a> {
    scratch: Scratch<'a>,
    offers: OfferBatch,
    launches: Vec<LaunchedTask>,
    /// Apps that come last, and how many instances they miss.
    last: Vec<(&'a App, usize)>,
}

impl Cycle<'_> {
    /// Whether the rest is for the next allocation.
    fn is_full(&self) -> bool {
        self.launches.len() >= LAUNCHES_PER_ALLOCATION || self.scratch.work() >= WORK_PER_ALLOCATION
    }
}

impl World {
    /// When an allocation has something to do that it cannot do yet; None when only a new record can give it work.
    #[must_use]
    pub fn next_allocation_at(&self) -> Option<Timestamp> {
        let apps = self.state.unsettled_apps().iter().filter_map(|id| self.state.apps.get(id));
        let held = apps.filter_map(|app| match app.waiting.as_ref()?.cause {
            WaitingCause::Backoff { until } => Some(until),
            _ => None,
        });
        held.chain(self.next_offering_at()).min()
    }
}

impl Draft<'_> {
    pub(crate) fn allocate(&mut self) {
        self.expire_offers();
        self.remove_overdue_frameworks();
        self.end_orphans();
        self.advance_deployments();
        if self.world.book.to_look_at(self.now()).next().is_none() {
            self.allocate_services(&[]);
            return;
        }
        let queue = Queue::of(self.world);
        if services_first(self.state(), &self.world.book.total, &queue) {
            let placed_on = self.allocate_services(&[]);
            self.offer_to_frameworks(queue, &placed_on);
        } else {
            let offered = self.offer_to_frameworks(queue, &BTreeSet::new());
            self.allocate_services(&offered);
        }
    }

    /// Returns where it placed something. Nothing is placed on agents that were `offered` to others.
    fn allocate_services(&mut self, offered: &[AgentId]) -> BTreeSet<AgentId> {
        let (scratch, offers) = (Scratch::new(&self.world.view), OfferBatch::default());
        let mut cycle = Cycle { scratch, offers, launches: Vec::new(), last: Vec::new() };
        offered.iter().for_each(|agent| cycle.scratch.withhold(*agent));
        let state = self.state();
        for app in state.unsettled_apps().iter().filter_map(|id| state.apps.get(id)) {
            self.reconcile(&mut cycle, app);
        }
        self.place_last(&mut cycle);
        let placed_on = cycle.offers.agents.iter().copied().collect();
        self.tell(cycle);
        placed_on
    }

    fn reconcile<'s>(&mut self, cycle: &mut Cycle<'s>, app: &'s App) {
        let id = &app.spec.id;
        if self.has_what_it_wants(app) {
            return self.tell_waiting(app, None);
        }
        let its_turn = self.is_its_turn(id);
        let wanted = app.spec.instances as usize;
        let (current, old) = self.state().tasks_of_app(id).staying(app.config_version);
        if its_turn && (old > 0 || current > wanted) {
            self.end_excess(app);
        }
        let missing = wanted.saturating_sub(current);
        let held = if its_turn { self.held_back(app) } else { Some(WaitingCause::EarlierStep) };
        let waiting = match held {
            _ if missing == 0 => None,
            Some(cause) => waiting(missing, cause),
            None if self.comes_last(app) => return cycle.last.push((app, missing)),
            None => self.place(cycle, app, missing),
        };
        self.tell_waiting(app, waiting);
    }

    /// Whether it found nothing when it was asked for last, and asking again is costly. Such apps must not take all the work that an
    /// allocation may do from the others.
    fn comes_last(&self, app: &App) -> bool {
        let found_nothing =
            app.waiting.as_ref().is_some_and(|waiting| matches!(waiting.cause, WaitingCause::NothingFits { .. }));
        found_nothing && self.deciding_for(app).is_costly()
    }

    /// Beginning with one that the seed chooses, so that each has its turn.
    fn place_last(&mut self, cycle: &mut Cycle<'_>) {
        let mut last = std::mem::take(&mut cycle.last);
        if let Some(first) = self.command.seed.checked_rem(last.len() as u64) {
            last.rotate_left(first as usize);
        }
        for (app, missing) in last {
            let waiting = self.place(cycle, app, missing);
            self.tell_waiting(app, waiting);
        }
    }

    fn tell_waiting(&mut self, app: &App, waiting: Option<Waiting>) {
        if waiting != app.waiting {
            self.events.push(Event::WaitingChanged { app: app.spec.id.clone(), waiting });
        }
    }

    /// Whether there is nothing to start or to end; tasks may still be on their way to running. It is asked with every
    /// batch while the reports of a large app come in, so it looks at counts only.
    fn has_what_it_wants(&self, app: &App) -> bool {
        let tasks = self.state().tasks_of_app(&app.spec.id);
        let has_old = tasks.by_version.range(..app.config_version).next().is_some();
        tasks.active.len() == app.spec.instances as usize && tasks.killing.is_empty() && !has_old
    }

    /// Ends tasks beyond the wanted number, and one task of an older version for each new one that runs.
    fn end_excess(&mut self, app: &App) {
        let staying = self.state().active_tasks_of_app(&app.spec.id).filter(|task| task.kill.is_none());
        let (mut current, mut old): (Vec<&Task>, Vec<&Task>) =
            staying.partition(|task| task.is_since(app.config_version));
        let wanted = app.spec.instances as usize;
        let running = current.iter().filter(|task| task.status.state == TaskState::Running).count();
        let old_to_end = old.len().saturating_sub(wanted.saturating_sub(running));
        let excess = current.len().saturating_sub(wanted);
        if old_to_end > 0 {
            old.sort_by_key(|task| expendability(task));
        }
        if excess > 0 {
            current.sort_by_key(|task| expendability(task));
        }
        let superseded = old.into_iter().take(old_to_end).map(|task| (task, KillReason::Superseded));
        let scaled_down = current.into_iter().take(excess).map(|task| (task, KillReason::ScaledDown));
        for (task, reason) in superseded.chain(scaled_down) {
            self.events.push(Event::TaskKillRequested { task: task.id.clone(), agent: task.agent, reason });
        }
    }

    /// What keeps an app from starting instances whatever the agents have.
    fn held_back(&self, app: &App) -> Option<WaitingCause> {
        if let Some(delay) = app.delay.filter(|delay| self.now() < delay.until) {
            return Some(WaitingCause::Backoff { until: delay.until });
        }
        let being_deployed = self.state().deployments_of(&app.spec.id).next().is_some();
        let dependency = app.spec.dependencies.iter().find(|dependency| !runs_whole(self.state(), dependency));
        dependency.filter(|_| being_deployed).map(|app| WaitingCause::Dependency { app: app.clone() })
    }

    fn place(&mut self, cycle: &mut Cycle<'_>, app: &App, missing: usize) -> Option<Waiting> {
        let request = Request::of_app(&app.spec).counting_since(app.config_version);
        let mut profile = self.deciding_for(app);
        for placed in 0..missing {
            let seed = self.command.seed.wrapping_add(cycle.launches.len() as u64);
            let outcome = loop {
                if cycle.is_full() {
                    // The rest is not refused, only not asked for yet.
                    self.is_unfinished = true;
                    return app.waiting.clone();
                }
                if let Some(observer) = &mut self.observer {
                    let asked = Asked { app: &app.spec.id, nth: placed, profile: &profile, seed, request: &request };
                    observer(&asked, &mut cycle.scratch);
                }
                match cycle.scratch.place(&profile, seed, &request) {
                    Outcome::Faulty(fault) => self.disable(fault),
                    outcome => break outcome,
                }
                profile = self.deciding_for(app);
            };
            match outcome {
                Outcome::Placed(mut found) => {
                    name(&mut found.explanation, &profile);
                    self.launch(cycle, app, found);
                }
                Outcome::Nowhere(mut explanation) => {
                    name(&mut explanation, &profile);
                    return waiting(missing - placed, WaitingCause::NothingFits { explanation });
                }
                Outcome::Faulty(_) => unreachable!("what is faulty was disabled"),
            }
        }
        None
    }

    fn launch(&mut self, cycle: &mut Cycle<'_>, app: &App, placed: Placed) {
        let offer = self.make_offer_id();
        let id = TaskId::new(format!("{}.instance-{}._app.1", app.spec.id.flat(), self.make_id()));
        let mut resources = app.spec.resources.clone();
        resources.ports = model::PortRanges::from_ports(placed.host_ports.iter().copied());
        resources.gpu_slots = placed.gpu_slots;
        cycle.offers.offers.push(offer);
        cycle.offers.agents.push(placed.agent);
        cycle.offers.resources.push(resources.clone());
        cycle.launches.push(LaunchedTask {
            id,
            framework: FrameworkId::SERVICES,
            offer,
            agent: placed.agent,
            workload: Workload::App { app: app.spec.id.clone(), version: app.version },
            resources,
            host_ports: placed.host_ports,
            explanation: Some(placed.explanation),
        });
    }

    fn tell(&mut self, cycle: Cycle<'_>) {
        if cycle.launches.is_empty() {
            return;
        }
        let framework = FrameworkId::SERVICES;
        let offers = cycle.offers.offers.clone();
        self.events.push(Event::OffersMade { framework, offers: cycle.offers });
        self.events.push(Event::OffersClosed {
            framework,
            offers,
            outcome: OfferOutcome::Accepted,
            refused_until: None,
        });
        let launched = cycle.launches.into_iter().map(|task| Event::TaskLaunched { task: Box::new(task) });
        self.events.extend(launched);
    }
}

/// What decided is the profile, whatever policy that is made of.
fn name(explanation: &mut Explanation, profile: &ReadyProfile) {
    if *explanation.policy != **profile.name() {
        explanation.policy = profile.name().to_string();
    }
}

fn waiting(instances: usize, cause: WaitingCause) -> Option<Waiting> {
    Some(Waiting { instances: u32::try_from(instances).unwrap_or(u32::MAX), cause })
}

/// Tasks that do not run yet end before those that do, and the youngest first.
fn expendability(task: &Task) -> (bool, std::cmp::Reverse<Timestamp>, TaskId) {
    (task.status.state == TaskState::Running, std::cmp::Reverse(task.launched_at), task.id.clone())
}

fn runs_whole(state: &State, id: &AppId) -> bool {
    let tasks = state.tasks_of_app(id);
    state.apps.get(id).is_some_and(|app| tasks.running_since(app.config_version) >= app.spec.instances)
}
