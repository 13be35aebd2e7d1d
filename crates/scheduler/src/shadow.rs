//! A second profile that decides on the same records, and on which nobody acts.
//!
//! It is asked twice about each launch. As the cluster is: whether it would have chosen the same agent. And in a cluster of its
//! own, in which its earlier choices hold and tasks end when they end in the real one: how that fills up, and how fragmented it
//! becomes. Must not know where records come from; the same records give the same counts.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use model::{
    AgentId, AppId, AppSpec, AppVersion, Event, FrameworkId, LaunchedTask, OfferBatch, PortRanges, Record, Row, TaskId,
    Workload,
};
use placement::{Dimension, Faulty, Fragmentation, Outcome, Placed, ReadyProfile, Request, Scratch, View};
use state::State;

use crate::explain::{Asked, Observer};

/// So many of the newest differences are kept.
const DIFFERENCES_KEPT: usize = 20;

/// What a shadow has counted since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShadowCounts {
    pub decisions: u64,
    /// It would have chosen the same agent.
    pub agreed: u64,
    /// As the cluster was, nothing was good enough for it.
    pub nowhere: u64,
    /// In its own cluster there was no room.
    pub without_room: u64,
}

/// A launch for which it would have chosen another agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub task: TaskId,
    pub agent: AgentId,
    /// Missing when no agent would have been good enough.
    pub shadow: Option<AgentId>,
}

/// How full a cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Packing {
    pub agents: u32,
    /// On which something is taken.
    pub in_use: u32,
    /// By dimension, the share that is taken of what connected agents have; 0 of nothing.
    pub taken: [f64; 4],
    /// The share of what is free of GPUs that the typical task cannot use.
    pub fragmented: f64,
}

pub struct Shadow {
    profile: ReadyProfile,
    /// As the cluster is.
    live: View,
    /// As it would be.
    own: View,
    /// Where tasks are in its own cluster, if they are elsewhere or nowhere there.
    moved: BTreeMap<TaskId, Option<AgentId>>,
    apps: BTreeMap<AppId, Wanted>,
    counts: ShadowCounts,
    differences: VecDeque<Difference>,
    fault: Option<Faulty>,
}

struct Wanted {
    spec: Arc<AppSpec>,
    config_version: AppVersion,
}

impl Shadow {
    /// Begins with the cluster as it is.
    #[must_use]
    pub fn begin(profile: ReadyProfile, state: &State) -> Self {
        let mut live = View::default();
        let mut apps = BTreeMap::new();
        for event in &state.baseline() {
            live.apply(event);
            note_app(&mut apps, event);
        }
        let own = live.clone();
        let (counts, differences) = (ShadowCounts::default(), VecDeque::new());
        Self { profile, live, own, moved: BTreeMap::new(), apps, counts, differences, fault: None }
    }

    #[must_use]
    pub fn profile(&self) -> &Arc<str> {
        self.profile.name()
    }

    #[must_use]
    pub const fn counts(&self) -> ShadowCounts {
        self.counts
    }

    /// The newest first.
    pub fn differences(&self) -> impl Iterator<Item = &Difference> {
        self.differences.iter()
    }

    /// Why it decides nothing any more.
    #[must_use]
    pub const fn fault(&self) -> Option<&Faulty> {
        self.fault.as_ref()
    }

    /// The cluster as it is, and as it would be.
    #[must_use]
    pub fn packing(&self) -> (Packing, Packing) {
        (Packing::of(&self.live), Packing::of(&self.own))
    }

    /// Where a task that was launched, in the cluster on `live`, is in its own; None when there was no room.
    #[must_use]
    pub fn place_of(&self, task: &TaskId, live: AgentId) -> Option<AgentId> {
        self.moved.get(task).map_or(Some(live), |moved| *moved)
    }

    pub fn follow(&mut self, record: &Record) {
        self.follow_observed(record, None);
    }

    /// The same, watched by somebody who is shown every instance before it is placed in the shadow's own cluster.
    pub fn follow_observed(&mut self, record: &Record, observer: Option<&mut Observer<'_>>) {
        if self.fault.is_some() {
            return;
        }
        let mut decided = self.decide(record, observer);
        for event in &record.events {
            note_app(&mut self.apps, event);
            match event {
                Event::TaskLaunched { task } if decided.front().is_some_and(|(id, _)| *id == task.id) => {
                    let placed = decided.pop_front().and_then(|(_, placed)| placed);
                    self.launch(task, event, placed);
                }
                _ => self.pass_on(event),
            }
        }
    }

    /// Where each of the record's launches goes in the shadow's own cluster. They were decided in the cluster as it was before the
    /// record, one after the other.
    fn decide(
        &mut self,
        record: &Record,
        mut observer: Option<&mut Observer<'_>>,
    ) -> VecDeque<(TaskId, Option<Placed>)> {
        let launches: Vec<(&LaunchedTask, Request)> =
            record.events.iter().filter_map(|event| self.asked(event)).collect();
        let mut decided = VecDeque::with_capacity(launches.len());
        let (mut live, mut own) = (Scratch::new(&self.live), Scratch::new(&self.own));
        for agent in offered_before_launches(&record.events) {
            live.withhold(agent);
            own.withhold(agent);
        }
        let mut of_app: BTreeMap<AppId, usize> = BTreeMap::new();
        for (index, (task, request)) in launches.into_iter().enumerate() {
            let seed = record.cause.seed.wrapping_add(index as u64);
            if let Some(observer) = &mut observer {
                let nth = of_app.entry(request.app.clone()).or_default();
                let (profile, request) = (&self.profile, &request);
                observer(&Asked { app: &request.app, nth: *nth, profile, seed, request }, &mut own);
                *nth += 1;
            }
            let (as_it_is, in_own) =
                (live.place(&self.profile, seed, &request), own.place(&self.profile, seed, &request));
            let (chosen, placed) = match (as_it_is, in_own) {
                (Outcome::Faulty(fault), _) | (_, Outcome::Faulty(fault)) => {
                    self.fault = Some(fault);
                    return VecDeque::new();
                }
                (as_it_is, in_own) => (as_it_is.placed(), in_own.placed()),
            };
            self.counts.decisions += 1;
            self.counts.nowhere += u64::from(chosen.is_none());
            self.counts.without_room += u64::from(placed.is_none());
            let shadow = chosen.as_ref().map(|placed| placed.agent);
            if shadow == Some(task.agent) {
                self.counts.agreed += 1;
            } else {
                self.differences.truncate(DIFFERENCES_KEPT - 1);
                self.differences.push_front(Difference { task: task.id.clone(), agent: task.agent, shadow });
            }
            if let Some(placed) = &chosen {
                live.release(&request, placed);
            }
            live.occupy(&request, task.agent, &task.host_ports, &task.resources.gpu_slots);
            decided.push_back((task.id.clone(), placed));
        }
        decided
    }

    /// A launch that placement decided.
    fn asked<'r>(&self, event: &'r Event) -> Option<(&'r LaunchedTask, Request)> {
        let Event::TaskLaunched { task } = event else { return None };
        let Workload::App { app, version: _ } = &task.workload else { return None };
        let wanted = self.apps.get(app).filter(|_| task.explanation.is_some())?;
        Some((task, Request::of_app(&wanted.spec).counting_since(wanted.config_version)))
    }

    fn launch(&mut self, task: &LaunchedTask, event: &Event, placed: Option<Placed>) {
        self.live.apply(event);
        let Some(placed) = placed else {
            self.moved.insert(task.id.clone(), None);
            return;
        };
        if placed.agent != task.agent {
            self.moved.insert(task.id.clone(), Some(placed.agent));
        }
        let mut resources = task.resources.clone();
        resources.ports = PortRanges::from_ports(placed.host_ports.iter().copied());
        resources.gpu_slots = placed.gpu_slots;
        let (agent, host_ports) = (placed.agent, placed.host_ports);
        let task = LaunchedTask { agent, host_ports, resources, ..task.clone() };
        self.own.apply(&Event::TaskLaunched { task: Box::new(task) });
    }

    /// What is no decision of placement happens in both clusters.
    fn pass_on(&mut self, event: &Event) {
        match event {
            // The launches that they lead to are told themselves.
            Event::OffersMade { framework, .. } | Event::OffersClosed { framework, .. }
                if *framework == FrameworkId::SERVICES => {}
            Event::TaskStatusChanged { task, update, status, agent: _ } if status.state.is_terminal() => {
                self.live.apply(event);
                match self.moved.remove(task) {
                    None => self.own.apply(event),
                    Some(None) => {}
                    Some(Some(agent)) => {
                        let (task, update, status) = (task.clone(), update.clone(), status.clone());
                        self.own.apply(&Event::TaskStatusChanged { task, agent, update, status });
                    }
                }
            }
            _ => {
                self.live.apply(event);
                self.own.apply(event);
            }
        }
    }
}

/// Agents that were offered to frameworks before services were placed: nothing was placed there.
fn offered_before_launches(events: &[Event]) -> Vec<AgentId> {
    let is_of_services =
        |event: &&Event| matches!(event, Event::OffersMade { framework, .. } if *framework == FrameworkId::SERVICES);
    let before = events.iter().take_while(|event| !is_of_services(event));
    let offered = before.filter_map(|event| match event {
        Event::OffersMade { offers: OfferBatch { agents, .. }, .. } => Some(agents),
        _ => None,
    });
    offered.flatten().copied().collect()
}

fn note_app(apps: &mut BTreeMap<AppId, Wanted>, event: &Event) {
    let (spec, config_version) = match event {
        Event::AppChanged { app, config_version, .. } => (app, *config_version),
        Event::Restored { row } => match row.as_ref() {
            Row::App(app) => (&app.spec, app.config_version),
            _ => return,
        },
        Event::AppDestroyed { app } => {
            apps.remove(app);
            return;
        }
        _ => return,
    };
    apps.insert(spec.id.clone(), Wanted { spec: Arc::clone(spec), config_version });
}

impl Packing {
    #[must_use]
    pub fn of(view: &View) -> Self {
        let mut packing = Self::default();
        let (mut total, mut free) = ([0_i64; 4], [0_i64; 4]);
        for node in view.nodes().filter(placement::Node::is_active) {
            let of_node = Dimension::ALL.map(|dimension| (node.total(dimension).0, node.free(dimension).0.max(0)));
            packing.agents += 1;
            packing.in_use += u32::from(of_node.iter().any(|(total, free)| free < total));
            for (index, (of_total, of_free)) in of_node.into_iter().enumerate() {
                total[index] += of_total;
                free[index] += of_free;
            }
        }
        for (index, taken) in packing.taken.iter_mut().enumerate() {
            let all = total[index];
            *taken = share(all - free[index], all);
        }
        let fragmented = i64::try_from(Fragmentation::of(view).mean()).unwrap_or(i64::MAX);
        packing.fragmented = share(fragmented, free[Dimension::Gpus as usize]);
        packing
    }
}

fn share(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
