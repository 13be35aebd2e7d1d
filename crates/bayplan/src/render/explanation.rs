//! `bayplan explain`: a placement as a table of candidates, with the filters before it and the reasons behind it.

use std::fmt::Write as _;

use placement::Score;
use protocol::explain::{AccountView, CandidateView, ExplanationView, TermScoreView, TermView};

use super::time::moment;
use super::{Align, Cell, Table, count, one_line};
use crate::output::{BAD, BOLD, BUSY, DIM, GOOD, styled};

/// So many candidates are shown unless all are wanted.
const SHOWN: usize = 10;

pub(crate) fn explanation(told: &ExplanationView, all: bool, width: Option<usize>) -> String {
    let (account, mut text) = (&told.account, String::new());
    let place = host_of(account, told.agent);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{} is on {place}.", styled(BOLD, told.task.as_str()));
    let _ = writeln!(
        text,
        "Record {} at {}, of command {} by {}, launched it{}; profile {} decided: {}.",
        told.seq,
        moment(told.at),
        told.command,
        told.principal.0,
        match told.earlier {
            0 => String::new(),
            earlier => format!(" after {}", count(earlier, "other task")),
        },
        told.profile,
        weights(&account.terms)
    );
    let _ = writeln!(text, "\n{}", candidates(account, if all { usize::MAX } else { SHOWN }, width));
    let _ = writeln!(text, "{}\n{}", filters(account), reasons(told));
    text
}

/// An agent with its hostname.
pub(super) fn host_of(account: &AccountView, agent: model::AgentId) -> String {
    let candidates = account.candidates.iter().map(|told| (told.agent, &told.hostname));
    let others = account.others.iter().map(|told| (told.agent, &told.hostname));
    let host = candidates.chain(others).find(|(told, _)| *told == agent).map(|(_, host)| one_line(host));
    host.map_or_else(|| agent.to_string(), |host| format!("{host} ({agent})"))
}

fn weights(terms: &[TermView]) -> String {
    let term = |term: &TermView| match term.weight {
        1 => term.policy.clone(),
        weight => format!("{weight} x {}", term.policy),
    };
    terms.iter().map(term).collect::<Vec<_>>().join(" + ")
}

pub(super) fn candidates(account: &AccountView, shown: usize, width: Option<usize>) -> String {
    if account.candidates.is_empty() {
        return "No agent was good enough.\n".to_owned();
    }
    let fixed = [("RANK", Align::Right), ("AGENT", Align::Left), ("HOST", Align::Left), ("SCORE", Align::Right)];
    let mut columns: Vec<(String, Align)> = fixed.map(|(name, align)| (name.to_owned(), align)).to_vec();
    columns.extend(account.terms.iter().map(|term| (term.policy.to_uppercase(), Align::Right)));
    let mut table = Table::new(&columns);
    for (place, candidate) in account.candidates.iter().take(shown).enumerate() {
        let style = if place == 0 { GOOD } else { anstyle::Style::new() };
        let mut cells = vec![
            Cell::styled((place + 1).to_string(), style),
            Cell::styled(candidate.agent.to_string(), style),
            Cell::styled(one_line(&candidate.hostname), style),
            Cell::styled(candidate.score.to_string(), style),
        ];
        cells.extend(account.terms.iter().zip(&candidate.terms).map(|(term, score)| score_of(term, *score).into()));
        table.row(cells);
    }
    let mut text = table.render(width);
    if account.terms.iter().any(|term| term.normalise) {
        text.push_str(&styled(
            DIM,
            "In brackets: between the worst and the best of the compared agents, which is what counts.\n",
        ));
    }
    if let Some(more) = account.candidates.len().checked_sub(shown).filter(|more| *more > 0) {
        text.push_str(&styled(DIM, &format!("… and {}; --all shows them\n", count(more as u64, "more candidate"))));
    }
    text
}

pub(super) fn score_of(term: &TermView, score: TermScoreView) -> String {
    if !term.normalise {
        return score.raw.to_string();
    }
    let percent = u64::from(score.counted) * 100 / u64::from(Score::MAX.0);
    format!("{} ({percent}%)", score.raw)
}

/// Counts that add up to the number of agents.
pub(super) fn filters(account: &AccountView) -> String {
    let mut table = Table::new(&[("AGENTS", Align::Right), ("OUTCOME", Align::Left)]);
    for filtered in &account.filtered {
        let detail = filtered.detail.as_deref().map(|detail| format!(": {}", one_line(detail))).unwrap_or_default();
        table.row([filtered.agents.to_string().into(), format!("fail {}{detail}", filtered.filter.name()).into()]);
    }
    if account.not_drawn > 0 {
        table.row([account.not_drawn.to_string().into(), "feasible, but not drawn for the sample".into()]);
    }
    table.row([account.candidates.len().to_string().into(), "compared".into()]);
    table.row([Cell::styled(account.agents.to_string(), BOLD), Cell::styled("in all", BOLD)]);
    let mut text = table.render(None);
    if account.without_wishes {
        text.push_str("Nobody fulfils the constraints that are wishes, so these were left aside.\n");
    }
    text
}

fn reasons(told: &ExplanationView) -> String {
    let (account, mut text) = (&told.account, String::new());
    if account.equals > 1 {
        let from = told.first_in_turn.map(|agent| agent.to_string()).unwrap_or_default();
        let chosen = account.candidates.first().map(|chosen| chosen.agent.to_string()).unwrap_or_default();
        let _ = writeln!(
            text,
            "Tie: {} agents have the highest score. Seed {} lets the round begin at {from}, and from there {chosen} is the \
             first of them.",
            account.equals, told.seed
        );
    }
    match &account.candidates[..] {
        [chosen, second, ..] => {
            let second_is = format!("{} ({})", one_line(&second.hostname), second.agent);
            let _ = writeln!(text, "Runner-up: {second_is}, {}.", behind(account, chosen, second));
        }
        [_] => text.push_str("No other agent could have had it.\n"),
        [] => {}
    }
    match &told.otherwise {
        None => text.push_str(&styled(DIM, "Deciding the command again gives what was recorded.\n")),
        Some(difference) => {
            let now =
                account.candidates.first().map_or_else(|| "nowhere".to_owned(), |now| host_of(account, now.agent));
            let _ = writeln!(
                text,
                "{} {difference}. The account is that of this version, which would place the task on {now}.",
                styled(BAD, "This version of bayplan would decide the command otherwise:")
            );
        }
    }
    text
}

/// By how much, and which terms make it.
pub(super) fn behind(account: &AccountView, better: &CandidateView, other: &CandidateView) -> String {
    if better.score == other.score {
        return "with the same score".to_owned();
    }
    let terms = account.terms.iter().zip(better.terms.iter().zip(&other.terms));
    let worse =
        terms.filter(|(_, (better, other))| better.counted > other.counted).map(|(term, _)| term.policy.as_str());
    let worse = worse.collect::<Vec<_>>().join(", ");
    let by = if account.terms.len() > 1 { format!(" (it is behind by {worse})") } else { String::new() };
    let points = count(u64::from(better.score - other.score), "point");
    format!("with {} less{by}", styled(BUSY, &points))
}

#[cfg(test)]
mod tests {
    use model::{
        AgentId, AppId, AppVersion, CommandId, Explanation, Filter, Filtered, Principal, Seq, TaskId, Timestamp,
    };
    use protocol::explain::OtherView;

    use super::*;
    use crate::render::plain;

    fn term(policy: &str, weight: u32) -> TermView {
        TermView { policy: policy.to_owned(), weight, normalise: true }
    }

    fn candidate(agent: u32, score: u32, counted: [u32; 2]) -> CandidateView {
        let terms = counted.iter().map(|counted| TermScoreView { raw: counted / 1_000, counted: *counted }).collect();
        CandidateView { agent: AgentId(agent), hostname: format!("h{agent}"), score, terms }
    }

    fn told() -> ExplanationView {
        let half = Score::MAX.0 / 2 + 1;
        ExplanationView {
            task: TaskId::new("web.1"),
            app: AppId::parse("web").expect("an id"),
            version: AppVersion::default(),
            seq: Seq(12),
            at: Timestamp(1_784_116_803_120),
            command: CommandId([1; 16]),
            principal: Principal::new("master"),
            earlier: 1,
            agent: AgentId(4),
            recorded: Explanation {
                policy: "packed".into(),
                score: Some(9),
                considered: 4,
                feasible: None,
                filtered: vec![],
            },
            profile: "packed".to_owned(),
            seed: 77,
            first_in_turn: Some(AgentId(3)),
            otherwise: None,
            account: AccountView {
                terms: vec![term("fgd", 3), term("best-fit", 1)],
                agents: 4,
                feasible: 3,
                not_drawn: 0,
                equals: 2,
                without_wishes: false,
                filtered: vec![Filtered { filter: Filter::InsufficientCpus, detail: None, agents: 1 }],
                candidates: vec![
                    candidate(4, 9_000, [Score::MAX.0, half]),
                    candidate(1, 9_000, [Score::MAX.0, half]),
                    candidate(2, 8_000, [0, half]),
                ],
                others: vec![OtherView {
                    agent: AgentId(5),
                    hostname: "h5".to_owned(),
                    filter: Some(Filter::InsufficientCpus),
                    detail: None,
                }],
            },
        }
    }

    #[test]
    fn a_placement_is_told_with_all_that_counted() {
        let text = plain(&explanation(&told(), false, None));
        for expected in [
            "web.1 is on h4 (S4).",
            "by master, launched it after 1 other task; profile packed decided: 3 x fgd + best-fit.",
            "RANK  AGENT  HOST  SCORE             FGD",
            "   1  S4     h4     9000  2147483 (100%)",
            "     1  fail InsufficientCpus",
            "     3  compared",
            "     4  in all",
            "Tie: 2 agents have the highest score. Seed 77 lets the round begin at S3, and from there S4 is the first of them.",
            "Runner-up: h1 (S1), with the same score.",
            "Deciding the command again gives what was recorded.",
        ] {
            assert!(text.contains(expected), "{expected} in\n{text}");
        }
    }

    #[test]
    fn many_candidates_are_cut_and_another_decision_is_told() {
        let mut told = told();
        told.otherwise = Some("event 3 of 4 would launch task 'web.1' on S1 instead of S4".to_owned());
        told.account.candidates = (0..13).map(|agent| candidate(agent, 20 - agent, [20 - agent, 1])).collect();
        let text = plain(&explanation(&told, false, None));
        assert!(text.contains("… and 3 more candidates; --all shows them") && !text.contains("h12"), "{text}");
        assert!(text.contains("Runner-up: h1 (S1), with 1 point less (it is behind by fgd)."), "{text}");
        assert!(text.contains("would decide the command otherwise: event 3 of 4"), "{text}");
        assert!(text.contains("which would place the task on h0 (S0)."), "{text}");
        assert!(plain(&explanation(&told, true, None)).contains("h12"));
    }
}
