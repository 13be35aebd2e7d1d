//! One suite for every containerizer: what the contract promises, tried.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{CreateContainerOptionsBuilder, CreateImageOptionsBuilder};
use futures_util::StreamExt;
use model::{
    Container, DockerContainer, ExitStatus, GpuSlot, GpuSlots, Invocation, Network, StatusReason, TaskId, WHOLE_GPU,
};

use super::docker::DockerContainerizer;
use super::fake::FakeContainerizer;
use super::fake::tests::launch;
use super::process::ProcessContainerizer;
use super::{Containerizer, Ended, Launch, Phase, cgroup};
use crate::config::DockerEngine;

/// Longer than anything here takes; shorter than the tasks that must be stopped would run.
const PATIENCE: Duration = Duration::from_secs(30);
const FOREVER: &str = "while :; do sleep 0.1; done";

/// A containerizer under test.
pub(super) struct Subject {
    pub(super) name: &'static str,
    /// Opens it, as an agent does when it starts; what runs already stays.
    pub(super) open: Box<dyn Fn() -> Arc<dyn Containerizer>>,
    pub(super) sandboxes: tempfile::TempDir,
    /// Makes a task one of this containerizer's kind.
    pub(super) adapt: fn(&mut Launch),
}

impl Subject {
    pub(super) fn launch(&self, task: &str, command: &str) -> Launch {
        let mut launch = launch(&format!("{}-{}-{task}", self.name, std::process::id()), command);
        launch.sandbox = self.sandboxes.path().join(task);
        std::fs::create_dir_all(&launch.sandbox).expect("a sandbox");
        (self.adapt)(&mut launch);
        launch
    }
}

async fn phases(containerizer: &dyn Containerizer) -> BTreeMap<TaskId, Phase> {
    containerizer.list().await.expect("listed")
}

async fn ended(containerizer: &dyn Containerizer, task: &TaskId) -> Ended {
    let ended = tokio::time::timeout(PATIENCE, containerizer.wait(task)).await;
    ended.unwrap_or_else(|_| panic!("{task} did not end"))
}

fn exited(status: ExitStatus) -> Ended {
    Ended::Exited { status, out_of_memory: false }
}

/// Runs the whole suite.
pub(super) async fn conforms(subject: &Subject) {
    unknown_tasks_are_over(subject).await;
    a_task_runs_once(subject).await;
    a_program_that_is_not_there_fails_the_launch(subject).await;
    stopping_is_polite_first(subject).await;
    tasks_outlive_the_agent(subject).await;
}

async fn unknown_tasks_are_over(subject: &Subject) {
    let containerizer = (subject.open)();
    let unknown = subject.launch("unknown", "true").task;
    assert!(matches!(ended(&*containerizer, &unknown).await, Ended::Unobserved { .. }));
    containerizer.stop(&unknown, Duration::ZERO).await.expect("nothing to stop");
    containerizer.remove(&unknown).await.expect("nothing to remove");
    assert_eq!(phases(&*containerizer).await.get(&unknown), None);
}

async fn a_task_runs_once(subject: &Subject) {
    let containerizer = (subject.open)();
    let once = subject.launch("once", "echo hello; sleep 0.5; exit 3");
    containerizer.prepare(&once).await.expect("prepared");
    containerizer.launch(&once).await.expect("launched");
    assert_eq!(phases(&*containerizer).await.get(&once.task), Some(&Phase::Running), "{}", subject.name);
    containerizer.launch(&once).await.expect("known already");
    assert_eq!(ended(&*containerizer, &once.task).await, exited(ExitStatus::Code(3)));
    containerizer.launch(&once).await.expect("known already, though ended");
    assert_eq!(phases(&*containerizer).await.get(&once.task), Some(&Phase::Ended));
    assert_eq!(ended(&*containerizer, &once.task).await, exited(ExitStatus::Code(3)));
    said(&once, "hello\n").await;
    containerizer.remove(&once.task).await.expect("removed");
    containerizer.remove(&once.task).await.expect("removed before");
    assert_eq!(phases(&*containerizer).await.get(&once.task), None);
    said(&once, "hello\n").await;
}

/// Output may arrive a little after the end.
async fn said(launch: &Launch, expected: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = std::fs::read_to_string(launch.sandbox.join("stdout")).unwrap_or_default();
        if text == expected {
            return;
        }
        assert!(Instant::now() < deadline, "stdout is {text:?}, not {expected:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn a_program_that_is_not_there_fails_the_launch(subject: &Subject) {
    let containerizer = (subject.open)();
    let mut absent = subject.launch("absent", "");
    absent.spec.invocation = Invocation::Args(vec!["/no/such/program".to_owned()]);
    let error = containerizer.launch(&absent).await.expect_err("there is no such program");
    assert_eq!(error.reason, StatusReason::LaunchFailed);
    assert!(error.message.contains("/no/such/program"), "{error}");
    containerizer.remove(&absent.task).await.expect("removed");
    assert_eq!(phases(&*containerizer).await.get(&absent.task), None);
}

async fn stopping_is_polite_first(subject: &Subject) {
    let containerizer = (subject.open)();
    let polite = subject.launch("polite", &format!("trap 'exit 7' TERM; echo ready; {FOREVER}"));
    containerizer.launch(&polite).await.expect("launched");
    said(&polite, "ready\n").await;
    containerizer.stop(&polite.task, PATIENCE * 2).await.expect("asked");
    assert_eq!(ended(&*containerizer, &polite.task).await, exited(ExitStatus::Code(7)), "{}", subject.name);

    let deaf = subject.launch("deaf", &format!("trap '' TERM; echo ready; {FOREVER}"));
    containerizer.launch(&deaf).await.expect("launched");
    said(&deaf, "ready\n").await;
    containerizer.stop(&deaf.task, PATIENCE * 2).await.expect("asked");
    assert_eq!(phases(&*containerizer).await.get(&deaf.task), Some(&Phase::Running));
    containerizer.stop(&deaf.task, Duration::from_millis(200)).await.expect("asked again, for sooner");
    let killed = ended(&*containerizer, &deaf.task).await;
    // An engine tells a signal by the shell's convention.
    let expected = [exited(ExitStatus::Signal(9)), exited(ExitStatus::Code(137))];
    assert!(expected.contains(&killed), "{}: {killed:?}", subject.name);
    for launch in [polite, deaf] {
        containerizer.remove(&launch.task).await.expect("removed");
    }
}

async fn tasks_outlive_the_agent(subject: &Subject) {
    let containerizer = (subject.open)();
    let live = subject.launch("live", &format!("trap 'exit 5' TERM; echo ready; {FOREVER}"));
    let brief = subject.launch("brief", "sleep 0.3; exit 4");
    containerizer.launch(&live).await.expect("launched");
    containerizer.launch(&brief).await.expect("launched");
    said(&live, "ready\n").await;
    drop(containerizer);

    let reopened = (subject.open)();
    assert_eq!(phases(&*reopened).await.get(&live.task), Some(&Phase::Running));
    assert_eq!(ended(&*reopened, &brief.task).await, exited(ExitStatus::Code(4)));
    reopened.launch(&live).await.expect("known already");
    reopened.stop(&live.task, PATIENCE).await.expect("asked");
    assert_eq!(ended(&*reopened, &live.task).await, exited(ExitStatus::Code(5)), "{}", subject.name);
    let once_again = (subject.open)();
    assert_eq!(phases(&*once_again).await.get(&live.task), Some(&Phase::Ended));
    for launch in [live, brief] {
        once_again.remove(&launch.task).await.expect("removed");
    }
}

#[tokio::test]
async fn the_fake_one_conforms() {
    let fake = Arc::new(FakeContainerizer::default());
    let open = move || -> Arc<dyn Containerizer> { Arc::<FakeContainerizer>::clone(&fake) };
    let sandboxes = tempfile::tempdir().expect("a folder");
    conforms(&Subject { name: "fake", open: Box::new(open), sandboxes, adapt: |_| {} }).await;
}

/// The supervising process is a subcommand of a program; this crate's tests have a small one of their own. Cargo builds
/// no binary for unit tests, so `make test` does that first.
pub(super) fn supervisor() -> std::path::PathBuf {
    let tests = std::env::current_exe().expect("this test's program");
    let folder = tests.parent().and_then(Path::parent).expect("the target folder");
    let program = folder.join("agent-under-test");
    assert!(
        program.exists(),
        "{} is missing: `cargo build -p agent` makes it, and so does `make test`",
        program.display()
    );
    program
}

#[tokio::test]
async fn the_process_one_conforms() {
    for with_groups in [true, false] {
        let runs = tempfile::tempdir().expect("a folder");
        let path = runs.path().to_owned();
        let open = move || -> Arc<dyn Containerizer> {
            let groups = if with_groups { cgroup::find(Some("bayplan-test")) } else { None };
            Arc::new(ProcessContainerizer::new(path.clone(), Some(supervisor()), groups))
        };
        let sandboxes = tempfile::tempdir().expect("a folder");
        conforms(&Subject { name: "process", open: Box::new(open), sandboxes, adapt: |_| {} }).await;
    }
}

#[tokio::test]
async fn a_plain_process_finds_its_gpus() {
    let runs = tempfile::tempdir().expect("a folder");
    let sandboxes = tempfile::tempdir().expect("a folder");
    let containerizer = ProcessContainerizer::new(runs.path().to_owned(), Some(supervisor()), None);
    let mut launch = launch("gpus", "echo $CUDA_DEVICE_ORDER $CUDA_VISIBLE_DEVICES $NVIDIA_VISIBLE_DEVICES");
    launch.sandbox = sandboxes.path().to_owned();
    launch.gpu_slots = GpuSlots::new([1, 3].map(|gpu| GpuSlot { gpu, share: WHOLE_GPU }));
    containerizer.launch(&launch).await.expect("launched");
    assert_eq!(ended(&containerizer, &launch.task).await, exited(ExitStatus::Code(0)));
    said(&launch, "PCI_BUS_ID 1,3 1,3\n").await;
}

/// True when the tests that need a Docker engine must run; says so loudly when they do not.
/// `BAYPLAN_TEST_DOCKER` decides, 1 or 0; without it, an engine that answers does.
async fn engine() -> Option<Docker> {
    let wanted = std::env::var("BAYPLAN_TEST_DOCKER").ok();
    if wanted.as_deref() != Some("0") {
        let connected = async { Docker::connect_with_defaults()?.negotiate_version().await };
        match connected.await {
            Ok(docker) => return Some(docker),
            Err(error) => assert!(wanted.is_none(), "BAYPLAN_TEST_DOCKER is 1, but no engine answers: {error}"),
        }
    }
    eprintln!("SKIPPED: no Docker engine answers, so the Docker containerizer is not tested");
    None
}

/// Imports an image of one static program, so that nothing is ever pulled.
async fn import_image(docker: &Docker) {
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].map(Path::new).into_iter().find(|path| path.exists());
    let busybox = busybox.expect("the Docker tests need a static busybox: apt-get install busybox-static");
    let root = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(root.path().join("bin")).expect("a folder");
    std::fs::copy(busybox, root.path().join("bin/busybox")).expect("copied");
    for name in ["sh", "sleep"] {
        std::os::unix::fs::symlink("busybox", root.path().join("bin").join(name)).expect("a link");
    }
    let tar = std::process::Command::new("tar").arg("-C").arg(root.path()).args(["-cf", "-", "."]).output();
    let tar = tar.expect("tar runs").stdout;
    let options = CreateImageOptionsBuilder::new().from_src("-").repo(IMAGE).build();
    let mut steps = docker.create_image(Some(options), Some(bollard::body_full(tar.into())), None);
    while let Some(step) = steps.next().await {
        step.expect("imported");
    }
}

const IMAGE: &str = "bayplan-test/busybox";

fn in_docker(launch: &mut Launch) {
    launch.spec.container = Some(Container::Docker(DockerContainer {
        image: IMAGE.to_owned(),
        network: Network::Host,
        privileged: false,
        force_pull: false,
        parameters: Vec::new(),
        volumes: Vec::new(),
    }));
}

#[tokio::test]
async fn the_docker_one_conforms() {
    let Some(docker) = engine().await else { return };
    import_image(&docker).await;
    let folder = format!("conformance-{}", std::process::id());
    let open =
        move || -> Arc<dyn Containerizer> { Arc::new(DockerContainerizer::new(DockerEngine::Local, folder.clone())) };
    let sandboxes = tempfile::tempdir().expect("a folder");
    let subject = Subject { name: "docker", open: Box::new(open), sandboxes, adapt: in_docker };
    conforms(&subject).await;
    what_is_missing_is_told_in_the_engines_words(&subject).await;
    a_container_that_was_never_started_is_over(&subject, &docker).await;
    a_container_killed_from_outside_is_seen(&subject, &docker).await;
}

async fn what_is_missing_is_told_in_the_engines_words(subject: &Subject) {
    let containerizer = (subject.open)();
    let mut launch = subject.launch("imageless", "true");
    if let Some(Container::Docker(docker)) = &mut launch.spec.container {
        // A port that nobody listens on: refused at once, on any machine.
        docker.image = "127.0.0.1:9/no/such".to_owned();
    }
    let error = containerizer.prepare(&launch).await.expect_err("there is no such image");
    assert_eq!(error.reason, StatusReason::ImagePullFailed);
    assert!(error.message.contains("127.0.0.1:9"), "{error}");
    let error = containerizer.launch(&launch).await.expect_err("there is no such image");
    assert!(error.message.contains("No such image"), "{error}");
}

/// What an agent leaves that is killed between the two requests.
async fn a_container_that_was_never_started_is_over(subject: &Subject, docker: &Docker) {
    let launch = subject.launch("created", "true");
    let folder = format!("conformance-{}", std::process::id());
    let name = format!("bayplan-{}", launch.task);
    let body = ContainerCreateBody {
        image: Some(IMAGE.to_owned()),
        cmd: Some(vec!["/bin/sh".to_owned()]),
        labels: Some(
            [("bayplan.task".to_owned(), launch.task.to_string()), ("bayplan.folder".to_owned(), folder)].into(),
        ),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::new().name(&name).build();
    docker.create_container(Some(options), body).await.expect("created");
    let containerizer = (subject.open)();
    assert_eq!(phases(&*containerizer).await.get(&launch.task), Some(&Phase::Ended));
    assert!(matches!(ended(&*containerizer, &launch.task).await, Ended::Unobserved { .. }));
    assert_eq!(phases(&*containerizer).await.get(&launch.task), None, "it could still be started");
}

async fn a_container_killed_from_outside_is_seen(subject: &Subject, docker: &Docker) {
    let containerizer = (subject.open)();
    let launch = subject.launch("outside", FOREVER);
    containerizer.launch(&launch).await.expect("launched");
    docker.kill_container(&format!("bayplan-{}", launch.task), None).await.expect("killed");
    assert_eq!(ended(&*containerizer, &launch.task).await, exited(ExitStatus::Code(137)));
    containerizer.remove(&launch.task).await.expect("removed");
}
