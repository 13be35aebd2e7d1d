//! Leaders that are killed again and again while agents, tasks and clients go on, and a look through the whole log
//! afterwards. `BAYPLAN_TEST_KILLS` says how often; `make soak` does it fifty times.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use agent::{Config, Containerizers, FakeContainerizer, Shutdown};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::harness::{History, Masters, eventually, request};

const AGENTS: usize = 200;
const TASKS: usize = 5_000;
const CLIENTS: usize = 2;
const KILLS_BY_DEFAULT: usize = 5;
/// What an operator is promised.
const WORST: Duration = Duration::from_secs(3);
/// Between a master that is back and the next kill.
const REST: Duration = Duration::from_millis(1_500);
const ASK_AGAIN: Duration = Duration::from_millis(5);

/// Agents in this process that speak the real protocol and only pretend to run tasks.
struct Fleet {
    containerizers: Vec<Arc<FakeContainerizer>>,
    shutdowns: Vec<oneshot::Sender<Shutdown>>,
    _runtime: Runtime,
}

impl Fleet {
    fn join(cluster: &Masters) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let masters: Vec<String> = cluster.all().split(',').map(str::to_owned).collect();
        let (mut containerizers, mut shutdowns) = (Vec::new(), Vec::new());
        for number in 0..AGENTS {
            let fake = Arc::new(FakeContainerizer::default());
            let config = Config {
                hostname: Some(format!("h{number}")),
                resources: Some("cpus:8;mem:32000;disk:10000;gpus:0;ports:[31000-31999]".to_owned()),
                listen: "127.0.0.1:0".parse().expect("an address"),
                containerizers: Containerizers::Fake(Arc::clone(&fake)),
                ..Config::new(masters.clone(), cluster.path(&format!("agent-{number}")).into())
            };
            std::fs::create_dir_all(&config.work_dir).expect("a folder");
            let (shutdown, told) = oneshot::channel();
            let told = async { told.await.unwrap_or(Shutdown::Leave) };
            runtime.spawn(async move { agent::run(config, told).await.expect("an agent goes on") });
            containerizers.push(fake);
            shutdowns.push(shutdown);
        }
        Self { containerizers, shutdowns, _runtime: runtime }
    }

    fn running(&self) -> usize {
        self.containerizers.iter().map(|fake| fake.running()).sum()
    }
}

/// An app that has no task, and no port either: there are more apps than service ports.
fn idle_app(id: &str) -> String {
    format!(r#"{{"id": "{id}", "cmd": "true", "cpus": 0.01, "mem": 1, "instances": 0, "portDefinitions": []}}"#)
}

/// What a client knows of an app that it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Created,
    Destroyed,
    Unclear,
}

/// Creates and destroys apps of its own through all masters in turn until it is told to stop, and keeps account.
fn write(masters: &[String], client: usize, stop: &AtomicBool) -> BTreeMap<String, Known> {
    let mut account = BTreeMap::new();
    for number in 0.. {
        if stop.load(Ordering::Acquire) {
            break;
        }
        let id = format!("app-{client}-{number}");
        let body = idle_app(&id);
        let known = match change(masters, number, "POST", "/v2/apps", Some(&body), 201) {
            Some(true) if number % 4 == 3 => {
                match change(masters, number + 1, "DELETE", &format!("/v2/apps/{id}?force=true"), None, 200) {
                    Some(true) => Known::Destroyed,
                    Some(false) => Known::Created,
                    None => Known::Unclear,
                }
            }
            Some(true) => Known::Created,
            Some(false) => continue,
            None => Known::Unclear,
        };
        account.insert(format!("/{id}"), known);
    }
    account
}

/// Whether a change was made; None when nobody can tell.
fn change(masters: &[String], turn: usize, method: &str, path: &str, body: Option<&str>, success: u16) -> Option<bool> {
    match request(method, &format!("{}{path}", masters[turn % masters.len()]), None, body) {
        Ok(answer) if answer.status == success => Some(true),
        Ok(answer) if answer.status == 503 => {
            std::thread::sleep(ASK_AGAIN);
            Some(false)
        }
        Ok(answer) if answer.status == 504 => None,
        Ok(answer) => panic!("{method} {path}: {} {}", answer.status, answer.text),
        Err(error) if error.is_connect() => Some(false),
        Err(_) => None,
    }
}

/// From the kill of the leader until the first change that its successor acknowledges.
fn kill_leader(cluster: &mut Masters, number: usize) -> Duration {
    let leader = cluster.leader();
    cluster.node(leader).kill_9();
    let killed_at = Instant::now();
    let survivors: Vec<usize> = (0..cluster.count()).filter(|master| *master != leader).collect();
    let body = idle_app(&format!("probe-{number}"));
    for turn in 0.. {
        let answer = cluster.call(survivors[turn % survivors.len()], "POST", "/v2/apps", Some(&body));
        if answer.as_ref().is_ok_and(|answer| [201, 409].contains(&answer.status)) {
            break;
        }
        assert!(killed_at.elapsed() < 10 * WORST, "nobody takes over: {answer:?}");
        std::thread::sleep(ASK_AGAIN);
    }
    let took = killed_at.elapsed();
    cluster.start_again(leader);
    took
}

#[test]
fn leaders_are_killed_under_load_and_nothing_acknowledged_is_lost() {
    let Some(mut cluster) = Masters::start(1, 3) else { return };
    let fleet = Fleet::join(&cluster);
    let many = format!(r#"{{"id": "many", "cmd": "sleep 100000", "cpus": 0.05, "mem": 32, "instances": {TASKS}}}"#);
    cluster.deploy(cluster.leader(), &many);
    eventually("every task runs", || {
        let app = cluster.call(0, "GET", "/v2/apps/many", None).ok()?.json();
        (app["app"]["tasksRunning"] == TASKS).then_some(())
    });
    let kills =
        std::env::var("BAYPLAN_TEST_KILLS").ok().map_or(KILLS_BY_DEFAULT, |text| text.parse().expect("a number"));
    let stop = AtomicBool::new(false);
    let mut took = Vec::new();
    let mut account = BTreeMap::new();
    for number in 0..kills {
        stop.store(false, Ordering::Release);
        std::thread::scope(|scope| {
            let masters: Vec<String> = (0..cluster.count()).map(|master| cluster.marathon_url(master)).collect();
            let (masters, stop) = (Arc::new(masters), &stop);
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    let masters = Arc::clone(&masters);
                    scope.spawn(move || write(&masters, number * CLIENTS + client, stop))
                })
                .collect();
            std::thread::sleep(REST);
            took.push(kill_leader(&mut cluster, number));
            stop.store(true, Ordering::Release);
            clients.into_iter().for_each(|client| account.extend(client.join().expect("it wrote")));
        });
    }
    took.sort();
    let (median, worst) = (took[took.len() / 2], took[took.len() - 1]);
    eprintln!("{kills} kills: first change acknowledged after {median:?} (median), {worst:?} (worst), all: {took:?}");
    assert!(worst < WORST, "{took:?}");

    let leader = cluster.leader();
    eventually("the agents have reported", || (fleet.running() == TASKS).then_some(()));
    cluster.wait_until_all_agree();
    let history = cluster.history(leader);
    check(&history, &account, kills);
    let now = cluster.call(leader, "GET", "/v2/apps", None).expect("it answers").json();
    let there: BTreeSet<&str> =
        now["apps"].as_array().expect("apps").iter().filter_map(|app| app["id"].as_str()).collect();
    for (id, known) in &account {
        match known {
            Known::Created => assert!(there.contains(id.as_str()), "{id} was acknowledged and is not there"),
            Known::Destroyed => assert!(!there.contains(id.as_str()), "{id} was destroyed and is there"),
            // Settled one way or the other, and the log says which.
            Known::Unclear => assert_eq!(there.contains(id.as_str()), created(&history, id), "{id}"),
        }
    }
    for shutdown in fleet.shutdowns {
        let _gone = shutdown.send(Shutdown::Leave);
    }
}

fn created(history: &History, id: &str) -> bool {
    let created = history.of("app_changed").any(|(_, event)| event["app"]["id"] == id);
    created && !history.of("app_destroyed").any(|(_, event)| event["app"] == id)
}

/// What must hold of the log whatever happened.
fn check(history: &History, account: &BTreeMap<String, Known>, kills: usize) {
    let seqs: Vec<u64> = history.0.iter().filter_map(|record| record["seq"].as_u64()).collect();
    assert!(seqs.iter().copied().eq(1..=seqs.len() as u64), "every record is there once");
    let epochs: Vec<u64> = history.0.iter().filter_map(|record| record["epoch"].as_u64()).collect();
    assert!(epochs.is_sorted(), "an older epoch has no effect");
    assert!(epochs.last().is_some_and(|last| *last > kills as u64), "each kill brought a new epoch");
    let launched: Vec<&Value> = history.of("task_launched").map(|(_, event)| &event["task"]["id"]).collect();
    let different: BTreeSet<&str> = launched.iter().filter_map(|id| id.as_str()).collect();
    assert_eq!((launched.len(), different.len()), (TASKS, TASKS), "no task was started twice or replaced");
    assert_eq!(history.of("task_kill_requested").count(), 0);
    assert_eq!(history.of("agent_removed").count(), 0);
    let mut changes: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, event) in history.of("app_changed") {
        *changes.entry(event["app"]["id"].as_str().expect("an id")).or_default() += 1;
    }
    let doubled: Vec<_> =
        account.keys().filter(|id| changes.get(id.as_str()).is_some_and(|count| *count > 1)).collect();
    assert!(doubled.is_empty(), "created more than once: {doubled:?}");
}
