//! What holds whatever happens: nothing is promised twice, and a replay or a baseline gives the same state.

use std::sync::Arc;

use crate::cluster::{Cluster, app, describe, id};
use crate::frameworks::{info, launch};
use model::{
    AgentId, CommandKind, DisconnectReason, Event, Profile, ProfileScope, ProfileTerm, RemovalReason, Row, Task,
    TaskSelection, TaskState, UpdateReceipt, UpdateUuid,
};
use placement::ReadyProfile;
use proptest::prelude::*;
use scheduler::{Packing, Shadow, World};
use state::{Changes, HashedRow, RowKey, State};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Register(u8),
    Leave(u8),
    Return(u8),
    Remove(u8),
    Put { app: u8, instances: u8, config: u8, depends_on: Option<u8> },
    Destroy(u8),
    Restart(u8),
    Kill { app: u8, scale: bool },
    Report { nth: u8, state: u8 },
    Allocate,
    Wait(u16),
    Framework { framework: u8, step: FrameworkStep },
    Define { profile: u8, policy: u8, sample: u8 },
    Choose { app: Option<u8>, profile: u8 },
}

/// Names of profiles, some of which a history defines.
const PROFILES: [&str; 5] = ["one", "two", "best-fit", "spread", "random-of-2"];

/// Frameworks come before they do anything else, and come back whenever they do anything while they are away.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FrameworkStep {
    Subscribe,
    Leave,
    Teardown,
    Accept { offers: u8, tasks: u8, cpus: u16 },
    Decline { offers: u8, refuse_ms: u16 },
    Revive,
    Suppress,
    Acknowledge,
    Kill { nth: u8 },
}

fn framework_step() -> impl Strategy<Value = FrameworkStep> {
    prop_oneof![
        2 => Just(FrameworkStep::Subscribe),
        1 => Just(FrameworkStep::Leave),
        1 => Just(FrameworkStep::Teardown),
        8 => (0..4u8, 0..4u8, 0..1_500u16)
            .prop_map(|(offers, tasks, cpus)| FrameworkStep::Accept { offers, tasks, cpus }),
        4 => (0..4u8, any::<u16>()).prop_map(|(offers, refuse_ms)| FrameworkStep::Decline { offers, refuse_ms }),
        1 => Just(FrameworkStep::Revive),
        1 => Just(FrameworkStep::Suppress),
        4 => Just(FrameworkStep::Acknowledge),
        2 => any::<u8>().prop_map(|nth| FrameworkStep::Kill { nth }),
    ]
}

fn command_of(cluster: &Cluster, framework: u8, step: FrameworkStep) -> CommandKind {
    let state = &cluster.world.state;
    let known = state.frameworks.keys().nth(usize::from(framework)).copied();
    let Some(framework) = known.filter(|_| !matches!(step, FrameworkStep::Subscribe)) else {
        return CommandKind::SubscribeFramework { framework: known, info: info("any") };
    };
    let offers = |count: u8| state.holdings(framework).offers.iter().take(count.into()).copied().collect::<Vec<_>>();
    let tasks = || state.holdings(framework).by_own_id.keys();
    match step {
        FrameworkStep::Subscribe => unreachable!("handled above"),
        FrameworkStep::Leave => CommandKind::DisconnectFramework { framework },
        FrameworkStep::Teardown => CommandKind::TeardownFramework { framework },
        FrameworkStep::Accept { offers: count, tasks, cpus } => {
            let offers = offers(count);
            let agent = offers.first().map_or(AgentId(0), |offer| state.offers.get(offer).expect("open").agent);
            let launches =
                (0..tasks).map(|task| launch(&format!("{}-{task}", state.seq), agent, cpus.into())).collect();
            CommandKind::AcceptOffers { framework, offers, launches, refuse_ms: cpus.into() }
        }
        FrameworkStep::Decline { offers: count, refuse_ms } => {
            CommandKind::DeclineOffers { framework, offers: offers(count), refuse_ms: refuse_ms.into() }
        }
        FrameworkStep::Revive => CommandKind::ReviveOffers { framework },
        FrameworkStep::Suppress => CommandKind::SuppressOffers { framework },
        FrameworkStep::Acknowledge => {
            let untold = state.holdings(framework).untold.iter().filter_map(|id| state.tasks.get(id));
            let receipt = |task: &Task| {
                let update = UpdateUuid::of(&task.id, task.unacknowledged.first()?.status.state);
                Some(UpdateReceipt { task: task.workload.own()?.id.clone(), update })
            };
            CommandKind::AcknowledgeUpdates { framework, receipts: untold.filter_map(receipt).collect() }
        }
        FrameworkStep::Kill { nth } => {
            let task = tasks().nth(usize::from(nth) % tasks().count().max(1));
            CommandKind::KillFrameworkTask { framework, task: task.cloned().unwrap_or_else(|| "nobody".into()) }
        }
    }
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        1 => (0..6u8).prop_map(Step::Register),
        1 => (0..6u8).prop_map(Step::Leave),
        1 => (0..6u8).prop_map(Step::Return),
        1 => (0..6u8).prop_map(Step::Remove),
        4 => (0..4u8, 0..12u8, 0..3u8, proptest::option::of(0..4u8))
            .prop_map(|(app, instances, config, depends_on)| Step::Put { app, instances, config, depends_on }),
        1 => (0..4u8).prop_map(Step::Destroy),
        1 => (0..4u8).prop_map(Step::Restart),
        1 => (0..4u8, any::<bool>()).prop_map(|(app, scale)| Step::Kill { app, scale }),
        12 => (any::<u8>(), 0..7u8).prop_map(|(nth, state)| Step::Report { nth, state }),
        6 => Just(Step::Allocate),
        2 => any::<u16>().prop_map(Step::Wait),
        1 => (0..2u8, 0..8u8, 0..4u8).prop_map(|(profile, policy, sample)| Step::Define { profile, policy, sample }),
        1 => (proptest::option::of(0..4u8), 0..5u8).prop_map(|(app, profile)| Step::Choose { app, profile }),
        12 => (0..3u8, framework_step()).prop_map(|(framework, step)| Step::Framework { framework, step }),
    ];
    proptest::collection::vec(step, 1..60)
}

pub(crate) fn take(cluster: &mut Cluster, step: Step) {
    let name = |app: u8| format!("app{app}");
    let kind = match step {
        Step::Register(host) => CommandKind::RegisterAgent { description: describe(&format!("h{host}"), 3, 900) },
        Step::Leave(agent) => {
            CommandKind::DisconnectAgent { agent: AgentId(agent.into()), reason: DisconnectReason::StreamClosed }
        }
        Step::Return(agent) => {
            let Some(known) = cluster.world.state.agents.get(&AgentId(agent.into())) else { return };
            CommandKind::ReconnectAgent { agent: known.id, description: known.description.clone() }
        }
        Step::Remove(agent) => CommandKind::RemoveAgent { agent: AgentId(agent.into()), reason: RemovalReason::Gone },
        Step::Put { app: number, instances, config, depends_on } => {
            let mut app = app(&name(number), instances.into());
            app.env.insert("CONFIG".to_owned(), config.to_string());
            app.dependencies = depends_on.map(|other| id(&name(other))).into_iter().collect();
            app.ports = ports();
            CommandKind::PutApps { apps: vec![Arc::new(app)], force: true }
        }
        Step::Destroy(app) => CommandKind::DestroyApp { app: id(&name(app)), force: true },
        Step::Restart(app) => CommandKind::RestartApp { app: id(&name(app)), force: false },
        Step::Kill { app, scale } => CommandKind::KillTasks {
            selection: TaskSelection::App { app: id(&name(app)), host: None },
            scale,
            force: true,
        },
        Step::Report { nth, state } => {
            let tasks: Vec<_> = cluster.world.state.tasks.keys().cloned().collect();
            if let Some(task) = tasks.get(usize::from(nth) % tasks.len().max(1)) {
                let state = [
                    TaskState::Starting,
                    TaskState::Running,
                    TaskState::Running,
                    TaskState::Finished,
                    TaskState::Failed,
                    TaskState::Killed,
                    TaskState::Lost,
                ][usize::from(state)];
                cluster.report(&task.clone(), state);
            }
            return;
        }
        Step::Framework { framework, step } => command_of(cluster, framework, step),
        Step::Define { profile, policy, sample } => {
            let policies = [usize::from(policy), 0];
            let term = |index: usize| ProfileTerm {
                policy: placement::POLICIES[index].0.into(),
                weight: u32::from(policy) + 1,
                normalise: sample % 2 == 0,
            };
            let profile = Profile {
                name: PROFILES[usize::from(profile)].into(),
                terms: policies.map(term).into(),
                sample: Some(u32::from(sample)).filter(|sample| *sample > 0),
            };
            CommandKind::DefineProfile { profile: Arc::new(profile) }
        }
        Step::Choose { app, profile } => CommandKind::ChooseProfile {
            scope: app.map(|app| ProfileScope::App(id(&name(app)))),
            profile: Some(PROFILES[usize::from(profile)].into()),
        },
        Step::Allocate => return cluster.allocate(),
        Step::Wait(ms) => {
            cluster.now = cluster.now.plus_ms(ms.into());
            return;
        }
    };
    // A refusal is an answer too; what matters is that it leaves no trace.
    let before = cluster.world.state.hash();
    if cluster.run(kind).is_err() {
        assert_eq!(cluster.world.state.hash(), before);
    }
}

fn ports() -> Vec<model::PortSpec> {
    vec![model::PortSpec {
        container_port: None,
        host_port: 0,
        service_port: 0,
        protocol: model::PortProtocol::Tcp,
        name: None,
        labels: Default::default(),
    }]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// `Cluster::run` checks the invariants after every record; here the laws about whole histories follow.
    #[test]
    fn any_history_replays_and_its_baseline_rebuilds_it(steps in steps()) {
        let mut cluster = Cluster::new("best-fit");
        for step in steps {
            take(&mut cluster, step);
        }
        let live = &cluster.world.state;
        prop_assert_eq!(cluster.replayed().hash(), live.hash());
        let rebuilt = State::from_baseline(live.seq, live.epoch, live.at, &live.baseline());
        prop_assert_eq!(rebuilt.hash(), live.hash());
        prop_assert_eq!(rebuilt.check(), vec![]);
        // A world made from the state alone decides as the one that saw the history.
        let from_state = World::of(live.clone());
        prop_assert_eq!(from_state.view.check(), Vec::<String>::new());
        prop_assert_eq!(from_state.book.check(&from_state.view), Vec::<String>::new());
    }

    /// A shadow of the profile that decides would have chosen what was chosen, so that its own cluster is the real one.
    #[test]
    fn a_shadow_of_what_decides_agrees(steps in steps(), begun_after in 0_usize..20, policy in 0..PROFILES.len()) {
        let policy = PROFILES[policy.max(2)];
        let mut cluster = Cluster::new(policy);
        let mut shadow = None;
        let profile = || ReadyProfile::built_in(policy).expect("it is built in");
        for (number, step) in steps.into_iter().enumerate().filter(|(_, step)| !matches!(step, Step::Choose { .. })) {
            if number >= begun_after && shadow.is_none() {
                shadow = Some((cluster.log.len(), Shadow::begin(profile(), &cluster.world.state)));
            }
            take(&mut cluster, step);
        }
        let Some((begun_at, mut shadow)) = shadow else { return Ok(()) };
        let mut launched = 0;
        for sealed in &cluster.log[begun_at..] {
            shadow.follow(&sealed.record);
            let by_placement = |event: &&Event| {
                matches!(event, Event::TaskLaunched { task } if task.explanation.is_some())
            };
            launched += sealed.record.events.iter().filter(by_placement).count() as u64;
        }
        let counts = shadow.counts();
        prop_assert_eq!((counts.decisions, counts.agreed), (launched, launched), "{:?}", shadow.differences().next());
        prop_assert_eq!((counts.nowhere, counts.without_room), (0, 0));
        let (live, own) = shadow.packing();
        prop_assert_eq!(live, own);
        let world = Packing::of(&World::of(cluster.world.state.clone()).view);
        prop_assert_eq!(live, world);
    }

    /// Whoever is told the changes now and then has all rows in the end, and they rebuild the state.
    #[test]
    fn the_changes_of_any_history_are_a_copy_of_the_state(steps in steps(), every in 1_usize..5) {
        let mut cluster = Cluster::new("best-fit");
        cluster.world.state.track_changes(true);
        let mut copy = cluster.world.state.all_changes();
        let mut untold = Changes::default();
        for (number, step) in steps.into_iter().enumerate() {
            take(&mut cluster, step);
            untold.absorb(cluster.world.state.take_changes());
            if number % every == 0 {
                copy.absorb(std::mem::take(&mut untold));
            }
        }
        untold.absorb(cluster.world.state.take_changes());
        copy.absorb(untold);
        let live = &cluster.world.state;
        prop_assert_eq!((copy.seq, copy.epoch, copy.at, copy.state_hash), (live.seq, live.epoch, live.at, live.hash()));
        let rows: Vec<Row> = copy.rows.into_values().flatten().collect();
        let mut wanted: Vec<Row> = live.rows().collect();
        wanted.sort_by_key(RowKey::of);
        prop_assert_eq!(&rows, &wanted);
        let rebuilt = State::from_rows(live.seq, live.epoch, live.at, rows.into_iter().map(HashedRow::of));
        prop_assert_eq!(rebuilt.hash(), live.hash());
        prop_assert_eq!(rebuilt.check(), vec![]);
    }

    /// Once agents obey and nothing fails, every app runs what is wanted, or says what it waits for.
    #[test]
    fn a_cluster_that_is_left_alone_settles(steps in steps()) {
        let mut cluster = Cluster::new("spread");
        for step in steps {
            take(&mut cluster, step);
        }
        let frameworks: Vec<_> = cluster.world.state.frameworks.keys().copied().collect();
        for framework in frameworks {
            cluster.run(CommandKind::TeardownFramework { framework }).expect("it is known");
        }
        cluster.now = cluster.now.plus_ms(600_000);
        cluster.obey();
        prop_assert!(cluster.world.state.offers.is_empty() && cluster.world.state.filters.is_empty());
        for (id, app) in cluster.world.state.apps.iter() {
            let running = cluster.world.state.tasks_of_app(id).running_since(app.config_version);
            let waiting = app.waiting.as_ref().map_or(0, |waiting| waiting.instances);
            prop_assert_eq!(running + waiting, app.spec.instances, "{} {:?}", id, app);
        }
    }
}
