//! One agent and one request: everything that keeps the request off the agent, and placing it there and nowhere else.
//!
//! An [`Account`](crate::Account) names the first filter that an agent does not pass; here the others are asked too. Must
//! not know what is done about it.

use std::collections::BTreeSet;

use model::{AgentId, Constraint, Filter, GpuSlots, Scalar};

use crate::blend::{Decider, Faulty, refusal};
use crate::choice::Question;
use crate::columns::LANES;
use crate::constraint::without_wishes;
use crate::ledger::Ledger;
use crate::request::DOCKER;
use crate::scan::OF_DIMENSIONS;
use crate::{Dimension, PortWanted, Request, Scratch};

/// One thing that keeps a request off an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// The agent is not connected.
    Connection,
    Containerizer(&'static str),
    Constraint {
        constraint: Constraint,
        /// What the agent has in the constraint's field.
        has: Option<String>,
        /// What other agents have that fulfil the constraint, in order; None among them for those without the field.
        would_do: Vec<Option<String>>,
    },
    Amount {
        dimension: Dimension,
        wanted: Scalar,
        /// Of GPUs, the most that one task could get: whole ones, and the largest share beside them.
        free: Scalar,
        /// What is free of each GPU; nothing for the other dimensions.
        gpus: GpuSlots,
    },
    Ports {
        wanted: u32,
        /// All that are free, whether they are of use or not.
        free: u32,
        /// Fixed ones that somebody else has, or that are asked for twice.
        held: Vec<u16>,
        /// Fixed ones that are none of the agent's.
        not_offered: Vec<u16>,
    },
    /// What decides would not have it there, for this reason. It is asked only when nothing else is lacking.
    Policy(String),
}

/// Whether wishes count, which are constraints that need not be fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wishes {
    Count,
    /// As when nobody fulfils them.
    LeftAside,
}

impl Lack {
    /// The filter that finds it.
    #[must_use]
    pub const fn filter(&self) -> Filter {
        match self {
            Self::Connection => Filter::AgentInactive,
            Self::Containerizer(_) => Filter::MissingContainerizer,
            Self::Constraint { .. } => Filter::UnfulfilledConstraint,
            Self::Amount { dimension, .. } => OF_DIMENSIONS[*dimension as usize],
            Self::Ports { .. } => Filter::InsufficientPorts,
            Self::Policy(_) => Filter::RefusedByPolicy,
        }
    }
}

impl Scratch<'_> {
    /// All that keeps the request off this agent, in the order of the filters; nothing when it could go there, or the agent
    /// is not known.
    pub fn lacks<'p>(
        &mut self,
        agent: AgentId,
        decider: impl Into<Decider<'p>>,
        seed: u64,
        request: &Request,
        wishes: Wishes,
    ) -> Result<Vec<Lack>, Faulty> {
        let Some(row) = self.row_of(agent) else { return Ok(Vec::new()) };
        let place = self.place_of(&request.app);
        self.ask(place, decider.into(), seed, request, |question, ledger, _, _| {
            match without_wishes(question.tests).filter(|_| wishes == Wishes::LeftAside) {
                Some(tests) => lacks(&Question { tests: &tests, ..*question }, row, ledger),
                None => lacks(question, row, ledger),
            }
        })
    }

    /// Places the request on this agent, wherever else it could go, as often as it has room there but not more often than
    /// `count`. Returns how often. Wishes are left aside: they are about the choice between agents.
    pub fn place_on<'p>(
        &mut self,
        agent: AgentId,
        decider: impl Into<Decider<'p>>,
        seed: u64,
        request: &Request,
        count: u32,
    ) -> Result<u32, Faulty> {
        let Some(row) = self.row_of(agent) else { return Ok(0) };
        let (place, decider) = (self.place_of(&request.app), decider.into());
        for placed in 0..count {
            let seed = seed.wrapping_add(u64::from(placed));
            let found = self.ask(place, decider, seed, request, |question, ledger, _, _| {
                let lesser = without_wishes(question.tests);
                let question = Question { tests: lesser.as_deref().unwrap_or(question.tests), ..*question };
                let is_free = lacks(&question, row, ledger)?.is_empty();
                Ok(is_free.then(|| question.gpus(ledger.node(row))))
            })?;
            let Some(gpu_slots) = found else { return Ok(placed) };
            self.take(place, row, seed, request, &gpu_slots);
        }
        Ok(count)
    }
}

fn lacks(question: &Question<'_>, row: usize, ledger: &Ledger<'_>) -> Result<Vec<Lack>, Faulty> {
    let (columns, stock, lane, needs) = (ledger.columns, ledger.stock(row / LANES), row % LANES, question.needs);
    let mut lacks = Vec::new();
    if !columns.is_active(row) {
        lacks.push(Lack::Connection);
    }
    if needs.is_container && !columns.runs_containers(row) {
        lacks.push(Lack::Containerizer(DOCKER));
    }
    let constraints = question.tests.iter().zip(&question.request.constraints).enumerate();
    let unfulfilled = constraints.filter(|(_, (test, _))| !test.passes(columns, row));
    lacks
        .extend(unfulfilled.map(|(number, (_, constraint))| unfulfilled_by(question, row, ledger, number, constraint)));
    for dimension in Dimension::ALL {
        if needs.dimension(dimension) && !needs.fits(dimension, stock, lane) {
            let (node, wanted) = (ledger.node(row), question.request.amount(dimension));
            let (free, gpus) = match dimension {
                Dimension::Gpus => (node.free_gpus().most_for_one(), node.free_gpus()),
                _ => (node.free(dimension).max(Scalar::ZERO), GpuSlots::none()),
            };
            lacks.push(Lack::Amount { dimension, wanted, free, gpus });
        }
    }
    if needs.ports() && !needs.fits_ports(stock, lane, ledger.ports(row)) {
        lacks.push(ports(question.request, row, ledger));
    }
    if lacks.is_empty() {
        lacks.extend(refusal(question, row, ledger)?.map(Lack::Policy));
    }
    Ok(lacks)
}

fn unfulfilled_by(
    question: &Question<'_>,
    row: usize,
    ledger: &Ledger<'_>,
    number: usize,
    constraint: &Constraint,
) -> Lack {
    let columns = ledger.columns;
    let passing = columns.live_rows().filter(|row| question.tests[number].passes(columns, *row));
    let text = |row: usize| columns.node(row).field(&constraint.field).map(str::to_owned);
    let would_do: BTreeSet<Option<String>> = passing.map(text).collect();
    Lack::Constraint { constraint: constraint.clone(), has: text(row), would_do: would_do.into_iter().collect() }
}

fn ports(request: &Request, row: usize, ledger: &Ledger<'_>) -> Lack {
    let ports = ledger.ports(row);
    let (mut held, mut not_offered, mut asked_for) = (Vec::new(), Vec::new(), BTreeSet::new());
    for port in &request.ports {
        match port {
            PortWanted::Any => {}
            PortWanted::Fixed(port) if !ports.has(*port) => not_offered.push(*port),
            PortWanted::Fixed(port) if !asked_for.insert(*port) || !ports.free().contains(*port) => held.push(*port),
            PortWanted::Fixed(_) => {}
        }
    }
    let wanted = u32::try_from(request.ports.len()).unwrap_or(u32::MAX);
    Lack::Ports { wanted, free: ports.free().len(), held, not_offered }
}
