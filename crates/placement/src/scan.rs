//! The scan: all filters and the score in one pass over the columns, block by block.
//!
//! Must not know what a policy prefers, nor keep anything between two scans.

use std::collections::BTreeMap;

use model::{AgentId, Explanation, Filter, Filtered};

use crate::columns::{Dimension, LANES, PORTS, Stock};
use crate::constraint::Test;
use crate::policy::{Batch, Context, Policy, Score};
use crate::ports::AgentPorts;
use crate::request::DOCKER;
use crate::{PortWanted, Request, View};

/// The view with the placements of a scratch laid over it.
pub(crate) struct Overlay<'a> {
    pub(crate) view: &'a View,
    /// Blocks that differ from the view's, by number.
    pub(crate) stock: &'a BTreeMap<usize, Box<Stock>>,
    /// Rows whose ports differ from the view's.
    pub(crate) ports: &'a BTreeMap<usize, AgentPorts>,
}

/// The best agent, and how many agents failed what.
pub(crate) struct Found {
    pub(crate) best: Option<Best>,
    pub(crate) explanation: Explanation,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Best {
    pub(crate) row: usize,
    score: Score,
}

/// What a request needs of one narrow column.
#[derive(Debug, Clone, Copy)]
enum Need {
    Nothing,
    Narrow(i32),
    /// More than a narrow column can tell.
    Wide(i64),
}

/// How many agents were left after each filter.
struct Passed {
    containerizer: u32,
    constraints: Vec<u32>,
    needs: [u32; 5],
    policy: u32,
}

struct Scan<'a> {
    policy: &'a dyn Policy,
    cx: &'a Context<'a>,
    request: &'a Request,
    tests: &'a [Test],
    needs: [Need; 5],
    fixed_ports: Vec<u16>,
    /// Among equal scores the first row from here on wins, going round.
    pivot: usize,
    passed: Passed,
    refusals: Vec<(&'static str, u32)>,
    best: Option<Best>,
}

pub(crate) fn scan(
    overlay: &Overlay<'_>,
    policy: &dyn Policy,
    cx: &Context<'_>,
    request: &Request,
    tests: &[Test],
) -> Found {
    let mut scan = Scan {
        policy,
        cx,
        request,
        tests,
        needs: needs(request),
        fixed_ports: fixed_ports(request),
        pivot: pivot(overlay.view, cx.seed()),
        passed: Passed { containerizer: 0, constraints: vec![0; tests.len()], needs: [0; 5], policy: 0 },
        refusals: Vec::new(),
        best: None,
    };
    scan.run(overlay);
    Found { best: scan.best, explanation: scan.explain(overlay.view) }
}

fn needs(request: &Request) -> [Need; 5] {
    let mut needs = [Need::Nothing; 5];
    for dimension in Dimension::ALL {
        needs[dimension as usize] = match request.amount(dimension).0 {
            ..=0 => Need::Nothing,
            amount => i32::try_from(amount).map_or(Need::Wide(amount), Need::Narrow),
        };
    }
    if !request.ports.is_empty() {
        needs[PORTS] = Need::Narrow(i32::try_from(request.ports.len()).unwrap_or(i32::MAX));
    }
    needs
}

fn fixed_ports(request: &Request) -> Vec<u16> {
    let fixed = request.ports.iter().filter_map(|port| match port {
        PortWanted::Fixed(port) => Some(*port),
        PortWanted::Any => None,
    });
    fixed.collect()
}

/// The row at which the order of equals begins: of an id that the seed chooses between the lowest and the highest.
fn pivot(view: &View, seed: u64) -> usize {
    let Some((lowest, highest)) = view.columns.id_bounds() else { return 0 };
    let span = u64::from(highest.0 - lowest.0) + 1;
    view.columns.first_row_from(AgentId(lowest.0 + (mix(seed) % span) as u32))
}

/// Neighbouring seeds become unrelated; 0 stays 0.
fn mix(seed: u64) -> u64 {
    let seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    seed ^ (seed >> 31)
}

impl Scan<'_> {
    fn run(&mut self, overlay: &Overlay<'_>) {
        let columns = &overlay.view.columns;
        let mut changed = overlay.stock.iter().peekable();
        let mut refusals = std::mem::take(&mut self.refusals);
        for (index, (roster, stock)) in columns.roster.iter().zip(&columns.stock).enumerate() {
            let stock = changed.next_if(|(block, _)| **block == index).map_or(stock, |(_, stock)| stock);
            let mut batch =
                Batch { columns, roster, stock, start: index * LANES, ok: roster.active, refusals: &mut refusals };
            if self.filter(overlay, &mut batch) {
                self.choose(&batch);
            }
        }
        self.refusals = refusals;
    }

    /// False when no agent of the block is feasible.
    fn filter(&mut self, overlay: &Overlay<'_>, batch: &mut Batch<'_>) -> bool {
        if self.request.is_container {
            for (ok, containers) in batch.ok.iter_mut().zip(&batch.roster.containers) {
                *ok &= containers;
            }
            self.passed.containerizer += count(&batch.ok);
        }
        for (test, passed) in self.tests.iter().zip(&mut self.passed.constraints) {
            test.narrow(batch.columns, batch.start, &mut batch.ok);
            *passed += count(&batch.ok);
        }
        let mut left = None;
        for column in 0..5 {
            let passed = match self.needs[column] {
                Need::Nothing => continue,
                Need::Narrow(need) => narrow(&mut batch.ok, &batch.stock.fit[column], need),
                Need::Wide(need) => narrow_wide(&mut batch.ok, &batch.stock.free[column], need),
            };
            left = Some(passed);
            self.passed.needs[column] += passed;
        }
        if !self.fixed_ports.is_empty() {
            let passed = self.narrow_to_fixed_ports(overlay, batch);
            self.passed.needs[PORTS] = self.passed.needs[PORTS] - left.unwrap_or_default() + passed;
            left = Some(passed);
        }
        if left == Some(0) {
            return false;
        }
        self.policy.filter_batch(self.cx, self.request, batch);
        let feasible = count(&batch.ok);
        self.passed.policy += feasible;
        feasible > 0
    }

    fn narrow_to_fixed_ports(&self, overlay: &Overlay<'_>, batch: &mut Batch<'_>) -> u32 {
        for lane in 0..LANES {
            if batch.ok[lane] != 0 {
                let row = batch.start + lane;
                let ports = overlay.ports.get(&row).unwrap_or(&overlay.view.columns.ports[row]);
                batch.ok[lane] = -i32::from(self.has_fixed_ports(ports));
            }
        }
        count(&batch.ok)
    }

    /// No port twice, and each of them free.
    fn has_fixed_ports(&self, ports: &AgentPorts) -> bool {
        let fixed = self.fixed_ports.iter().enumerate();
        fixed.into_iter().all(|(index, port)| !self.fixed_ports[..index].contains(port) && ports.free().contains(*port))
    }

    fn choose(&mut self, batch: &Batch<'_>) {
        let mut scores = [Score::default(); LANES];
        self.policy.score_batch(self.cx, self.request, batch, &mut scores);
        let highest = highest(&scores, &batch.ok);
        let is_candidate = match self.best {
            None => true,
            Some(best) if highest == best.score => best.row < self.pivot && self.pivot < batch.start + LANES,
            Some(best) => highest > best.score,
        };
        if !is_candidate {
            return;
        }
        // Within the block, too, the rows from the pivot on come first.
        let pivot = self.pivot.saturating_sub(batch.start).min(LANES);
        let is_highest = |lane: &usize| batch.ok[*lane] != 0 && scores[*lane] == highest;
        let Some(lane) = (pivot..LANES).find(is_highest).or_else(|| (0..pivot).find(is_highest)) else { return };
        let row = batch.start + lane;
        let is_better = self.best.is_none_or(|best| highest > best.score || row >= self.pivot);
        if is_better {
            self.best = Some(Best { row, score: highest });
        }
    }

    fn explain(&self, view: &View) -> Explanation {
        let mut left = view.columns.live();
        let mut filtered = Vec::new();
        let mut pass = |filter, detail: Option<String>, passed: u32| {
            if left > passed {
                filtered.push(Filtered { filter, detail, agents: left - passed });
            }
            left = passed;
        };
        pass(Filter::AgentInactive, None, view.columns.active());
        if self.request.is_container {
            pass(Filter::MissingContainerizer, Some(DOCKER.to_owned()), self.passed.containerizer);
        }
        for (constraint, passed) in self.request.constraints.iter().zip(&self.passed.constraints) {
            pass(Filter::UnfulfilledConstraint, Some(constraint.to_string()), *passed);
        }
        const OF_NEEDS: [Filter; 5] = [
            Filter::InsufficientCpus,
            Filter::InsufficientMemory,
            Filter::InsufficientDisk,
            Filter::InsufficientGpus,
            Filter::InsufficientPorts,
        ];
        for (column, filter) in OF_NEEDS.into_iter().enumerate() {
            if !matches!(self.needs[column], Need::Nothing) {
                pass(filter, None, self.passed.needs[column]);
            }
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
            policy: self.policy.name().to_owned(),
            score: self.best.map(|best| i64::from(best.score.0)),
            considered: view.columns.live(),
            feasible: self.passed.policy,
            filtered,
        }
    }
}

fn count(ok: &[i32; LANES]) -> u32 {
    ok.iter().sum::<i32>().unsigned_abs()
}

fn narrow(ok: &mut [i32; LANES], fit: &[i32; LANES], need: i32) -> u32 {
    let mut sum = 0;
    for (ok, fit) in ok.iter_mut().zip(fit) {
        *ok &= -i32::from(*fit >= need);
        sum += *ok;
    }
    sum.unsigned_abs()
}

fn narrow_wide(ok: &mut [i32; LANES], free: &[i64; LANES], need: i64) -> u32 {
    for (ok, free) in ok.iter_mut().zip(free) {
        *ok &= -i32::from(*free >= need);
    }
    count(ok)
}

fn highest(scores: &[Score; LANES], ok: &[i32; LANES]) -> Score {
    let mut highest = 0;
    for (score, ok) in scores.iter().zip(ok) {
        highest = highest.max(score.0 & *ok as u32);
    }
    Score(highest)
}
