//! What holds whatever happens: nothing is promised twice, and a replay or a baseline gives the same state.

use std::sync::Arc;

use crate::cluster::{Cluster, app, describe, id};
use model::{AgentId, CommandKind, DisconnectReason, RemovalReason, Row, TaskSelection, TaskState};
use proptest::prelude::*;
use scheduler::World;
use state::{Changes, HashedRow, RowKey, State};

#[derive(Debug, Clone, Copy)]
enum Step {
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
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
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
    ];
    proptest::collection::vec(step, 1..60)
}

fn take(cluster: &mut Cluster, step: Step) {
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
        cluster.now = cluster.now.plus_ms(600_000);
        cluster.obey();
        for (id, app) in cluster.world.state.apps.iter() {
            let running = cluster.world.state.tasks_of_app(id).running_since(app.config_version);
            let waiting = app.waiting.as_ref().map_or(0, |waiting| waiting.instances);
            prop_assert_eq!(running + waiting, app.spec.instances, "{} {:?}", id, app);
        }
    }
}
