//! What holds of any fork of any history.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{AgentId, CommandKind, Record, Seq};
use proptest::prelude::*;
use replay::what_if::{Change, Difference, NewProfile};

use crate::history::{History, Step, launches, steps};

const PROFILES: [&str; 4] = ["best-fit", "spread", "first-fit", "random-of-2"];

fn named(profile: &str) -> Change {
    Change { profile: Some(NewProfile::Named(profile.into())), ..Change::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Nothing changed, or what decides already chosen again: then every command is decided anew in the fork, and every report
    /// finds its place. Both end where the log does.
    #[test]
    fn the_same_profile_and_agents_diverge_nowhere(
        steps in steps(), at in 0.0..1.0_f64, profile in 0..PROFILES.len(), says_so in any::<bool>()
    ) {
        let profile = PROFILES[profile];
        let mut history = History::new(profile, 3);
        steps.into_iter().for_each(|step| history.take(step));
        let at = Seq(1 + (at * (history.last().0 - 1) as f64) as u64);
        let change = if says_so { named(profile) } else { Change::default() };
        let (outcome, states) = history.fork(at, change);
        prop_assert_eq!(outcome.newer_code, None);
        prop_assert_eq!(outcome.divergence, None);
        let recorded = history.cluster.world.state.hash();
        prop_assert_eq!(states.map(|state| state.hash()), [recorded, recorded]);
        prop_assert_eq!(&outcome.sums[0], &outcome.sums[1]);
        prop_assert_eq!((outcome.moves.elsewhere, outcome.moves.only_in), (0, [0, 0]));
    }

    /// Two clusters that go through the same, in which another profile is chosen in the second one: the first launch that differs
    /// is the one that a fork of the first one names.
    #[test]
    fn the_first_divergence_is_that_of_two_full_runs(
        before in steps(), after in steps(), profiles in (0..PROFILES.len(), 0..PROFILES.len())
    ) {
        let [profile, other] = [PROFILES[profiles.0], PROFILES[profiles.1]];
        let both = [profile, other].map(|chosen| {
            let mut history = History::new(profile, 3);
            let take = |history: &mut History, steps: &[Step]| steps.iter().for_each(|step| history.take(*step));
            take(&mut history, &before);
            let at = history.last();
            // The same profile again leaves no record, and takes a command's number all the same.
            history.run(CommandKind::ChooseProfile { scope: None, profile: Some(Arc::from(chosen)) });
            take(&mut history, &after);
            (history, at)
        });
        let at = both[0].1;
        let of = |side: usize| {
            both[side].0.records().skip(at.0 as usize).filter(|record| !launches(record).is_empty())
        };
        let first = of(0).zip(of(1)).find(|(one, other)| in_no_order(one) != in_no_order(other));
        let (outcome, _) = both[0].0.fork(at, named(other));
        prop_assert_eq!(&outcome.newer_code, &None);
        let Some((one, two)) = first else {
            prop_assert_eq!(outcome.divergence, None);
            return Ok(());
        };
        let divergence = outcome.divergence.expect("the full runs differ");
        prop_assert_eq!((divergence.seq, divergence.is_recorded), (one.seq, true));
        prop_assert_eq!(&one.cause, &two.cause);
        let Difference::Placement { app, nth, tasks, agents } = divergence.difference else {
            panic!("{divergence:#?}");
        };
        let [one, two] = [numbered(one), numbered(two)];
        let expected = first_elsewhere(&one, &two).or_else(|| first_elsewhere(&two, &one)).expect("they differ");
        prop_assert_eq!((app.to_string(), nth), expected.clone());
        prop_assert_eq!(agents, [agent_of(&one, &expected), agent_of(&two, &expected)]);
        prop_assert_eq!(tasks.map(|task| task.is_some()), agents.map(|agent| agent.is_some()));
        for ((account, agent), name) in divergence.accounts.into_iter().zip(agents).zip([profile, other]) {
            prop_assert!(account.is_some() || agent.is_none(), "who placed it was asked");
            prop_assert!(account.is_none_or(|(by, _)| &*by == name));
        }
    }
}

/// In which order apps have their turn is no difference.
fn in_no_order(record: &Record) -> BTreeMap<Instance, AgentId> {
    numbered(record).into_iter().collect()
}

/// An instance of a record: of which app, and how many of that app come before it.
type Instance = (String, usize);

fn numbered(record: &Record) -> Vec<(Instance, AgentId)> {
    let mut numbered: Vec<(Instance, AgentId)> = Vec::new();
    for (app, agent) in launches(record) {
        let nth = numbered.iter().filter(|((before, _), _)| *before == app).count();
        numbered.push(((app, nth), agent));
    }
    numbered
}

fn agent_of(launches: &[(Instance, AgentId)], wanted: &Instance) -> Option<AgentId> {
    launches.iter().find(|(instance, _)| instance == wanted).map(|(_, agent)| *agent)
}

fn first_elsewhere(these: &[(Instance, AgentId)], those: &[(Instance, AgentId)]) -> Option<Instance> {
    these
        .iter()
        .find(|(instance, agent)| agent_of(those, instance) != Some(*agent))
        .map(|(instance, _)| instance.clone())
}
