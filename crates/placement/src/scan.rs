//! The scan: all filters and the score in one pass over the columns, block by block.
//!
//! Must not know what a policy prefers, nor keep anything between two scans.

use model::{AgentId, Explanation, Filter, Filtered};

use crate::choice::{Best, Question};
use crate::columns::{Columns, Dimension, LANES};
use crate::ledger::Ledger;
use crate::needs::count;
use crate::policy::{Batch, Score};
use crate::request::DOCKER;

/// By dimension.
pub(crate) const OF_DIMENSIONS: [Filter; 4] =
    [Filter::InsufficientCpus, Filter::InsufficientMemory, Filter::InsufficientDisk, Filter::InsufficientGpus];

/// The best agent, and how many agents failed what.
pub(crate) struct Found {
    pub(crate) best: Option<Best>,
    pub(crate) explanation: Explanation,
}

/// The rows of all feasible agents, with the account that goes with them.
pub(crate) fn feasible(question: &Question<'_>, ledger: &Ledger<'_>) -> (Vec<u32>, Explanation) {
    let mut scan = Scan::new(question, ledger);
    let mut rows = Vec::new();
    scan.run(|_, batch| {
        let lanes = (0..LANES).filter(|lane| batch.is_feasible(*lane));
        rows.extend(lanes.map(|lane| (batch.start + lane) as u32));
    });
    (rows, scan.explain())
}

/// How many agents were left after each filter.
struct Passed {
    containerizer: u32,
    constraints: Vec<u32>,
    dimensions: [u32; 4],
    ports: u32,
    policy: u32,
}

struct Scan<'a> {
    question: &'a Question<'a>,
    ledger: &'a Ledger<'a>,
    passed: Passed,
    refusals: Vec<(&'static str, u32)>,
    best: Option<Best>,
}

/// Looks at every agent.
pub(crate) fn scan(question: &Question<'_>, ledger: &Ledger<'_>) -> Found {
    let mut scan = Scan::new(question, ledger);
    scan.run(Scan::choose);
    Found { best: scan.best, explanation: scan.explain() }
}

/// The row at which the order of equals begins.
pub(crate) fn pivot(columns: &Columns, seed: u64) -> usize {
    first_in_turn(columns, seed).map_or(0, |agent| columns.first_row_from(agent))
}

/// The id from which on equals have their turn: one that the seed chooses between the lowest and the highest.
pub(crate) fn first_in_turn(columns: &Columns, seed: u64) -> Option<AgentId> {
    let (lowest, highest) = columns.id_bounds()?;
    let span = u64::from(highest.0 - lowest.0) + 1;
    Some(AgentId(lowest.0 + (mix(seed) % span) as u32))
}

/// Neighbouring seeds become unrelated; 0 stays 0.
pub(crate) fn mix(seed: u64) -> u64 {
    let seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    seed ^ (seed >> 31)
}

impl<'a> Scan<'a> {
    fn new(question: &'a Question<'a>, ledger: &'a Ledger<'a>) -> Self {
        let constraints = vec![0; question.tests.len()];
        let passed = Passed { containerizer: 0, constraints, dimensions: [0; 4], ports: 0, policy: 0 };
        Self { question, ledger, passed, refusals: Vec::new(), best: None }
    }

    /// `take` gets the blocks that have feasible agents.
    fn run(&mut self, mut take: impl FnMut(&mut Self, &Batch<'_>)) {
        let columns = self.ledger.columns;
        let mut refusals = std::mem::take(&mut self.refusals);
        for (block, roster) in columns.roster.iter().enumerate() {
            let stock = self.ledger.stock(block);
            let start = block * LANES;
            let mut batch = Batch { columns, roster, stock, start, ok: roster.active, refusals: &mut refusals };
            if self.filter(&mut batch) {
                take(self, &batch);
            }
        }
        self.refusals = refusals;
    }

    /// False when no agent of the block is feasible.
    fn filter(&mut self, batch: &mut Batch<'_>) -> bool {
        let Question { needs, tests, cx, request, .. } = self.question;
        if needs.is_container {
            for (ok, containers) in batch.ok.iter_mut().zip(&batch.roster.containers) {
                *ok &= containers;
            }
            self.passed.containerizer += count(&batch.ok);
        }
        for (test, passed) in tests.iter().zip(&mut self.passed.constraints) {
            test.narrow(batch.columns, batch.start, &mut batch.ok);
            *passed += count(&batch.ok);
        }
        let mut left = None;
        for dimension in Dimension::ALL.into_iter().filter(|dimension| needs.dimension(*dimension)) {
            let passed = needs.narrow(dimension, batch.stock, &mut batch.ok);
            self.passed.dimensions[dimension as usize] += passed;
            left = Some(passed);
        }
        if needs.ports() {
            let ports = |lane| self.ledger.ports(batch.start + lane);
            let passed = needs.narrow_ports(batch.stock, ports, &mut batch.ok);
            self.passed.ports += passed;
            left = Some(passed);
        }
        if left == Some(0) {
            return false;
        }
        for policy in self.question.filters() {
            policy.filter_batch(cx, request, batch);
        }
        let feasible = count(&batch.ok);
        self.passed.policy += feasible;
        feasible > 0
    }

    fn choose(&mut self, batch: &Batch<'_>) {
        let mut scores = [Score::default(); LANES];
        let Question { policy, cx, request, pivot, .. } = *self.question;
        policy.score_batch(cx, request, batch, &mut scores);
        for score in &mut scores {
            *score = (*score).min(Score::MAX);
        }
        let highest = highest(&scores, &batch.ok);
        let is_candidate = match self.best {
            None => true,
            Some(best) if highest == best.score => best.row < pivot && pivot < batch.start + LANES,
            Some(best) => highest > best.score,
        };
        if !is_candidate {
            return;
        }
        // Within the block, too, the rows from the pivot on come first.
        let first = pivot.saturating_sub(batch.start).min(LANES);
        let is_highest = |lane: &usize| batch.ok[*lane] != 0 && scores[*lane] == highest;
        let Some(lane) = (first..LANES).find(is_highest).or_else(|| (0..first).find(is_highest)) else { return };
        let row = batch.start + lane;
        let is_better = self.best.is_none_or(|best| highest > best.score || row >= pivot);
        if is_better {
            self.best = Some(Best { row, score: highest });
        }
    }

    fn explain(&self) -> Explanation {
        let (question, columns) = (self.question, self.ledger.columns);
        let mut left = columns.live();
        let mut filtered = Vec::new();
        let mut pass = |filter, detail: Option<String>, passed: u32| {
            if left > passed {
                filtered.push(Filtered { filter, detail, agents: left - passed });
            }
            left = passed;
        };
        pass(Filter::AgentInactive, None, columns.active());
        if question.needs.is_container {
            pass(Filter::MissingContainerizer, Some(DOCKER.to_owned()), self.passed.containerizer);
        }
        for (constraint, passed) in question.request.constraints.iter().zip(&self.passed.constraints) {
            pass(Filter::UnfulfilledConstraint, Some(constraint.to_string()), *passed);
        }
        for (dimension, filter) in Dimension::ALL.into_iter().zip(OF_DIMENSIONS) {
            if question.needs.dimension(dimension) {
                pass(filter, None, self.passed.dimensions[dimension as usize]);
            }
        }
        if question.needs.ports() {
            pass(Filter::InsufficientPorts, None, self.passed.ports);
        }
        let mut refusals = self.refusals.clone();
        refusals.sort_unstable();
        let refused = refusals.into_iter().map(|(reason, agents)| Filtered {
            filter: Filter::RefusedByPolicy,
            detail: Some(reason.to_owned()),
            agents,
        });
        filtered.extend(refused);
        Explanation {
            policy: question.name().to_owned(),
            score: self.best.map(|best| i64::from(best.score.0)),
            considered: columns.live(),
            feasible: Some(self.passed.policy),
            filtered,
        }
    }
}

fn highest(scores: &[Score; LANES], ok: &[i32; LANES]) -> Score {
    let mut highest = 0;
    for (score, ok) in scores.iter().zip(ok) {
        highest = highest.max(score.0 & *ok as u32);
    }
    Score(highest)
}
