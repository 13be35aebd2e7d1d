//! Accounts of decisions as the operator API tells them. Pure.

use model::{Record, Seq, Timestamp};
use placement::{Account, AgentAccount, Dimension, Lack, Standing};
use protocol::explain::{
    AccountView, CandidateView, ChangeView, ExplanationView, LackView, OtherView, Resource, TermScoreView, TermView,
    WhyNotView,
};
use protocol::operator::PackingView;
use scheduler::{Again, Change, Explained, Packing, WhyNot};

#[must_use]
pub const fn packing(packing: Packing) -> PackingView {
    let [cpus, mem, disk, gpus] = packing.taken;
    let Packing { agents, in_use: agents_in_use, fragmented, .. } = packing;
    PackingView { agents, agents_in_use, cpus, mem, disk, gpus, fragmented }
}

/// `record` launches the task.
#[must_use]
pub fn explanation(told: Explained, record: &Record) -> ExplanationView {
    ExplanationView {
        task: told.task,
        app: told.app,
        version: told.version,
        seq: record.seq,
        at: record.cause.at,
        command: record.cause.id,
        principal: record.cause.principal.clone(),
        earlier: told.earlier as u64,
        agent: told.agent,
        recorded: told.recorded,
        profile: told.profile.to_string(),
        seed: told.seed,
        first_in_turn: told.first_in_turn,
        otherwise: match told.again {
            Again::AsRecorded => None,
            Again::Otherwise(difference) => Some(difference),
        },
        account: account(told.account),
    }
}

/// Of the state after a record.
#[must_use]
pub fn why_not(told: WhyNot, seq: Seq, at: Timestamp) -> WhyNotView {
    let first_filter = told.standing().and_then(|told| match &told.standing {
        Standing::Filtered { filter, .. } => Some(*filter),
        Standing::Compared { .. } | Standing::NotDrawn => None,
    });
    WhyNotView {
        app: told.app,
        version: told.version,
        task: told.task,
        seq,
        at,
        agent: told.agent,
        hostname: told.hostname,
        profile: told.profile.to_string(),
        first_filter,
        rank: told.rank.map(|rank| rank as u64),
        lacks: told.lacks.into_iter().map(lack).collect(),
        count: told.count,
        fit: told.fit,
        changes: told.changes.into_iter().map(change).collect(),
        beyond: told.beyond.into_iter().map(lack).collect(),
        account: account(told.account),
    }
}

#[must_use]
pub fn account(told: Account) -> AccountView {
    let equals = told.equals();
    let (mut candidates, mut others) = (Vec::new(), Vec::new());
    for AgentAccount { agent, hostname, standing } in told.agents {
        match standing {
            Standing::Compared { score, terms } => {
                let terms = terms.iter().map(|term| TermScoreView { raw: term.raw.0, counted: term.counted.0 });
                candidates.push(CandidateView { agent, hostname, score: score.0, terms: terms.collect() });
            }
            Standing::NotDrawn => others.push(OtherView { agent, hostname, filter: None, detail: None }),
            Standing::Filtered { filter, detail } => {
                others.push(OtherView { agent, hostname, filter: Some(filter), detail });
            }
        }
    }
    let terms = told.terms.into_iter().map(|term| TermView {
        policy: term.policy,
        weight: term.weight,
        normalise: term.normalise,
    });
    AccountView {
        terms: terms.collect(),
        agents: told.explanation.considered,
        feasible: told.explanation.feasible.unwrap_or_default(),
        not_drawn: count(others.iter().filter(|other| other.filter.is_none()).count()),
        equals: count(equals),
        without_wishes: told.without_wishes,
        filtered: told.explanation.filtered,
        candidates,
        others,
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

const fn resource(dimension: Dimension) -> Resource {
    match dimension {
        Dimension::Cpus => Resource::Cpus,
        Dimension::Mem => Resource::Mem,
        Dimension::Disk => Resource::Disk,
        Dimension::Gpus => Resource::Gpus,
    }
}

fn change(change: Change) -> ChangeView {
    let Change { dimension, less, more } = change;
    ChangeView { resource: resource(dimension), less: less.as_f64(), more: more.as_f64() }
}

fn lack(lack: Lack) -> LackView {
    match lack {
        Lack::Connection => LackView::Connection,
        Lack::Containerizer(name) => LackView::Containerizer { name: name.to_owned() },
        Lack::Constraint { constraint, has, would_do } => {
            LackView::Constraint { constraint: constraint.to_string(), has, would_do }
        }
        Lack::Amount { dimension, wanted, free, gpus } => LackView::Amount {
            resource: resource(dimension),
            wanted: wanted.as_f64(),
            free: free.as_f64(),
            gpus: gpus.to_string(),
        },
        Lack::Ports { wanted, free, held, not_offered } => LackView::Ports { wanted, free, held, not_offered },
        Lack::Policy(reason) => LackView::Policy { reason },
    }
}
