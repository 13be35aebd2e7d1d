//! Accounts of decisions, and decisions of blends: what they say must add up, and be what was decided.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{AgentId, Filter};
use placement::{
    Account, AgentAccount, Assessment, Blend, Context, DECISION_WORK, Fault, Faulty, Node, Outcome, Policy, Request,
    Score, Scratch, Standing, Term, View, place,
};
use proptest::prelude::*;

use crate::agreement::Picky;
use crate::cluster::*;

/// An account of the same decision as an outcome: every agent once, and the same counts.
pub(crate) fn agrees(account: &Account, outcome: &Outcome, view: &View) -> Result<(), TestCaseError> {
    prop_assert_eq!(Some(&account.explanation), outcome.explanation());
    let chosen = match outcome {
        Outcome::Placed(placed) => Some(placed.agent),
        _ => None,
    };
    prop_assert_eq!(account.chosen().map(|agent| agent.agent), chosen);
    let told: BTreeSet<AgentId> = account.agents.iter().map(|agent| agent.agent).collect();
    prop_assert_eq!(told.len(), account.agents.len());
    prop_assert_eq!(told, view.nodes().map(|node| node.agent()).collect::<BTreeSet<_>>());
    for filtered in &account.explanation.filtered {
        let is_so = |agent: &&AgentAccount| {
            let Standing::Filtered { filter, detail } = &agent.standing else { return false };
            (*filter, detail) == (filtered.filter, &filtered.detail)
        };
        prop_assert_eq!(account.agents.iter().filter(is_so).count(), filtered.agents as usize, "{:?}", filtered);
    }
    let feasible = account.agents.iter().filter(|agent| !matches!(agent.standing, Standing::Filtered { .. }));
    prop_assert_eq!(Some(feasible.count() as u32), account.explanation.feasible);
    Ok(())
}

/// Written as a module would be: it is asked about all agents at once, and refuses some.
struct AtOnce;

impl Policy for AtOnce {
    fn name(&self) -> &str {
        "at-once"
    }

    fn score(&self, _: &Context<'_>, _: &Request, _: Node<'_>) -> Score {
        unreachable!("it is asked about all at once")
    }

    fn is_asked_at_once(&self) -> bool {
        true
    }

    fn assess(
        &self,
        _: &Context<'_>,
        _: &Request,
        nodes: &[Node<'_>],
        assessments: &mut Vec<Assessment>,
    ) -> Result<(), Fault> {
        let assess = |node: &Node<'_>| match node.agent().0 % 4 {
            3 => Assessment::Refused("three of four"),
            rest => Assessment::Scored(Score(rest * 1_000)),
        };
        assessments.extend(nodes.iter().map(assess));
        Ok(())
    }
}

/// Gives an answer too few.
struct Short;

impl Policy for Short {
    fn name(&self) -> &str {
        "short"
    }

    fn score(&self, _: &Context<'_>, _: &Request, _: Node<'_>) -> Score {
        Score(1)
    }

    fn is_asked_at_once(&self) -> bool {
        true
    }

    fn assess(
        &self,
        _: &Context<'_>,
        _: &Request,
        nodes: &[Node<'_>],
        assessments: &mut Vec<Assessment>,
    ) -> Result<(), Fault> {
        assessments.extend(nodes.iter().skip(1).map(|_| Assessment::Scored(Score(1))));
        Ok(())
    }
}

fn term(policy: Arc<dyn Policy>, weight: u32, normalise: bool) -> Term {
    Term { policy, weight, normalise }
}

fn any_term() -> impl Strategy<Value = (usize, u32, bool)> {
    (0..placement::POLICIES.len() + 2, 1..5_u32, any::<bool>())
}

fn blend(terms: &[(usize, u32, bool)], sample: Option<u32>) -> Blend {
    let policy_at = |index: usize| -> Arc<dyn Policy> {
        match placement::POLICIES.get(index) {
            Some((name, _)) => policy(name),
            None if index == placement::POLICIES.len() => Arc::new(Picky),
            None => Arc::new(AtOnce),
        }
    };
    let terms = terms.iter().map(|(index, weight, normalise)| term(policy_at(*index), *weight, *normalise)).collect();
    Blend::new("a blend", terms, sample)
}

proptest! {
    /// What a blend chooses has the highest sum among the agents that its own account compares, and the account adds up.
    #[test]
    fn blends_weigh_what_their_terms_say(
        terms in proptest::collection::vec(any_term(), 1..4),
        sample in prop_oneof![Just(None), (1..30_u32).prop_map(Some)],
        agents in 1..200_u32,
        cpus in 1..5_000_i64,
        seeds in proptest::collection::vec(any::<u64>(), 1..6),
    ) {
        let view = view(equal_agents(agents));
        let blend = blend(&terms, sample);
        let mut scratch = Scratch::new(&view);
        for seed in seeds {
            let request = request("web", cpus, 1);
            let account = scratch.account(&blend, seed, &request).expect("no policy fails");
            let outcome = scratch.place(&blend, seed, &request);
            agrees(&account, &outcome, &view)?;
            let compared: Vec<&AgentAccount> = account.agents.iter().filter(|agent| agent.score().is_some()).collect();
            let feasible = account.explanation.feasible.unwrap_or_default();
            prop_assert_eq!(compared.len() as u32, sample.map_or(feasible, |sample| sample.min(feasible)));
            for agent in &compared {
                let Standing::Compared { score, terms: told } = &agent.standing else { unreachable!() };
                let mut sum = 0;
                for ((number, (_, weight, normalise)), told) in terms.iter().enumerate().zip(told) {
                    let of_others = compared.iter().map(|other| match &other.standing {
                        Standing::Compared { terms, .. } => u64::from(terms[number].raw.0),
                        _ => unreachable!(),
                    });
                    let (lowest, highest) = (of_others.clone().min().unwrap(), of_others.max().unwrap());
                    let raw = u64::from(told.raw.0);
                    let expected = match (normalise, highest - lowest) {
                        (false, _) => raw,
                        (true, 0) => 0,
                        (true, span) => (raw - lowest) * u64::from(Score::MAX.0) / span,
                    };
                    prop_assert_eq!(u64::from(told.counted.0), expected);
                    sum += u64::from(*weight) * expected;
                }
                let weights: u64 = terms.iter().map(|(_, weight, _)| u64::from(*weight)).sum();
                prop_assert_eq!(u64::from(score.0), sum / weights);
            }
            prop_assert!(compared.is_sorted_by(|one, other| one.score() >= other.score()));
        }
    }
}

#[test]
fn a_sample_depends_on_the_seed_and_not_on_who_was_there_before() {
    let blend = Blend::new("one of all", vec![term(policy("first-fit"), 1, false)], Some(1));
    let whole = view(equal_agents(100));
    let mut events = equal_agents(300);
    events.extend((100..300).map(removed));
    let emptied = view(events);
    let chosen = |view: &View, seed| match place(view, &blend, seed, &request("web", 1, 1)) {
        Outcome::Placed(placed) => placed.agent,
        other => panic!("{other:?}"),
    };
    let of_whole: Vec<AgentId> = (0..400).map(|seed| chosen(&whole, seed)).collect();
    assert_eq!(of_whole, (0..400).map(|seed| chosen(&emptied, seed)).collect::<Vec<_>>());
    let distinct: BTreeSet<AgentId> = of_whole.into_iter().collect();
    // Of 400 draws out of 100, 98 are met on average.
    assert!(distinct.len() > 85, "{}", distinct.len());
}

#[test]
fn the_better_of_two_is_nearer_to_the_best_than_one_at_random() {
    let view = view(equal_agents(50));
    let spread = |sample| Blend::new("some", vec![term(policy("spread"), 1, false)], sample);
    let most_on_one = |blend: &Blend| {
        let mut scratch = Scratch::new(&view);
        let mut counts = [0_u32; 50];
        for seed in 0..150 {
            let Outcome::Placed(placed) = scratch.place(blend, seed, &request("web", 100, 1)) else { panic!("full") };
            counts[placed.agent.0 as usize] += 1;
        }
        counts.into_iter().max().unwrap_or_default()
    };
    let [all, two, one] = [None, Some(2), Some(1)].map(|sample| most_on_one(&spread(sample)));
    assert_eq!(all, 3, "150 on 50 agents");
    assert!(all < two && two < one, "{all} {two} {one}");
}

#[test]
fn refusals_of_those_that_are_asked_at_once_are_counted() {
    let view = view(equal_agents(10));
    let blend = Blend::new("a module", vec![term(Arc::new(AtOnce), 1, false)], None);
    let outcome = place(&view, &blend, 0, &request("web", 1, 1));
    let Outcome::Placed(placed) = &outcome else { panic!("{outcome:?}") };
    assert_eq!(placed.agent, AgentId(2));
    assert_eq!(placed.explanation.to_string(), "8 of 10 agents feasible: 2 RefusedByPolicy (three of four)");
    let account = Scratch::new(&view).account(&blend, 0, &request("web", 1, 1)).expect("an account");
    assert_eq!(account.equals(), 2);
    assert_eq!(account.runner_up().map(|agent| agent.agent), Some(AgentId(6)));
    let refused = account.agents.iter().find(|agent| agent.agent == AgentId(7)).expect("all are told");
    let expected = Standing::Filtered { filter: Filter::RefusedByPolicy, detail: Some("three of four".to_owned()) };
    assert_eq!(refused.standing, expected);
}

#[test]
fn too_few_answers_decide_nothing() {
    let view = view(equal_agents(3));
    let blend = Blend::new("a module", vec![term(Arc::new(Short), 1, false)], None);
    let mut scratch = Scratch::new(&view);
    let outcome = scratch.place(&blend, 0, &request("web", 1, 1));
    let Outcome::Faulty(Faulty { policy: faulty, reason }) = &outcome else { panic!("{outcome:?}") };
    assert_eq!((faulty.as_str(), reason.as_str()), ("short", "it was asked about 3 agents and gave 2 answers"));
    let Outcome::Placed(_) = scratch.place(policy("best-fit").as_ref(), 0, &request("web", 4_000, 1)) else {
        panic!("nothing was taken")
    };
}

/// Does all the work that it may do.
struct Busy;

impl Policy for Busy {
    fn name(&self) -> &str {
        "busy"
    }

    fn score(&self, _: &Context<'_>, _: &Request, _: Node<'_>) -> Score {
        unreachable!("it is asked about all at once")
    }

    fn is_asked_at_once(&self) -> bool {
        true
    }

    fn assess(
        &self,
        cx: &Context<'_>,
        _: &Request,
        nodes: &[Node<'_>],
        assessments: &mut Vec<Assessment>,
    ) -> Result<(), Fault> {
        cx.spend(cx.allowance());
        assessments.extend(nodes.iter().map(|_| Assessment::Scored(Score(1))));
        Ok(())
    }
}

#[test]
fn policies_share_what_one_decision_may_cost_and_only_decisions_count() {
    let view = view(equal_agents(10));
    let busy = |terms: usize| Blend::new("busy", (0..terms).map(|_| term(Arc::new(Busy), 1, false)).collect(), None);
    let work_of = |terms: usize| {
        let mut scratch = Scratch::new(&view);
        assert!(scratch.account(&busy(terms), 0, &request("web", 1, 1)).is_ok());
        assert_eq!(scratch.work(), 0, "an account is no decision");
        assert!(matches!(scratch.place(&busy(terms), 0, &request("web", 1, 1)), Outcome::Placed(_)));
        scratch.work()
    };
    let looks = |terms: u64| 32 * 10 * (1 + terms);
    assert_eq!(work_of(1), DECISION_WORK + looks(1));
    assert_eq!(work_of(4), DECISION_WORK + looks(4), "a quarter each");
    let mut scratch = Scratch::new(&view);
    assert!(matches!(scratch.place(policy("best-fit").as_ref(), 0, &request("web", 1, 1)), Outcome::Placed(_)));
    assert_eq!(scratch.work(), 0, "it needs no look at every agent");
}
