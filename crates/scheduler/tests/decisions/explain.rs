//! Why tasks are where they are: what is told of a decision is what was decided, and it adds up.

use model::{AgentId, CommandKind, Event, FrameworkId, LaunchedTask, Record, TaskId};
use placement::{Account, Standing};
use proptest::prelude::*;
use scheduler::{Again, Explained, Policies, Unexplained, World, explain};
use state::State;

use crate::cluster::{Cluster, app};
use crate::frameworks::{info, launch};
use crate::laws::{steps, take};

/// The world before the record that launches a task, and that record.
fn moment(cluster: &Cluster, task: &TaskId) -> (World, Record) {
    let mut state = State::default();
    for sealed in &cluster.log {
        if launches(&sealed.record).any(|launched| launched.id == *task) {
            return (World::of(state), (*sealed.record).clone());
        }
        state.apply(&sealed.record);
    }
    panic!("{task} was never launched");
}

fn launches(record: &Record) -> impl Iterator<Item = &LaunchedTask> {
    record.events.iter().filter_map(|event| match event {
        Event::TaskLaunched { task } => Some(&**task),
        _ => None,
    })
}

pub(crate) fn adds_up(account: &Account, agents: usize) {
    let told = &account.explanation;
    let filtered: u32 = told.filtered.iter().map(|filtered| filtered.agents).sum();
    assert_eq!((told.considered as usize, account.agents.len()), (agents, agents), "every agent is told of");
    assert_eq!(told.feasible.map(|feasible| feasible + filtered), Some(told.considered), "{told:?}");
    let is_filtered = |standing: &Standing| matches!(standing, Standing::Filtered { .. });
    assert_eq!(account.agents.iter().filter(|told| is_filtered(&told.standing)).count(), filtered as usize);
}

/// A state does not say which agents nobody wants offers of.
#[test]
fn a_placement_beside_agents_that_were_refused_is_explained_as_it_was_recorded() {
    let mut cluster = Cluster::new("best-fit");
    cluster.add_agent("a", 4, 4_000);
    cluster.add_agent("b", 8, 8_000);
    let subscribed = CommandKind::SubscribeFramework { framework: None, info: info("one") };
    cluster.run(subscribed).expect("subscribed");
    cluster.allocate();
    let framework = FrameworkId(1);
    let offers = cluster.world.state.offers.keys().copied().collect();
    cluster.run(CommandKind::DeclineOffers { framework, offers, refuse_ms: 100_000 }).expect("declined");
    cluster.allocate();
    let is_held_back = |event: &Event| matches!(event, Event::OffersHeldBack { agents, .. } if agents.len() == 2);
    assert!(cluster.log.iter().any(|sealed| sealed.record.events.iter().any(is_held_back)), "nobody wants them");
    cluster.run(CommandKind::PutApps { apps: vec![std::sync::Arc::new(app("web", 1))], force: false }).expect("put");
    cluster.allocate();
    let task = cluster.tasks("web").into_iter().next().expect("it is placed").id;
    let (world, record) = moment(&cluster, &task);
    let told = explain(&world, &record, &task, &Policies::default()).expect("it is explained");
    assert_eq!(told.again, Again::AsRecorded);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// In a world made from the folded state alone, every placement of any history comes about as it was recorded.
    #[test]
    fn every_placement_is_explained_as_it_was_recorded(
        steps in steps(),
        policy in prop::sample::select(vec!["best-fit", "spread", "fgd", "random-of-2"]),
    ) {
        let mut cluster = Cluster::new(policy);
        for step in steps {
            take(&mut cluster, step);
        }
        let mut state = State::default();
        for sealed in &cluster.log {
            let record = &sealed.record;
            if launches(record).next().is_some() {
                let world = World::of(state.clone());
                for launched in launches(record) {
                    let told = explain(&world, record, &launched.id, &Policies::default());
                    let Some(recorded) = &launched.explanation else {
                        let of_framework = matches!(told, Err(Unexplained::OfFramework { .. }));
                        prop_assert!(of_framework, "{:?}", told);
                        continue;
                    };
                    let told = told.expect("it was placed");
                    prop_assert_eq!(&told.again, &Again::AsRecorded);
                    let chosen = told.account.chosen().expect("somebody was chosen");
                    prop_assert_eq!((chosen.agent, told.agent), (launched.agent, launched.agent));
                    prop_assert_eq!(chosen.score().map(|score| i64::from(score.0)), recorded.score);
                    prop_assert_eq!(&*told.profile, recorded.policy.as_str());
                    adds_up(&told.account, world.state.agents.values().count());
                    first_of_equals(&told);
                }
            }
            state.apply(record);
        }
    }
}

/// The tie-break is what it is said to be.
fn first_of_equals(told: &Explained) {
    let from = told.first_in_turn.expect("there are agents");
    let best = &told.account.agents[..told.account.equals()];
    let turn = |agent: AgentId| (agent < from, agent);
    let first = best.iter().map(|told| told.agent).min_by_key(|agent| turn(*agent));
    assert_eq!(first, Some(told.agent), "of {best:?} from {from}");
}

#[test]
fn the_account_is_of_the_moment_between_its_neighbours_of_the_same_record() {
    let mut cluster = Cluster::new("best-fit");
    for host in ["a", "b"] {
        cluster.add_agent(host, 1, 4_000);
    }
    cluster.deploy(app("web", 4));
    // Half a cpu each: the first two fill one agent, and the others find it full.
    let tasks: Vec<TaskId> =
        cluster.log.iter().flat_map(|sealed| launches(&sealed.record)).map(|task| task.id.clone()).collect();
    let told: Vec<Explained> = tasks
        .iter()
        .map(|task| {
            let (world, record) = moment(&cluster, task);
            explain(&world, &record, task, &cluster.policies).expect("it was placed")
        })
        .collect();
    assert_eq!(told.iter().map(|told| told.earlier).collect::<Vec<_>>(), [0, 1, 2, 3]);
    let counts = |told: &Explained| (told.account.equals(), told.account.explanation.feasible);
    assert_eq!(told.iter().map(counts).collect::<Vec<_>>(), [(2, Some(2)), (1, Some(2)), (1, Some(1)), (1, Some(1))]);
    assert_eq!(told[1].account.runner_up().map(|agent| agent.agent), Some(told[2].agent));
    assert_eq!(told[1].agent, told[0].agent);
}

#[test]
fn a_record_that_other_code_wrote_is_told_apart() {
    let mut cluster = Cluster::new("best-fit");
    cluster.add_agent("a", 4, 4_000);
    cluster.add_agent("b", 8, 8_000);
    cluster.deploy(app("web", 1));
    let task = cluster.tasks("web")[0].id.clone();
    let (world, mut record) = moment(&cluster, &task);
    let number =
        record.events.iter().position(|event| matches!(event, Event::TaskLaunched { .. })).expect("it launches");
    if let Event::TaskLaunched { task } = &mut record.events[number] {
        task.agent = AgentId(1);
    }
    let told = explain(&world, &record, &task, &cluster.policies).expect("it is placed all the same");
    assert_eq!((told.agent, told.account.chosen().map(|chosen| chosen.agent)), (AgentId(1), Some(AgentId(0))));
    let Again::Otherwise(difference) = told.again else { panic!("the record differs") };
    let expected =
        format!("event {} of {} would launch task '{task}' on S0 instead of S1", number + 1, record.events.len());
    assert_eq!(difference, expected);
    // Of an app that this code would not launch at all.
    record.cause.kind = CommandKind::DestroyApp { app: crate::cluster::id("other"), force: false };
    let refused = explain(&world, &record, &task, &cluster.policies).expect_err("nothing is placed").to_string();
    assert!(refused.contains("the command would be refused"), "{refused}");
}

#[test]
fn what_a_framework_launched_was_not_placed() {
    let mut cluster = Cluster::new("best-fit");
    let agent = cluster.add_agent("a", 4, 4_000);
    cluster.run(CommandKind::SubscribeFramework { framework: None, info: info("batch") }).expect("subscribed");
    cluster.allocate();
    let offer = cluster.world.state.offers.values().next().expect("an offer").clone();
    let launches = vec![launch("one", agent, 100)];
    let accept =
        CommandKind::AcceptOffers { framework: offer.framework, offers: vec![offer.id], launches, refuse_ms: 0 };
    cluster.run(accept).expect("accepted");
    let task = cluster.world.state.tasks.keys().next().expect("launched").clone();
    let (world, record) = moment(&cluster, &task);
    let why = explain(&world, &record, &task, &cluster.policies);
    assert_eq!(why, Err(Unexplained::OfFramework { task: task.clone(), framework: FrameworkId(1) }));
    let other = TaskId::new("other");
    assert_eq!(explain(&world, &record, &other, &cluster.policies), Err(Unexplained::NotLaunched(other)));
}
