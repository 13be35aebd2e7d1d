//! `bayplan why-not`: what keeps an instance off an agent, and what would let it fit there.

use std::fmt::Write as _;

use protocol::explain::{CandidateView, ChangeView, LackView, Resource, WhyNotView};

use super::explanation::{behind, filters, host_of, score_of};
use super::quantity::number;
use super::{Align, Cell, Table, count, one_line};
use crate::output::{BAD, BOLD, DIM, GOOD, styled};

/// So many texts that a constraint would accept are named.
const NAMED: usize = 5;

pub(crate) fn why_not(told: &WhyNotView, width: Option<usize>) -> String {
    let mut text = String::new();
    let place = format!("{} ({})", one_line(&told.hostname), told.agent);
    let what = match &told.task {
        Some(task) => format!("Task {}, if it were placed anew,", styled(BOLD, task.as_str())),
        None => format!("One more instance of {}", styled(BOLD, told.app.as_str())),
    };
    // Writing to a string cannot fail.
    let _ = match (told.lacks.is_empty(), told.rank) {
        (false, _) => writeln!(text, "{what} would not go to {place}: {}.", styled(BAD, &first(told))),
        (true, Some(1)) => writeln!(text, "{what} {} to {place}.", styled(GOOD, "would go")),
        (true, Some(rank)) => writeln!(
            text,
            "{what} would fit on {place}, which is number {rank} of {}: {} comes first.",
            count(told.account.candidates.len() as u64, "candidate"),
            told.account.candidates.first().map(|first| host_of(&told.account, first.agent)).unwrap_or_default()
        ),
        (true, None) => writeln!(
            text,
            "{what} would fit on {place}, which the sample of profile {} left out this time.",
            told.profile
        ),
    };
    for lack in &told.lacks {
        let _ = writeln!(text, "  {}", lacking(lack));
    }
    if told.lacks.is_empty() && told.rank.is_some_and(|rank| rank > 1) {
        let _ = write!(text, "\n{}", compared(told, width));
    }
    if told.count > 1 {
        let _ = writeln!(text, "Of {} instances, {} would fit there, one after the other.", told.count, told.fit);
    }
    text.push_str(&smallest_change(told));
    let _ = write!(text, "\n{}", filters(&told.account));
    let _ = writeln!(
        text,
        "{}",
        styled(DIM, &format!("Profile {} decides for {}; as of record {}.", told.profile, told.app, told.seq))
    );
    text
}

fn first(told: &WhyNotView) -> String {
    let others = told.lacks.len() - 1;
    let filter = told.first_filter.map_or("a filter", model::Filter::name);
    match others {
        0 => format!("it fails {filter}"),
        others => format!("it fails {filter} first, and {others} more after it"),
    }
}

fn lacking(lack: &LackView) -> String {
    match lack {
        LackView::Connection => "the agent is not connected".to_owned(),
        LackView::Containerizer { name } => format!("the agent runs no containers: it has no {name}"),
        LackView::Constraint { constraint, has, would_do } => {
            let has = has.as_deref().map_or_else(|| "has none".to_owned(), |has| format!("has {}", one_line(has)));
            format!("constraint {}: the agent {has}; {}", one_line(constraint), alternatives(would_do))
        }
        LackView::Amount { resource: Resource::Gpus, wanted, free, gpus } => {
            let free_gpus = if gpus.is_empty() { "none".to_owned() } else { gpus.clone() };
            let (wanted, free) = (number(*wanted), number(*free));
            format!("{wanted} GPUs are wanted, and one task could get {free}; free of the agent's GPUs: {free_gpus}")
        }
        LackView::Amount { resource, wanted, free, .. } => {
            format!("{} are wanted, and {} are free", amount(*resource, *wanted), amount(*resource, *free))
        }
        LackView::Ports { wanted, free, held, not_offered } => {
            let mut reasons = Vec::new();
            if !not_offered.is_empty() {
                reasons.push(format!("{} none of the agent's", ports_are(not_offered)));
            }
            if !held.is_empty() {
                reasons.push(format!("{} taken", ports_are(held)));
            }
            if wanted > free {
                let (is, free_is) =
                    (be(*wanted), if *free == 0 { "none is".to_owned() } else { format!("{free} {}", be(*free)) });
                reasons.push(format!("{} {is} wanted, and {free_is} free", count(u64::from(*wanted), "port")));
            }
            reasons.join("; ")
        }
        LackView::Policy { reason } => format!("what decides refuses it: {}", one_line(reason)),
    }
}

const fn be(number: u32) -> &'static str {
    if number == 1 { "is" } else { "are" }
}

fn ports_are(ports: &[u16]) -> String {
    match ports {
        [port] => format!("port {port} is"),
        ports => format!("ports {} are", ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}

fn alternatives(would_do: &[Option<String>]) -> String {
    if would_do.is_empty() {
        return "no agent has what would do".to_owned();
    }
    let text = |text: &Option<String>| text.as_deref().map_or_else(|| "none at all".to_owned(), one_line);
    let shown: Vec<String> = would_do.iter().take(NAMED).map(text).collect();
    let more = would_do.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("what would do: {}{more}", shown.join(", "))
}

fn amount(resource: Resource, amount: f64) -> String {
    let amount = number(amount);
    match resource {
        Resource::Cpus => format!("{amount} cpus"),
        Resource::Mem => format!("{amount} MB of memory"),
        Resource::Disk => format!("{amount} MB of disk"),
        Resource::Gpus => format!("{amount} GPUs"),
    }
}

fn smallest_change(told: &WhyNotView) -> String {
    if told.fit == told.count {
        return String::new();
    }
    let amounts = |of: fn(&ChangeView) -> f64| {
        let amounts = told.changes.iter().map(|change| amount(change.resource, of(change)));
        join(&amounts.collect::<Vec<_>>())
    };
    let mut text = String::new();
    if !told.changes.is_empty() {
        let (less, more) = (amounts(|change| change.less), amounts(|change| change.more));
        let fit = if told.count == 1 { "it would fit".to_owned() } else { format!("all {} would fit", told.count) };
        let more = if less == more { "that much".to_owned() } else { more };
        let fit = if told.beyond.is_empty() { fit } else { "the amounts would be enough".to_owned() };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "With {less} less for each instance, or {more} more free on the agent, {fit}.");
    }
    let others: Vec<String> = told.beyond.iter().map(lacking).collect();
    if !others.is_empty() {
        let lead = match (told.changes.is_empty(), told.count) {
            (false, _) => "What stays in the way",
            (true, 1) => "What is in the way is no amount",
            (true, _) => "What is in the way of the next one",
        };
        let _ = writeln!(text, "{lead}: {}.", others.join("; "));
    }
    text
}

/// `a, b and c`.
fn join(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The agent against the best one, term by term.
fn compared(told: &WhyNotView, width: Option<usize>) -> String {
    let account = &told.account;
    let is_it = |candidate: &&CandidateView| candidate.agent == told.agent;
    let (Some(best), Some(own)) = (account.candidates.first(), account.candidates.iter().find(is_it)) else {
        return String::new();
    };
    let mut table =
        Table::new(&[("TERM", Align::Left), ("WEIGHT", Align::Right), ("THERE", Align::Right), ("BEST", Align::Right)]);
    for (term, (own, best)) in account.terms.iter().zip(own.terms.iter().zip(&best.terms)) {
        let worse = if own.counted < best.counted { BAD } else { anstyle::Style::new() };
        table.row([
            term.policy.as_str().into(),
            term.weight.to_string().into(),
            Cell::styled(score_of(term, *own), worse),
            score_of(term, *best).into(),
        ]);
    }
    let scores = [own.score.to_string(), best.score.to_string()].map(Cell::new);
    let [own_score, best_score] = scores;
    table.row(["score".into(), Cell::new(""), own_score, best_score]);
    let end = match own.score == best.score {
        true => "A command's seed would decide between them.".to_owned(),
        false => format!("It comes {}.", behind(account, best, own)),
    };
    format!("{}{end}\n", table.render(width))
}

#[cfg(test)]
mod tests {
    use model::{AgentId, AppId, AppVersion, Filter, Filtered, Seq, Timestamp};
    use protocol::explain::{AccountView, TermScoreView, TermView};

    use super::*;
    use crate::render::plain;

    fn told(lacks: Vec<LackView>) -> WhyNotView {
        let candidate = |agent, score| CandidateView {
            agent: AgentId(agent),
            hostname: format!("h{agent}"),
            score,
            terms: vec![TermScoreView { raw: score, counted: score }],
        };
        WhyNotView {
            app: AppId::parse("web").expect("an id"),
            version: AppVersion::default(),
            task: None,
            seq: Seq(9),
            at: Timestamp(0),
            agent: AgentId(3),
            hostname: "h3".to_owned(),
            profile: "best-fit".to_owned(),
            first_filter: Some(Filter::InsufficientCpus).filter(|_| !lacks.is_empty()),
            rank: Some(2).filter(|_| lacks.is_empty()),
            count: 1,
            fit: u32::from(lacks.is_empty()),
            changes: Vec::new(),
            beyond: Vec::new(),
            lacks,
            account: AccountView {
                terms: vec![TermView { policy: "best-fit".to_owned(), weight: 1, normalise: false }],
                agents: 3,
                feasible: 2,
                not_drawn: 0,
                equals: 1,
                without_wishes: false,
                filtered: vec![Filtered { filter: Filter::InsufficientCpus, detail: None, agents: 1 }],
                candidates: vec![candidate(1, 90), candidate(3, 70)],
                others: Vec::new(),
            },
        }
    }

    #[test]
    fn what_is_lacking_is_told_with_the_smallest_change() {
        let lacking = |resource, wanted, free| LackView::Amount { resource, wanted, free, gpus: String::new() };
        let mut told = told(vec![lacking(Resource::Cpus, 2.0, 1.5), lacking(Resource::Mem, 256.0, 128.0)]);
        let change = |resource, amount| ChangeView { resource, less: amount, more: amount };
        told.changes = vec![change(Resource::Cpus, 0.5), change(Resource::Mem, 128.0)];
        let text = plain(&why_not(&told, None));
        for expected in [
            "One more instance of /web would not go to h3 (S3): it fails InsufficientCpus first, and 1 more after it.",
            "2 cpus are wanted, and 1.5 cpus are free",
            "With 0.5 cpus and 128 MB of memory less for each instance, or that much more free on the agent, it would fit.",
            "     1  fail InsufficientCpus",
        ] {
            assert!(text.contains(expected), "{expected} in\n{text}");
        }
        told.count = 4;
        told.changes[0].more = 6.5;
        told.beyond = vec![LackView::Ports { wanted: 1, free: 9, held: vec![80], not_offered: vec![22, 23] }];
        let text = plain(&why_not(&told, None));
        for expected in [
            "Of 4 instances, 0 would fit there, one after the other.",
            "or 6.5 cpus and 128 MB of memory more free on the agent, the amounts would be enough.",
            "What stays in the way: ports 22, 23 are none of the agent's; port 80 is taken.",
        ] {
            assert!(text.contains(expected), "{expected} in\n{text}");
        }
    }

    #[test]
    fn what_fits_is_told_with_those_that_come_first() {
        let text = plain(&why_not(&told(Vec::new()), None));
        for expected in [
            "One more instance of /web would fit on h3 (S3), which is number 2 of 2 candidates: h1 (S1) comes first.",
            "best-fit       1     70    90",
            "It comes with 20 points less.",
        ] {
            assert!(text.contains(expected), "{expected} in\n{text}");
        }
        let would_do = (0..7).map(|rack| Some(format!("r{rack}"))).collect();
        let ports =
            |wanted, free| lacking(&LackView::Ports { wanted, free, held: Vec::new(), not_offered: Vec::new() });
        assert_eq!(ports(1, 0), "1 port is wanted, and none is free");
        assert_eq!(ports(3, 1), "3 ports are wanted, and 1 is free");
        let (constraint, has) = ("rack:LIKE:r[0-6]".to_owned(), None);
        let text = lacking(&LackView::Constraint { constraint, has, would_do });
        assert_eq!(
            text,
            "constraint rack:LIKE:r[0-6]: the agent has none; what would do: r0, r1, r2, r3, r4 and 2 more"
        );
    }
}
