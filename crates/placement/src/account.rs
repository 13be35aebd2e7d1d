//! The whole account of one decision: what became of every agent, and what each term said of it.
//!
//! It is made by the code that decides; the choice it tells is the one that [`crate::Scratch::place`] makes. Must not know
//! for whom it is.

use std::cmp::Reverse;

use model::{AgentId, Explanation, Filter};

use crate::Dimension;
use crate::blend::{Faulty, Weighed, Weight, turn, weigh};
use crate::choice::Question;
use crate::columns::LANES;
use crate::ledger::Ledger;
use crate::policy::{Score, Verdict};
use crate::request::DOCKER;
use crate::scan::OF_DIMENSIONS;

/// What became of every agent in one decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub explanation: Explanation,
    /// Names and weights of what was weighed.
    pub terms: Vec<AccountTerm>,
    /// Whether wishes, which are constraints that need not be fulfilled, were left aside because nothing fulfils them.
    pub without_wishes: bool,
    /// Every agent: those that were compared, the best first, and then the others by their ids.
    pub agents: Vec<AgentAccount>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountTerm {
    pub policy: String,
    pub weight: u32,
    pub normalise: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentAccount {
    pub agent: AgentId,
    pub hostname: String,
    pub standing: Standing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Compared {
        score: Score,
        /// By term.
        terms: Vec<TermScore>,
    },
    /// Feasible, but the sample went to others.
    NotDrawn,
    /// The first filter that it does not pass.
    Filtered { filter: Filter, detail: Option<String> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TermScore {
    /// As the policy gave it.
    pub raw: Score,
    /// As it counts.
    pub counted: Score,
}

impl Account {
    /// Where the request goes.
    #[must_use]
    pub fn chosen(&self) -> Option<&AgentAccount> {
        self.agents.first().filter(|agent| agent.score().is_some())
    }

    /// Who would have it if the chosen one were not there.
    #[must_use]
    pub fn runner_up(&self) -> Option<&AgentAccount> {
        self.agents.get(1).filter(|agent| agent.score().is_some())
    }

    /// How many agents have the highest score; the seed chose between them.
    #[must_use]
    pub fn equals(&self) -> usize {
        let best = self.chosen().and_then(AgentAccount::score);
        self.agents.iter().take_while(|agent| agent.score().is_some() && agent.score() == best).count()
    }
}

impl AgentAccount {
    #[must_use]
    pub const fn score(&self) -> Option<Score> {
        match self.standing {
            Standing::Compared { score, .. } => Some(score),
            Standing::NotDrawn | Standing::Filtered { .. } => None,
        }
    }
}

/// The account of a decision.
pub(crate) fn account(question: &Question<'_>, ledger: &Ledger<'_>) -> Result<Account, Faulty> {
    let mut weighed = weigh(question, ledger)?;
    let mut agents = compared(&weighed, question, ledger);
    weighed.explanation.score = agents.first().and_then(AgentAccount::score).map(|score| i64::from(score.0));
    let mut others: Vec<AgentAccount> = others(&weighed, question, ledger);
    others.sort_by_key(|agent| agent.agent);
    agents.append(&mut others);
    let terms = question.terms().map(AccountTerm::of).collect();
    Ok(Account { explanation: weighed.explanation, terms, without_wishes: false, agents })
}

impl AccountTerm {
    fn of(term: Weight<'_>) -> Self {
        Self { policy: term.policy.name().to_owned(), weight: term.weight, normalise: term.normalise }
    }
}

/// The best first.
fn compared(weighed: &Weighed, question: &Question<'_>, ledger: &Ledger<'_>) -> Vec<AgentAccount> {
    let mut order: Vec<usize> = (0..weighed.rows.len()).collect();
    order.sort_by_key(|place| (Reverse(weighed.total[*place]), turn(weighed.rows[*place] as usize, question.pivot)));
    let tell = |place: usize| {
        let terms = weighed.terms.iter().map(|(raw, counted)| TermScore { raw: raw[place], counted: counted[place] });
        let standing = Standing::Compared { score: weighed.total[place], terms: terms.collect() };
        of_row(weighed.rows[place] as usize, standing, ledger)
    };
    order.into_iter().map(tell).collect()
}

fn others(weighed: &Weighed, question: &Question<'_>, ledger: &Ledger<'_>) -> Vec<AgentAccount> {
    let mut is_told = vec![false; ledger.columns.rows()];
    let refused = weighed.refused.iter().map(|(row, reason)| {
        let detail = Some((*reason).to_owned());
        (*row, Standing::Filtered { filter: Filter::RefusedByPolicy, detail })
    });
    let not_drawn = weighed.not_drawn.iter().map(|row| (*row, Standing::NotDrawn));
    let mut told: Vec<AgentAccount> = Vec::new();
    for (row, standing) in refused.chain(not_drawn) {
        is_told[row as usize] = true;
        told.push(of_row(row as usize, standing, ledger));
    }
    weighed.rows.iter().for_each(|row| is_told[*row as usize] = true);
    for row in ledger.columns.live_rows().filter(|row| !is_told[*row]) {
        if let Some((filter, detail)) = first_failed(question, row, ledger) {
            told.push(of_row(row, Standing::Filtered { filter, detail }, ledger));
        }
    }
    told
}

fn of_row(row: usize, standing: Standing, ledger: &Ledger<'_>) -> AgentAccount {
    let node = ledger.node(row);
    AgentAccount { agent: node.agent(), hostname: node.hostname().to_owned(), standing }
}

/// The first filter that an agent does not pass, of those that are asked one agent at a time.
pub(crate) fn first_failed(
    question: &Question<'_>,
    row: usize,
    ledger: &Ledger<'_>,
) -> Option<(Filter, Option<String>)> {
    let (columns, stock, lane) = (ledger.columns, ledger.stock(row / LANES), row % LANES);
    if !columns.is_active(row) {
        return Some((Filter::AgentInactive, None));
    }
    if question.needs.is_container && !columns.runs_containers(row) {
        return Some((Filter::MissingContainerizer, Some(DOCKER.to_owned())));
    }
    let constraints = question.tests.iter().zip(&question.request.constraints);
    if let Some((_, constraint)) = constraints.into_iter().find(|(test, _)| !test.passes(columns, row)) {
        return Some((Filter::UnfulfilledConstraint, Some(constraint.to_string())));
    }
    for (dimension, filter) in Dimension::ALL.into_iter().zip(OF_DIMENSIONS) {
        if question.needs.dimension(dimension) && !question.needs.fits(dimension, stock, lane) {
            return Some((filter, None));
        }
    }
    if question.needs.ports() && !question.needs.fits_ports(stock, lane, ledger.ports(row)) {
        return Some((Filter::InsufficientPorts, None));
    }
    question.filters().find_map(|policy| match policy.filter(question.cx, question.request, ledger.node(row)) {
        Verdict::Feasible => None,
        Verdict::Refused(reason) => Some((Filter::RefusedByPolicy, Some(reason.to_owned()))),
    })
}
