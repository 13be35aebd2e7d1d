//! The Docker engine of this machine, asked by its own command line.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use serde_json::Value;

use crate::harness::{Cluster, all_of, eventually, skip};

/// An image with a shell and a web server. Its name says what is in it, so it is made once on a machine.
pub(crate) const TOOLS: &str = "bayplan-test/busybox-with-httpd";
const PROGRAMS: [&str; 8] = ["cat", "echo", "env", "httpd", "mkdir", "sh", "sleep", "true"];
const EVERY_CONTAINER: &str = "label=bayplan.task";

/// True when the tests that need the engine must run. `BAYPLAN_TEST_DOCKER` decides, 1 or 0; without it, an engine that
/// answers does. Says so loudly when they do not.
pub(crate) fn is_wanted() -> bool {
    let wanted = std::env::var("BAYPLAN_TEST_DOCKER").ok();
    if wanted.as_deref() != Some("0") {
        let answer = Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]).output();
        match answer {
            Ok(answer) if answer.status.success() => return true,
            Ok(answer) => assert!(wanted.is_none(), "no Docker engine answers: {}", all_of(&answer)),
            Err(error) => assert!(wanted.is_none(), "the program docker cannot be started: {error}"),
        }
    }
    skip("no Docker engine answers, or BAYPLAN_TEST_DOCKER is 0");
    false
}

/// What `docker` prints; it must succeed.
pub(crate) fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("docker runs");
    assert!(output.status.success(), "docker {}: {}", arguments.join(" "), all_of(&output));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Makes an image of that name, unless there is one.
pub(crate) fn provide_image(name: &str) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock();
    if docker(&["images", "--quiet", name]).is_empty() {
        make_image(name, &PROGRAMS, &[], |_| ());
    }
}

/// Makes an image of busybox under the names of some of its programs, and what is added. The settings are what a Dockerfile
/// would say.
pub(super) fn make_image(name: &str, programs: &[&str], settings: &[String], add: impl FnOnce(&Path)) {
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].map(Path::new).into_iter().find(|path| path.exists());
    let busybox = busybox.expect("an image for the tests needs a static busybox: apt-get install busybox-static");
    let root = tempfile::tempdir().expect("a folder");
    let bin = root.path().join("bin");
    std::fs::create_dir(&bin).expect("a folder");
    std::fs::copy(busybox, bin.join("busybox")).expect("copied");
    for program in programs {
        std::os::unix::fs::symlink("busybox", bin.join(program)).expect("a link");
    }
    add(root.path());
    let mut tar = Command::new("tar").arg("-C").arg(root.path()).args(["-c", "."]).stdout(Stdio::piped()).spawn();
    let tar = tar.as_mut().expect("tar runs");
    let content = tar.stdout.take().expect("it is piped");
    let mut import = Command::new("docker");
    import.arg("import");
    for setting in settings {
        import.args(["--change", setting]);
    }
    let imported = import.args(["-", name]).stdin(content).output().expect("docker runs");
    assert!(tar.wait().expect("it is a child").success() && imported.status.success(), "{}", all_of(&imported));
}

/// Whether the kernel lets the engine run privileged containers; if not, the engine's words about it.
pub(crate) fn tries_privileged(image: &str) -> Result<(), String> {
    let arguments = ["run", "--rm", "--privileged", image, "/bin/true"];
    let output = Command::new("docker").args(arguments).output().expect("docker runs");
    if output.status.success() {
        return Ok(());
    }
    let said = all_of(&output);
    let (_, words) = said.split_once("Error response from daemon: ").expect("the engine says why");
    Err(words.lines().next().unwrap_or_default().trim_end_matches('.').to_owned())
}

/// The container of a task that runs.
pub(crate) fn container_of(task: &str) -> String {
    let label = format!("label=bayplan.task={task}");
    let found = docker(&["ps", "--quiet", "--no-trunc", "--filter", &label]);
    assert!(!found.is_empty() && !found.contains('\n'), "one container of {task}, not {found:?}");
    found
}

pub(crate) fn inspect(container: &str) -> Value {
    let found: Value = serde_json::from_str(&docker(&["inspect", container])).expect("JSON");
    found[0].clone()
}

/// The containers of agents that keep everything below a folder, also those that do not run.
pub(super) fn containers_below(root: &Path) -> Vec<String> {
    let columns = "{{.ID}} {{.Label \"bayplan.sandbox\"}}";
    let all = docker(&["ps", "--all", "--no-trunc", "--filter", EVERY_CONTAINER, "--format", columns]);
    let ours = all.lines().filter_map(|line| line.split_once(' '));
    ours.filter(|(_, sandbox)| Path::new(sandbox).starts_with(root)).map(|(id, _)| id.to_owned()).collect()
}

/// Removes them by force, as if nobody had ever started them.
pub(super) fn remove_containers_below(root: &Path) {
    eventually("all containers are gone", || {
        let left = containers_below(root);
        for container in &left {
            // It may be removed by the cluster, too.
            let _gone = Command::new("docker").args(["rm", "--force", container]).output();
        }
        left.is_empty().then_some(())
    });
}

/// The containers of a cluster, also those that do not run.
pub(crate) fn containers_of(cluster: &Cluster) -> Vec<String> {
    containers_below(cluster.root())
}

/// Removes them by force, as if nobody had ever started them.
pub(crate) fn remove_containers_of(cluster: &Cluster) {
    remove_containers_below(cluster.root());
}

/// A cluster with the engine. No container of it outlives the value.
pub(crate) struct DockerCluster(Cluster);

impl DockerCluster {
    pub(crate) fn start(task_ports: &str) -> Self {
        Self(Cluster::with_docker(task_ports))
    }
}

impl std::ops::Deref for DockerCluster {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.0
    }
}

impl std::ops::DerefMut for DockerCluster {
    fn deref_mut(&mut self) -> &mut Cluster {
        &mut self.0
    }
}

impl Drop for DockerCluster {
    fn drop(&mut self) {
        self.0.stop();
        let left = containers_of(&self.0);
        remove_containers_of(&self.0);
        if !std::thread::panicking() {
            assert!(left.is_empty(), "Ctrl-C left these containers behind: {left:?}");
        }
    }
}
