//! The tasks that are launched.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use agent::containerizer::{Containerizer, Launch};
use futures_util::{StreamExt, stream};
use model::{AgentId, AppVersion, ClusterId, Container, Invocation, Resources, Scalar, TaskId};
use protocol::agent::{AgentIdentity, TaskSpec};

pub(crate) fn launch(folder: &Path, name: &str, command: &str, container: Option<Container>) -> Launch {
    let sandbox = folder.join("tasks").join(name);
    std::fs::create_dir_all(&sandbox).expect("a sandbox");
    Launch {
        task: TaskId::new(name),
        identity: AgentIdentity { cluster: ClusterId::new("bench"), agent: AgentId(0) },
        spec: TaskSpec {
            app: bayplan_benches::cluster::app_id("bench"),
            version: AppVersion::default(),
            invocation: Invocation::Shell(command.to_owned()),
            container,
            user: None,
            env: BTreeMap::new(),
            labels: BTreeMap::new(),
            resources: Resources { cpus: Scalar(100), mem: Scalar::from_whole(32), ..Resources::default() },
            ports: Vec::new(),
            host_ports: Vec::new(),
            kill_grace_ms: 1_000,
        },
        sandbox,
        hostname: "localhost".to_owned(),
    }
}

/// Launches all, so many at a time.
pub(crate) async fn start_all(containerizer: &dyn Containerizer, launches: &[Launch], at_once: usize) {
    let started = stream::iter(launches).map(|launch| containerizer.launch(launch)).buffer_unordered(at_once);
    started.for_each(|started| async { started.expect("the task starts") }).await;
}

/// Waits for the end of all and removes them.
pub(crate) async fn finish_all(containerizer: &dyn Containerizer, launches: &[Launch], at_once: usize) {
    stream::iter(launches).for_each_concurrent(at_once, |launch| finish(containerizer, launch)).await;
}

async fn finish(containerizer: &dyn Containerizer, launch: &Launch) {
    containerizer.wait(&launch.task).await;
    containerizer.remove(&launch.task).await.expect("an ended task can be removed");
    std::fs::remove_dir_all(&launch.sandbox).expect("a sandbox can be removed");
}

/// Asks all to end, waits for that and removes them.
pub(crate) async fn stop_all(containerizer: &dyn Containerizer, launches: &[Launch], at_once: usize, grace: Duration) {
    let stop = async |launch: &Launch| {
        containerizer.stop(&launch.task, grace).await.expect("a task can be stopped");
        finish(containerizer, launch).await;
    };
    stream::iter(launches).for_each_concurrent(at_once, stop).await;
}
