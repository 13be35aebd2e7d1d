//! Which agents have something to offer to frameworks outside: kept from the same records as the state and the picture, so
//! that an allocation looks at agents on which something has changed, and at no others.

use std::collections::{BTreeMap, BTreeSet};

use model::{AgentId, Event, Scalar, Timestamp};
use placement::{Dimension, Node, View};

/// Below both of these, what is free on an agent is not worth an offer; Mesos' figures.
const LEAST_CPUS: Scalar = Scalar(10);
const LEAST_MEM: Scalar = Scalar::from_whole(32);

/// Derived: the same view gives an equivalent book.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// Connected agents with enough free, of which it is not known that nobody wants them.
    pub(crate) ready: BTreeSet<AgentId>,
    /// Connected agents with enough free that everybody has refused, until then.
    held_back: BTreeMap<AgentId, Timestamp>,
    by_end: BTreeSet<(Timestamp, AgentId)>,
    /// What each agent has in all, connected or not, and the sum.
    totals: BTreeMap<AgentId, [i64; 4]>,
    pub(crate) total: [i64; 4],
}

impl Book {
    pub(crate) fn of(view: &View) -> Self {
        let mut book = Self::default();
        for node in view.nodes() {
            book.count(node.agent(), view);
            book.look_at(node.agent(), view);
        }
        book
    }

    /// The agents of which an event changes what can be offered, asked before the view has it.
    pub(crate) fn concerned(event: &Event, view: &View) -> Vec<AgentId> {
        match event {
            Event::AgentRegistered { agent, .. }
            | Event::AgentReconnected { agent, .. }
            | Event::AgentDisconnected { agent, .. }
            | Event::AgentRemoved { agent, .. } => vec![*agent],
            Event::OffersMade { offers, .. } => offers.agents.clone(),
            Event::OffersClosed { offers, .. } => {
                offers.iter().filter_map(|offer| view.agent_of_offer(*offer)).collect()
            }
            Event::TaskLaunched { task } => vec![task.agent],
            Event::TaskStatusChanged { agent, status, .. } if status.state.is_terminal() => vec![*agent],
            _ => Vec::new(),
        }
    }

    /// Follows an event that the view has by now.
    pub(crate) fn follow(&mut self, event: &Event, concerned: &[AgentId], view: &View) {
        for agent in concerned {
            match event {
                Event::AgentRegistered { .. } | Event::AgentReconnected { .. } | Event::AgentRemoved { .. } => {
                    self.count(*agent, view);
                }
                _ => {}
            }
            self.look_at(*agent, view);
        }
        match event {
            Event::OffersHeldBack { agents, until } => {
                for (agent, until) in agents.iter().zip(until) {
                    self.hold_back(*agent, *until);
                }
            }
            // Somebody may want now what nobody wanted.
            Event::FrameworkSubscribed { .. } | Event::OffersRevived { .. } => {
                self.by_end.clear();
                self.ready.extend(std::mem::take(&mut self.held_back).into_keys());
            }
            _ => {}
        }
    }

    fn count(&mut self, agent: AgentId, view: &View) {
        let now = view.node(agent).map(|node| Dimension::ALL.map(|dimension| node.total(dimension).0));
        let before = match now {
            Some(now) => self.totals.insert(agent, now),
            None => self.totals.remove(&agent),
        };
        let (now, before) = (now.unwrap_or_default(), before.unwrap_or_default());
        for (index, total) in self.total.iter_mut().enumerate() {
            *total += now[index] - before[index];
        }
    }

    fn look_at(&mut self, agent: AgentId, view: &View) {
        if let Some(until) = self.held_back.remove(&agent) {
            self.by_end.remove(&(until, agent));
        }
        if view.node(agent).is_some_and(is_worth_an_offer) {
            self.ready.insert(agent);
        } else {
            self.ready.remove(&agent);
        }
    }

    fn hold_back(&mut self, agent: AgentId, until: Timestamp) {
        if self.ready.remove(&agent) {
            self.held_back.insert(agent, until);
            self.by_end.insert((until, agent));
        }
    }

    /// When an agent that everybody has refused can be offered again.
    pub(crate) fn next_end(&self) -> Option<Timestamp> {
        self.by_end.first().map(|(until, _)| *until)
    }

    /// The agents to look at, those that were held back until now among them. They come in the order of their ids, as with a book that
    /// began with the present state and does not know who was held back.
    pub(crate) fn to_look_at(&self, now: Timestamp) -> impl Iterator<Item = AgentId> + '_ {
        let ended = self.by_end.iter().take_while(|(until, _)| *until <= now).map(|(_, agent)| *agent);
        let mut ended: Vec<AgentId> = ended.collect();
        ended.sort_unstable();
        let (mut ended, mut ready) = (ended.into_iter().peekable(), self.ready.iter().copied().peekable());
        std::iter::from_fn(move || match (ended.peek(), ready.peek()) {
            (Some(one), Some(other)) if other < one => ready.next(),
            (Some(_), _) => ended.next(),
            (None, _) => ready.next(),
        })
    }

    /// What is kept incrementally and differs from what the view says.
    #[must_use]
    pub fn check(&self, view: &View) -> Vec<String> {
        let fresh = Self::of(view);
        let mut wrong = Vec::new();
        let known: BTreeSet<AgentId> = self.ready.iter().chain(self.held_back.keys()).copied().collect();
        if known != fresh.ready {
            wrong.push(format!("agents {:?} can be offered, but the book has {known:?}", fresh.ready));
        }
        if self.total != fresh.total || self.totals != fresh.totals {
            wrong.push(format!("all agents have {:?}, but the book has {:?}", fresh.total, self.total));
        }
        if self.by_end.iter().map(|(until, agent)| (*agent, *until)).collect::<BTreeMap<_, _>>() != self.held_back {
            wrong.push("the agents that are held back are not found by time".to_owned());
        }
        wrong
    }
}

fn is_worth_an_offer(node: Node<'_>) -> bool {
    node.is_active() && is_worth(node.free(Dimension::Cpus), node.free(Dimension::Mem))
}

/// Whether so much is worth an offer, or a filter.
pub(crate) fn is_worth(cpus: Scalar, mem: Scalar) -> bool {
    cpus >= LEAST_CPUS || mem >= LEAST_MEM
}
