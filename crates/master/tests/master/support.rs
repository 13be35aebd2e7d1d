//! A master over a log that a test can hold up and break.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use eventlog::{FaultyLog, MemoryLog};
use master::{Committed, Config, Handle, Role, Running, Standby, SubmitError};
use model::{
    AgentDescription, AppId, AppSpec, Backoff, CommandKind, Invocation, LeaderAddresses, Principal, Resources, Scalar,
};

pub(crate) type Log = FaultyLog<MemoryLog>;

/// Longer than anything here takes; a test that waits for it has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) fn log() -> Log {
    FaultyLog::new(MemoryLog::new(1 << 20))
}

/// The same log, without the faults that were planned for it.
pub(crate) fn undisturbed(log: &Log) -> Log {
    FaultyLog::new(log.inner().clone())
}

/// Of a master that shares its log with others.
pub(crate) fn config_of(name: &str) -> Config {
    let standby = Standby { heartbeat: Duration::from_millis(20), campaign_after: Duration::from_millis(150) };
    let addresses = LeaderAddresses { operator: format!("{name}:5050"), marathon: format!("{name}:8080") };
    Config {
        leader: name.to_owned(),
        addresses: Some(addresses),
        standby: Some(standby),
        state_hash_interval: 3,
        ..Config::default()
    }
}

pub(crate) async fn join(log: &Log, name: &str) -> (Handle, Running) {
    master::start(Arc::new(log.clone()), config_of(name)).await.expect("the master starts")
}

pub(crate) async fn until_role(handle: &Handle, holds: impl Fn(&Role) -> bool) {
    let waited = tokio::time::timeout(DEADLINE, async {
        while !holds(&handle.role()) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    assert!(waited.await.is_ok(), "it stays {:?}", handle.role());
}

pub(crate) async fn start(log: &Log) -> (Handle, Running) {
    let config = Config { placement_policy: Some("spread".to_owned()), state_hash_interval: 3, ..Config::default() };
    master::start(Arc::new(log.clone()), config).await.expect("the master starts")
}

pub(crate) async fn create(handle: &Handle, name: &str) -> Result<Committed, SubmitError> {
    handle.submit(Principal::new("test"), CommandKind::CreateApp { app: Arc::new(app(name)) }).await
}

pub(crate) fn id(name: &str) -> AppId {
    AppId::parse(name).expect("an app id")
}

pub(crate) fn app(name: &str) -> AppSpec {
    AppSpec {
        id: id(name),
        invocation: Invocation::Shell("sleep 1000".to_owned()),
        instances: 2,
        resources: Resources { cpus: Scalar(100), mem: Scalar::from_whole(32), ..Resources::default() },
        container: None,
        user: None,
        role: None,
        env: BTreeMap::new(),
        labels: BTreeMap::new(),
        ports: Vec::new(),
        require_ports: false,
        constraints: Vec::new(),
        dependencies: Vec::new(),
        backoff: Backoff::default(),
        kill_grace_ms: 3_000,
    }
}

pub(crate) fn description(hostname: &str) -> AgentDescription {
    AgentDescription {
        hostname: hostname.to_owned(),
        resources: Resources {
            cpus: Scalar::from_whole(4),
            mem: Scalar::from_whole(4_000),
            disk: Scalar::from_whole(1_000),
            gpus: Scalar::ZERO,
            ports: "31000-31099".parse().expect("ports"),
            gpu_slots: model::GpuSlots::none(),
        },
        attributes: BTreeMap::new(),
        address: format!("{hostname}:5051"),
        containerizers: vec!["process".to_owned()],
    }
}

/// Waits until something about the durable state holds.
pub(crate) async fn until(handle: &Handle, what: &str, holds: impl Fn(&state::State) -> bool) {
    let waited = tokio::time::timeout(DEADLINE, async {
        while !holds(&handle.read()) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    assert!(waited.await.is_ok(), "it never held that {what}");
}
