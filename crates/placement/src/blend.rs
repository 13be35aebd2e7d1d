//! Several policies as one: their scores, weighed and added, and how many agents are compared at all.
//!
//! A blend looks at every agent, because what one term's score counts may depend on all others. Must not know how a policy
//! comes to its scores, nor what is done with the choice.

use std::cmp::Reverse;
use std::sync::Arc;

use model::{Explanation, Filter, Filtered};

use crate::Node;
use crate::choice::{Best, Question};
use crate::ledger::Ledger;
use crate::policy::{Assessment, Fault, Policy, Ranking, Score, Verdict};
use crate::scan::{feasible, mix};

/// The work of looking at one agent, and again for each term; see [`Context::spend`](crate::Context::spend).
const WORK_PER_AGENT: u64 = 32;

pub struct Blend {
    name: Box<str>,
    terms: Vec<Term>,
    /// So many of the feasible agents are drawn by the seed, and only these are compared.
    sample: Option<u32>,
}

pub struct Term {
    pub policy: Arc<dyn Policy>,
    /// From 1 on; what it counts among the sum of all weights.
    pub weight: u32,
    /// Whether the best of the compared agents gets the highest score there is, the worst gets 0, and the others are spread
    /// evenly in between, so that the weights of policies with different scores can be compared.
    pub normalise: bool,
}

/// A policy gave no answer that can be used, so nothing was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faulty {
    pub policy: String,
    pub reason: String,
}

/// A term, whoever owns its policy.
#[derive(Clone, Copy)]
pub(crate) struct Weight<'a> {
    pub(crate) policy: &'a dyn Policy,
    pub(crate) weight: u32,
    pub(crate) normalise: bool,
}

/// What decides: a policy, or several as one.
#[derive(Clone, Copy)]
pub enum Decider<'a> {
    Policy(&'a dyn Policy),
    Blend(&'a Blend),
}

/// What a blend makes of the feasible agents: columns of the same length, one entry for each agent that is compared.
pub(crate) struct Weighed {
    pub(crate) rows: Vec<u32>,
    /// By term, as the policy gave them and as they count.
    pub(crate) terms: Vec<(Vec<Score>, Vec<Score>)>,
    pub(crate) total: Vec<Score>,
    /// Feasible agents that were not drawn.
    pub(crate) not_drawn: Vec<u32>,
    /// Who was refused by a policy that is asked about all at once.
    pub(crate) refused: Vec<(u32, &'static str)>,
    pub(crate) explanation: Explanation,
}

impl Blend {
    /// `name` says what is decided by. There is at least one term, and no weight is 0.
    #[must_use]
    pub fn new(name: impl Into<Box<str>>, terms: Vec<Term>, sample: Option<u32>) -> Self {
        assert!(terms.iter().all(|term| term.weight > 0) && !terms.is_empty(), "a blend has terms, which have weights");
        Self { name: name.into(), terms, sample }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    #[must_use]
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }
}

impl Term {
    pub(crate) fn weight(&self) -> Weight<'_> {
        Weight { policy: self.policy.as_ref(), weight: self.weight, normalise: self.normalise }
    }
}

impl Decider<'_> {
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Policy(policy) => policy.name(),
            Self::Blend(blend) => blend.name(),
        }
    }

    /// How many of its policies are asked about all agents at once.
    pub(crate) fn asked_at_once(&self) -> usize {
        match self {
            Self::Policy(policy) => usize::from(policy.is_asked_at_once()),
            Self::Blend(blend) => blend.terms.iter().filter(|term| term.policy.is_asked_at_once()).count(),
        }
    }

    /// Whether it looks at what the cluster is asked for.
    pub(crate) fn looks_at_demand(&self, request: &crate::Request) -> bool {
        let looks =
            |policy: &dyn Policy| matches!(policy.ranking(request), Ranking::Unknown | Ranking::ByShapeAndDemand);
        match self {
            Self::Policy(policy) => looks(*policy),
            Self::Blend(blend) => blend.terms.iter().any(|term| looks(term.policy.as_ref())),
        }
    }
}

impl<'a, P: Policy> From<&'a P> for Decider<'a> {
    fn from(policy: &'a P) -> Self {
        Self::Policy(policy)
    }
}

impl<'a> From<&'a dyn Policy> for Decider<'a> {
    fn from(policy: &'a dyn Policy) -> Self {
        Self::Policy(policy)
    }
}

impl<'a> From<&'a Blend> for Decider<'a> {
    fn from(blend: &'a Blend) -> Self {
        Self::Blend(blend)
    }
}

/// The best agent by a blend, and the account of all.
pub(crate) fn choose(question: &Question<'_>, ledger: &Ledger<'_>) -> Result<(Option<Best>, Explanation), Faulty> {
    let weighed = weigh(question, ledger)?;
    let candidates = weighed.rows.iter().zip(&weighed.total).map(|(row, score)| (*row as usize, *score));
    let best = candidates.max_by_key(|(row, score)| (*score, Reverse(turn(*row, question.pivot))));
    let best = best.map(|(row, score)| Best { row, score });
    let mut explanation = weighed.explanation;
    explanation.score = best.map(|best| i64::from(best.score.0));
    Ok((best, explanation))
}

/// When a row has its turn among equals: the first from the pivot on, going round.
pub(crate) fn turn(row: usize, pivot: usize) -> (bool, usize) {
    (row < pivot, row)
}

pub(crate) fn weigh(question: &Question<'_>, ledger: &Ledger<'_>) -> Result<Weighed, Faulty> {
    let looks = 1 + question.terms().count() as u64;
    question.cx.spend(WORK_PER_AGENT * looks * u64::from(ledger.columns.live()));
    let (mut rows, mut explanation) = feasible(question, ledger);
    let mut refused = Vec::new();
    // With the number of their term; scores of agents that are refused by a later one are taken out again.
    let mut at_once: Vec<(usize, Vec<Score>)> = Vec::new();
    for (number, term) in question.terms().enumerate().filter(|(_, term)| term.policy.is_asked_at_once()) {
        let (is_left, scores) = assess(term, question, ledger, &rows, &mut refused)?;
        rows = only(&rows, &is_left);
        at_once.iter_mut().for_each(|(_, scores)| *scores = only(scores, &is_left));
        at_once.push((number, scores));
    }
    count_refused(&refused, &mut explanation);
    let is_drawn = draw(question, ledger, &rows);
    let not_drawn = only(&rows, &is_drawn.iter().map(|is_drawn| !is_drawn).collect::<Vec<_>>());
    let rows = only(&rows, &is_drawn);
    at_once.iter_mut().for_each(|(_, scores)| *scores = only(scores, &is_drawn));
    let mut terms = Vec::new();
    for (number, term) in question.terms().enumerate() {
        let told = at_once.iter().position(|(told, _)| *told == number).map(|index| at_once.swap_remove(index).1);
        let raw =
            told.unwrap_or_else(|| rows.iter().map(|row| score(term, question, ledger.node(*row as usize))).collect());
        let counted = if term.normalise { stretch(&raw) } else { raw.clone() };
        terms.push((raw, counted));
    }
    let total = total(question, &terms, rows.len());
    Ok(Weighed { rows, terms, total, not_drawn, refused, explanation })
}

fn score(term: Weight<'_>, question: &Question<'_>, node: Node<'_>) -> Score {
    term.policy.score(question.cx, question.request, node).min(Score::MAX)
}

/// Which rows are left, and the scores of these.
fn assess(
    term: Weight<'_>,
    question: &Question<'_>,
    ledger: &Ledger<'_>,
    rows: &[u32],
    refused: &mut Vec<(u32, &'static str)>,
) -> Result<(Vec<bool>, Vec<Score>), Faulty> {
    let nodes: Vec<Node<'_>> = rows.iter().map(|row| ledger.node(*row as usize)).collect();
    let mut assessments = Vec::with_capacity(rows.len());
    let mut told = term.policy.assess(question.cx, question.request, &nodes, &mut assessments);
    if told.is_ok() && assessments.len() != rows.len() {
        let (asked, answers) = (rows.len(), assessments.len());
        told = Err(Fault(format!("it was asked about {asked} agents and gave {answers} answers")));
    }
    told.map_err(|Fault(reason)| Faulty { policy: term.policy.name().to_owned(), reason })?;
    let mut scores = Vec::with_capacity(rows.len());
    for (row, assessment) in rows.iter().zip(&assessments) {
        match assessment {
            Assessment::Scored(score) => scores.push((*score).min(Score::MAX)),
            Assessment::Refused(reason) => refused.push((*row, *reason)),
        }
    }
    let is_left = assessments.iter().map(|assessment| matches!(assessment, Assessment::Scored(_))).collect();
    Ok((is_left, scores))
}

/// Why what decides would not have a request on one agent, which passes all other filters.
pub(crate) fn refusal(question: &Question<'_>, row: usize, ledger: &Ledger<'_>) -> Result<Option<String>, Faulty> {
    let verdict = |policy: &dyn Policy| policy.filter(question.cx, question.request, ledger.node(row));
    for policy in question.filters() {
        if let Verdict::Refused(reason) = verdict(policy) {
            return Ok(Some(reason.to_owned()));
        }
    }
    let mut refused = Vec::new();
    for term in question.terms().filter(|term| term.policy.is_asked_at_once()) {
        assess(term, question, ledger, &[row as u32], &mut refused)?;
    }
    Ok(refused.first().map(|(_, reason)| (*reason).to_owned()))
}

fn only<T: Copy>(values: &[T], is_left: &[bool]) -> Vec<T> {
    values.iter().zip(is_left).filter(|(_, is_left)| **is_left).map(|(value, _)| *value).collect()
}

fn count_refused(refused: &[(u32, &'static str)], explanation: &mut Explanation) {
    if refused.is_empty() {
        return;
    }
    if let Some(feasible) = &mut explanation.feasible {
        *feasible -= refused.len() as u32;
    }
    for (_, reason) in refused {
        let is_same =
            |known: &&mut Filtered| known.filter == Filter::RefusedByPolicy && known.detail.as_deref() == Some(*reason);
        match explanation.filtered.iter_mut().find(is_same) {
            Some(known) => known.agents += 1,
            None => explanation.filtered.push(Filtered {
                filter: Filter::RefusedByPolicy,
                detail: Some((*reason).to_owned()),
                agents: 1,
            }),
        }
    }
    // As a look at one agent after the other counts them.
    let first = explanation.filtered.partition_point(|filtered| filtered.filter < Filter::RefusedByPolicy);
    explanation.filtered[first..].sort_by(|one, other| one.detail.cmp(&other.detail));
}

/// The agents with the lowest numbers that the seed gives them, so that it does not matter where their rows are.
fn draw(question: &Question<'_>, ledger: &Ledger<'_>, rows: &[u32]) -> Vec<bool> {
    let sample = question.blend.and_then(|blend| blend.sample);
    let Some(sample) = sample.map(|sample| sample as usize).filter(|sample| *sample < rows.len()) else {
        return vec![true; rows.len()];
    };
    let seed = mix(question.cx.seed().wrapping_add(1));
    let number = |row: &u32| {
        let agent = ledger.columns.agent_at(*row as usize);
        (mix(seed.wrapping_add(u64::from(agent.0).wrapping_mul(0x9e37_79b9_7f4a_7c15))), agent)
    };
    let mut numbers: Vec<_> = rows.iter().map(number).collect();
    let (_, last, _) = numbers.select_nth_unstable(sample - 1);
    let last = *last;
    rows.iter().map(|row| number(row) <= last).collect()
}

/// Over the whole range, in whole numbers: rounded down.
fn stretch(scores: &[Score]) -> Vec<Score> {
    let lowest = scores.iter().min().map_or(0, |score| u64::from(score.0));
    let span = scores.iter().max().map_or(0, |score| u64::from(score.0)) - lowest;
    let stretched = |score: &Score| match span {
        0 => Score::default(),
        span => Score(((u64::from(score.0) - lowest) * u64::from(Score::MAX.0) / span) as u32),
    };
    scores.iter().map(stretched).collect()
}

fn total(question: &Question<'_>, terms: &[(Vec<Score>, Vec<Score>)], rows: usize) -> Vec<Score> {
    let weights: u64 = question.terms().map(|term| u64::from(term.weight)).sum();
    let of_row = |row: usize| -> u64 {
        let counted = question.terms().zip(terms).map(|(term, (_, counted))| (term.weight, counted[row]));
        counted.map(|(weight, score)| u64::from(weight) * u64::from(score.0)).sum()
    };
    (0..rows).map(|row| Score((of_row(row) / weights) as u32)).collect()
}
