//! How an agent is chosen: by the fastest way that the policy's [`Ranking`] allows. All ways give the same answer as a look
//! at every agent, which is [`scan`](crate::scan::scan).

use model::{GpuSlot, GpuSlots, WHOLE_GPU};

use crate::Request;
use crate::blend::{Blend, Term, Weight};
use crate::block::{joined, key_of, row_of};
use crate::cache::Cache;
use crate::columns::{LANES, Node};
use crate::constraint::{Test, is_static};
use crate::demand::Shape;
use crate::hints::Hint;
use crate::ledger::Ledger;
use crate::levels::Least;
use crate::needs::Needs;
use crate::order::Order;
use crate::policy::{Context, Policy, Ranking, Score, Verdict};
use crate::scan::scan;
use crate::shapes::ShapeKey;

/// One decision to be made.
pub(crate) struct Question<'a> {
    /// Of a blend, the first one.
    pub(crate) policy: &'a dyn Policy,
    pub(crate) blend: Option<&'a Blend>,
    pub(crate) cx: &'a Context<'a>,
    pub(crate) request: &'a Request,
    pub(crate) needs: &'a Needs,
    /// Of the request's constraints, in their order.
    pub(crate) tests: &'a [Test],
    /// Among equal scores the first row from here on wins, going round.
    pub(crate) pivot: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Best {
    pub(crate) row: usize,
    pub(crate) score: Score,
}

impl<'a> Question<'a> {
    /// Of what decides.
    pub(crate) fn name(&self) -> &str {
        self.blend.map_or_else(|| self.policy.name(), Blend::name)
    }

    /// What scores are made of.
    pub(crate) fn terms(&self) -> impl Iterator<Item = Weight<'a>> {
        let of_blend = self.blend.map_or(&[][..], Blend::terms).iter().map(Term::weight);
        let single = Weight { policy: self.policy, weight: 1, normalise: false };
        Some(single).filter(|_| self.blend.is_none()).into_iter().chain(of_blend)
    }

    /// The policies whose filters are asked one agent at a time.
    pub(crate) fn filters(&self) -> impl Iterator<Item = &'a dyn Policy> {
        self.terms().map(|term| term.policy).filter(|policy| !policy.is_asked_at_once())
    }

    /// Which GPUs the request gets on the chosen agent. What a policy says counts only when it is what was asked for, and free.
    pub(crate) fn gpus(&self, node: Node<'_>) -> GpuSlots {
        let wanted = self.request.gpus;
        if wanted.0 <= 0 {
            return GpuSlots::none();
        }
        let is_free = |slot: GpuSlot| node.free_of_gpu(slot.gpu) >= slot.share;
        let is_right = |slots: &GpuSlots| slots.sum() == wanted && slots.iter().all(is_free);
        let chosen = self.policy.gpus(self.cx, self.request, node).filter(is_right);
        chosen.or_else(|| node.pick_gpus(wanted)).unwrap_or_default()
    }

    /// What does not change while a row's free resources do.
    fn may_go_to(&self, row: usize, ledger: &Ledger<'_>) -> bool {
        let columns = ledger.columns;
        (!self.needs.is_container || columns.runs_containers(row))
            && self.tests.iter().all(|test| test.passes(columns, row))
    }

    /// Whether an agent that has what is needed in the narrow columns passes all other filters.
    fn accepts(&self, row: usize, ledger: &Ledger<'_>) -> bool {
        let (block, lane) = (row / LANES, row % LANES);
        self.may_go_to(row, ledger)
            && (!self.needs.is_more_than_narrow()
                || self.needs.fit_beyond_narrow(ledger.stock(block), lane, ledger.ports(row)))
            && self.policy.filter(self.cx, self.request, ledger.node(row)) == Verdict::Feasible
    }

    /// What it has in common with requests that are decided alike; None when it depends on what other agents have, or on which
    /// ports are free.
    fn shape(&self, cache: &mut Cache, wanted: u64) -> Option<ShapeKey> {
        let request = self.request;
        if self.needs.has_fixed_ports() || !request.constraints.iter().all(is_static) {
            return None;
        }
        let (shape, ports, policy) = (Shape::of(request), request.ports.len(), cache.policy(self.policy.name()));
        Some(ShapeKey { shape, ports, wanted, policy })
    }

    /// Whether an agent that is there passes all filters.
    fn has_room(&self, row: usize, ledger: &Ledger<'_>) -> bool {
        let stock = ledger.stock(row / LANES);
        self.needs.fit_narrow(&stock.fits_of(row % LANES)) && self.accepts(row, ledger)
    }

    /// The score of an agent; None when it is not feasible.
    pub(crate) fn score(&self, row: usize, ledger: &Ledger<'_>) -> Option<Score> {
        let is_feasible = ledger.columns.is_active(row) && self.has_room(row, ledger);
        is_feasible.then(|| self.score_of(ledger.node(row)))
    }

    fn score_of(&self, node: Node<'_>) -> Score {
        self.policy.score(self.cx, self.request, node).min(Score::MAX)
    }
}

/// `wanted` is the number of the state of what is asked for.
pub(crate) fn choose(question: &Question<'_>, ledger: &Ledger<'_>, cache: &mut Cache, wanted: u64) -> Option<Best> {
    match question.policy.ranking(question.request) {
        Ranking::Unknown => scan(question, ledger).best,
        Ranking::ByShape => by_shape(question, ledger, cache, 0),
        Ranking::ByShapeAndDemand => by_shape(question, ledger, cache, wanted),
        Ranking::By(order) => by_order(question, ledger, cache, order, false, |_| false),
        Ranking::ByInstancesThen(order) => {
            let own = question.cx.own_rows();
            let is_own = |row: usize| own.binary_search_by_key(&(row as u32), |(row, _)| *row).is_ok();
            by_order(question, ledger, cache, order, true, is_own).or_else(|| best_of_own(question, ledger))
        }
    }
}

/// The first agent of an order that has room.
fn by_order(
    question: &Question<'_>,
    ledger: &Ledger<'_>,
    cache: &mut Cache,
    order: Order,
    depends_on_app: bool,
    is_passed_over: impl Fn(usize) -> bool,
) -> Option<Best> {
    let shape = if depends_on_app { None } else { question.shape(cache, 0) };
    let (ranked, changes, hints) = cache.order(order);
    ranked.catch_up(order, changes, ledger);
    let accepts = |row: usize| !is_passed_over(row) && question.has_room(row, ledger);
    let least = Least::of(&question.needs.least);
    let mut nothing = Hint::default();
    let hint = shape.map_or(&mut nothing, |shape| hints.of(shape));
    hint.catch_up(ranked.recent(), &least, accepts);
    let mut found = hint.first_from(question.pivot);
    if found.is_none() {
        // Who has less free than is needed in all cannot have room.
        let start = if order == Order::LeastVacant { question.cx.demand().max(hint.end()) } else { hint.end() };
        let runs = ranked.runs();
        found = runs.first(joined(start, 0), u64::MAX, &least, accepts);
        hint.set_end(found.map_or(u32::MAX, key_of));
        if let Some(first) = found.filter(|first| row_of(*first) < question.pivot) {
            let from = joined(key_of(first), question.pivot);
            found = runs.first(from, from | u64::from(u32::MAX), &least, accepts).or(found);
        }
    }
    let row = row_of(found?);
    Some(Best { row, score: question.score_of(ledger.node(row)) })
}

/// All agents that have room have instances of the app already.
fn best_of_own(question: &Question<'_>, ledger: &Ledger<'_>) -> Option<Best> {
    let own = question.cx.own_rows();
    let from_pivot = own.partition_point(|(row, _)| (*row as usize) < question.pivot);
    let mut best: Option<Best> = None;
    for (row, _) in own[from_pivot..].iter().chain(&own[..from_pivot]) {
        let row = *row as usize;
        if let Some(score) = question.score(row, ledger)
            && best.is_none_or(|best| score > best.score)
        {
            best = Some(Best { row, score });
        }
    }
    best
}

fn by_shape(question: &Question<'_>, ledger: &Ledger<'_>, cache: &mut Cache, wanted: u64) -> Option<Best> {
    let Some(key) = question.shape(cache, wanted) else { return scan(question, ledger).best };
    let rows = ledger.columns.rows();
    let Some(scores) = cache.shapes.scores(&key, rows) else { return scan(question, ledger).best };
    scores.catch_up(rows, &cache.changes, |row| question.score(row, ledger));
    scores.best(question.pivot).map(|(row, score)| Best { row, score })
}

/// What a request needs of GPUs, as a number of them and how much of each.
pub(crate) const fn gpus_wanted(gpus: i64) -> (i64, i64) {
    match gpus {
        ..=0 => (0, 0),
        gpus if gpus < WHOLE_GPU.0 => (1, gpus),
        gpus => (gpus / WHOLE_GPU.0, WHOLE_GPU.0),
    }
}
