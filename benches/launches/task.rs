//! The tasks that are launched.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use agent::containerizer::{Containerizer, Launch};
use futures_util::{StreamExt, stream};
use model::{AgentId, AppVersion, ClusterId, Container, GpuSlots, Invocation, Resources, Scalar, TaskId};
use protocol::agent::{AgentIdentity, TaskOwner, TaskSpec};

use crate::AT_ONCE;

pub(crate) fn launch(folder: &Path, name: &str, command: &str, container: Option<Container>) -> Launch {
    let sandbox = folder.join("tasks").join(name);
    std::fs::create_dir_all(&sandbox).expect("a sandbox");
    Launch {
        task: TaskId::new(name),
        identity: AgentIdentity { cluster: ClusterId::new("bench"), agent: AgentId(0) },
        spec: TaskSpec {
            owner: TaskOwner::App { app: bayplan_benches::cluster::app_id("bench"), version: AppVersion::default() },
            invocation: Invocation::Shell(command.to_owned()),
            container,
            user: None,
            env: BTreeMap::new(),
            labels: BTreeMap::new(),
            resources: Resources { cpus: Scalar(100), mem: Scalar::from_whole(32), ..Resources::default() },
            ports: Vec::new(),
            kill_grace_ms: 1_000,
        },
        host_ports: Vec::new(),
        gpu_slots: GpuSlots::none(),
        sandbox,
        hostname: "localhost".to_owned(),
    }
}

/// Launches all, so many at a time.
pub(crate) async fn start_all(containerizer: &dyn Containerizer, launches: &[Launch], at_once: usize) {
    let started = stream::iter(launches).map(|launch| containerizer.launch(launch)).buffer_unordered(at_once);
    started.for_each(|started| async { started.expect("the task starts") }).await;
}

pub(crate) async fn wait_for_all(containerizer: &dyn Containerizer, launches: &[Launch]) {
    let wait = async |launch: &Launch| drop(containerizer.wait(&launch.task).await);
    stream::iter(launches).for_each_concurrent(None, wait).await;
}

/// Asks all to end, and waits for that.
pub(crate) async fn stop_all(containerizer: &dyn Containerizer, launches: &[Launch], grace: Duration) {
    let stop = async |launch: &Launch| {
        containerizer.stop(&launch.task, grace).await.expect("a task can be stopped");
    };
    stream::iter(launches).for_each_concurrent(AT_ONCE, stop).await;
    wait_for_all(containerizer, launches).await;
}

pub(crate) async fn remove_all(containerizer: &dyn Containerizer, launches: &[Launch]) {
    let remove = async |launch: &Launch| {
        containerizer.remove(&launch.task).await.expect("an ended task can be removed");
    };
    stream::iter(launches).for_each_concurrent(AT_ONCE, remove).await;
}
