//! What a policy developer writes, and what a policy may look at.
//!
//! A policy sees agents as [`Node`]s, one at a time, or as the columns of a [`Batch`]. It must not know how agents
//! are scanned, nor what happens to its answer.

use std::cell::{Cell, OnceCell};

use model::{AppId, AppVersion, GpuSlots, Scalar};

use crate::columns::{Columns, LANES, Node, Roster, Scale, Stock};
use crate::order::Order;
use crate::slots::Slots;
use crate::tally::Tally;
use crate::typical::Typical;
use crate::wanted::Wanted;
use crate::{Dimension, Request, View};

/// How much the policies that are asked about all agents at once may do for one decision, all of them together. A unit is about
/// what one instruction of a module takes, so this is some 60 ms. It is counted and not timed, so that a decision is the same wherever
/// it is made.
pub const DECISION_WORK: u64 = 100_000_000;

/// How good an agent is for a request: any number up to [`Score::MAX`]; the highest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct Score(pub u32);

impl Score {
    pub const MAX: Self = Self(i32::MAX as u32);
}

/// What a policy says of an agent that has room and fulfils the constraints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Feasible,
    /// The reason becomes the detail of [`model::Filter::RefusedByPolicy`]; agents are counted by it.
    Refused(&'static str),
}

/// What the engine may rely on, so that it need not look at every agent for every decision. A policy that promises nothing
/// is asked about all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ranking {
    /// Anything may change a score.
    Unknown,
    /// Scores depend on the agent, on what the request needs, and on constraints that hold for an agent alone: not on the app,
    /// the seed, or other agents.
    ByShape,
    /// The same, and on the demand.
    ByShapeAndDemand,
    /// For every request, agents have a higher score exactly when they come earlier in this order, and the same score when
    /// they have the same key; and what [`Policy::filter`] says depends on no more than with [`Self::ByShape`].
    By(Order),
    /// The same for agents without instances of the app; all of these have a higher score than any agent with some.
    ByInstancesThen(Order),
}

/// What a policy that is asked about all agents at once says of one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assessment {
    Scored(Score),
    /// As [`Verdict::Refused`].
    Refused(&'static str),
}

/// A policy gave no answer that can be used; in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(pub String);

/// Decides between agents. Pure: the same context, request and node give the same answer.
pub trait Policy: Send + Sync {
    /// Says what is decided by: policies of one name decide alike.
    fn name(&self) -> &str;

    /// Whether the agent may be chosen at all. It is asked only about agents that pass all other filters.
    fn filter(&self, cx: &Context<'_>, request: &Request, node: Node<'_>) -> Verdict {
        let _ = (cx, request, node);
        Verdict::Feasible
    }

    /// How good the agent is; asked only about feasible ones.
    fn score(&self, cx: &Context<'_>, request: &Request, node: Node<'_>) -> Score;

    /// Which of the chosen agent's GPUs the request gets. The first whole ones and, for a part of one, the GPU that it leaves
    /// the least of, unless the policy knows better.
    fn gpus(&self, cx: &Context<'_>, request: &Request, node: Node<'_>) -> Option<GpuSlots> {
        let _ = cx;
        node.pick_gpus(request.gpus)
    }

    /// What can be said of all scores. The engine's tests hold the policy to it.
    fn ranking(&self, request: &Request) -> Ranking {
        let _ = request;
        Ranking::Unknown
    }

    /// Whether [`Self::assess`] is the form that is asked, instead of filter and score: for policies that are costly to call, or
    /// that can fail.
    fn is_asked_at_once(&self) -> bool {
        false
    }

    /// What it says of each of these agents, which pass all other filters; as many answers, in the same order.
    fn assess(
        &self,
        cx: &Context<'_>,
        request: &Request,
        nodes: &[Node<'_>],
        assessments: &mut Vec<Assessment>,
    ) -> Result<(), Fault> {
        assessments.extend(nodes.iter().map(|node| match self.filter(cx, request, *node) {
            Verdict::Feasible => Assessment::Scored(self.score(cx, request, *node)),
            Verdict::Refused(reason) => Assessment::Refused(reason),
        }));
        Ok(())
    }

    /// A faster form of [`Self::filter`]. It must refuse the same agents.
    fn filter_batch(&self, cx: &Context<'_>, request: &Request, batch: &mut Batch<'_>) {
        for lane in 0..LANES {
            if batch.is_feasible(lane)
                && let Verdict::Refused(reason) = self.filter(cx, request, batch.node(lane))
            {
                batch.refuse(lane, reason);
            }
        }
    }

    /// A faster form of [`Self::score`]. It must give feasible agents the same scores; those of others do not count.
    fn score_batch(&self, cx: &Context<'_>, request: &Request, batch: &Batch<'_>, scores: &mut [Score; LANES]) {
        for (lane, score) in scores.iter_mut().enumerate() {
            if batch.is_feasible(lane) {
                *score = self.score(cx, request, batch.node(lane));
            }
        }
    }
}

/// What a decision is made in, the same for all agents.
pub struct Context<'a> {
    seed: u64,
    scale: &'a Scale,
    demand: u32,
    gpu_demand: u32,
    own: Own<'a>,
    wanted: &'a Wanted,
    /// Of [`DECISION_WORK`], the part of each policy that is asked about all agents at once.
    allowance: u64,
    work: Cell<u64>,
}

impl<'a> Context<'a> {
    /// `at_once` policies are asked about all agents at once.
    pub(crate) fn new(
        seed: u64,
        scale: &'a Scale,
        request: &Request,
        own: Own<'a>,
        wanted: &'a Wanted,
        at_once: usize,
    ) -> Self {
        let demand = scale.vacancy(Dimension::ALL.map(|dimension| request.amount(dimension).0));
        let gpu_demand = scale.share(Dimension::Gpus, request.gpus.0);
        let allowance = DECISION_WORK / at_once.max(1) as u64;
        Self { seed, scale, demand, gpu_demand, own, wanted, allowance, work: Cell::new(0) }
    }

    /// A number that differs from decision to decision and is the same when a decision is made again.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What the request takes of a node's [`Node::vacancy`].
    #[must_use]
    pub fn demand(&self) -> u32 {
        self.demand
    }

    /// What the request takes of a node's [`Node::gpu_vacancy`].
    #[must_use]
    pub fn gpu_demand(&self) -> u32 {
        self.gpu_demand
    }

    /// What the largest agent has of a dimension.
    #[must_use]
    pub fn largest(&self, dimension: Dimension) -> Scalar {
        Scalar(self.scale.largest(dimension))
    }

    /// An amount as a share of the largest agent's total, which counts 2^20 - 1.
    #[must_use]
    pub fn share(&self, dimension: Dimension, amount: Scalar) -> u32 {
        self.scale.share(dimension, amount.0)
    }

    /// What the cluster is asked for, as a few typical tasks. For policies whose [`Ranking`] says that the demand matters.
    #[must_use]
    pub fn typical(&self) -> &'a Typical {
        self.wanted.typical(self.own.view)
    }

    /// What the cluster is asked for, as slots on GPUs and how scarce they are. As [`Self::typical`].
    #[must_use]
    pub fn slots(&self) -> &'a Slots {
        self.wanted.slots(self.own.view)
    }

    /// How much work a policy that is asked about all agents at once may do for this decision. One that would do more is to fail.
    #[must_use]
    pub fn allowance(&self) -> u64 {
        self.allowance
    }

    /// Says that so much work was done for this decision; see [`crate::Scratch::work`].
    pub fn spend(&self, work: u64) {
        self.work.set(self.work.get().saturating_add(work));
    }

    pub(crate) fn work(&self) -> u64 {
        self.work.get()
    }

    /// Where the app has instances, sorted by row.
    pub(crate) fn own_rows(&self) -> &'a [(u32, u32)] {
        self.own.rows()
    }

    /// How many instances of the request's app are on the agent, of the versions that count.
    #[must_use]
    pub fn instances_on(&self, node: Node<'_>) -> u32 {
        let own = self.own.rows();
        own.binary_search_by_key(&(node.row() as u32), |(row, _)| *row).map_or(0, |index| own[index].1)
    }
}

/// Where the app of a request has instances already: in the view, and placed in this scratch.
pub(crate) struct Own<'a> {
    pub(crate) view: &'a View,
    pub(crate) app: &'a AppId,
    pub(crate) counted_since: AppVersion,
    pub(crate) placed: &'a Tally,
    /// Filled when first asked for.
    pub(crate) rows: &'a OnceCell<Vec<(u32, u32)>>,
}

impl<'a> Own<'a> {
    /// Rows with instances, sorted, and how many.
    pub(crate) fn rows(&self) -> &'a [(u32, u32)] {
        self.rows.get_or_init(|| {
            let mut rows: Vec<(u32, u32)> = Vec::new();
            for (agent, version, count) in self.view.instances(self.app) {
                let Some(row) = self.view.columns.row_of(agent).filter(|_| version >= self.counted_since) else {
                    continue;
                };
                match rows.last_mut() {
                    Some(last) if last.0 == row as u32 => last.1 += count,
                    _ => rows.push((row as u32, count)),
                }
            }
            for (row, count) in self.placed.rows() {
                count_in(&mut rows, row, count);
            }
            rows
        })
    }
}

/// Adds to the count of a row in a sorted list.
pub(crate) fn count_in(rows: &mut Vec<(u32, u32)>, row: u32, count: u32) {
    match rows.binary_search_by_key(&row, |(row, _)| *row) {
        Ok(index) => rows[index].1 += count,
        Err(index) => rows.insert(index, (row, count)),
    }
}

/// Up to [`LANES`] agents with neighbouring ids, column by column. Which of them are feasible is part of it; columns
/// have entries for the others too.
pub struct Batch<'a> {
    pub(crate) columns: &'a Columns,
    pub(crate) roster: &'a Roster,
    pub(crate) stock: &'a Stock,
    pub(crate) start: usize,
    pub(crate) ok: [i32; LANES],
    pub(crate) refusals: &'a mut Vec<(&'static str, u32)>,
}

impl Batch<'_> {
    #[must_use]
    pub fn is_feasible(&self, lane: usize) -> bool {
        self.ok[lane] != 0
    }

    #[must_use]
    pub fn node(&self, lane: usize) -> Node<'_> {
        Node::new(self.columns, self.roster, self.stock, self.start + lane, lane)
    }

    /// Rules a feasible agent out.
    pub fn refuse(&mut self, lane: usize, reason: &'static str) {
        if std::mem::take(&mut self.ok[lane]) == 0 {
            return;
        }
        match self.refusals.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => self.refusals.push((reason, 1)),
        }
    }

    /// The numbers of the agents' ids.
    #[must_use]
    pub fn ids(&self) -> &[u32; LANES] {
        &self.roster.ids
    }

    /// In thousandths.
    #[must_use]
    pub fn total(&self, dimension: Dimension) -> &[i64; LANES] {
        &self.roster.total[dimension as usize]
    }

    /// In thousandths.
    #[must_use]
    pub fn free(&self, dimension: Dimension) -> &[i64; LANES] {
        &self.stock.free[dimension as usize]
    }

    /// See [`Node::vacancy`].
    #[must_use]
    pub fn vacancy(&self) -> &[u32; LANES] {
        &self.stock.vacancy
    }

    /// See [`Node::gpu_vacancy`].
    #[must_use]
    pub fn gpu_vacancy(&self) -> &[u32; LANES] {
        &self.stock.gpu_vacancy
    }

    /// The lanes on which the request's app has instances, and how many; see [`Context::instances_on`].
    pub fn instances(&self, cx: &Context<'_>) -> impl Iterator<Item = (usize, u32)> {
        let own = cx.own.rows();
        let first = own.partition_point(|(row, _)| (*row as usize) < self.start);
        let here = own[first..].iter().map(|(row, count)| (*row as usize - self.start, *count));
        here.take_while(|(lane, _)| *lane < LANES)
    }
}
