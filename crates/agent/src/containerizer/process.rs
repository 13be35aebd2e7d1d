//! Tasks as plain Linux processes, each under a supervising process of its own that outlives the agent.
//!
//! The agent talks to it through the task's run folder and by signals, and learns of its end through a pidfd; so
//! an agent that was killed finds everything again. Only absent supervisors need the agent's help: it then kills
//! what is left of the task.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use model::{Invocation, TaskId};
use nix::sys::prctl;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::cgroup::{self, Hierarchy, Limits};
use super::run_folder::{Claim, End, Plan, RunFolder};
use super::{Containerizer, ContainerizerError, Ended, Launch, LaunchError, Phase, Usage};
use crate::environment;
use crate::folder::task_name;
use crate::proc::{ProcessName, Processes, kill_session};
use crate::supervisor::{ALLOW_HUGE_PAGES, RUNNING_LINE, SUBCOMMAND};

/// Between two looks at a run folder that cannot be read.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct ProcessContainerizer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// A folder for each task.
    runs: PathBuf,
    /// The program whose subcommand supervises; None is this very program.
    supervisor: Option<PathBuf>,
    cgroups: Option<Box<dyn Hierarchy>>,
    /// Supervising processes that this life of the agent started, and so has to wait for.
    children: Mutex<HashMap<TaskId, Child>>,
}

impl ProcessContainerizer {
    /// Makes the tasks' groups in the cgroup of this name, where any may be written. `supervisor` is the program whose
    /// subcommand `supervise` is [`crate::supervise_main`]; this very program when None.
    #[must_use]
    pub fn open(runs: PathBuf, supervisor: Option<PathBuf>, cgroup_parent: Option<&str>) -> Self {
        Self::new(runs, supervisor, cgroup::find(cgroup_parent))
    }

    pub(crate) fn new(runs: PathBuf, supervisor: Option<PathBuf>, cgroups: Option<Box<dyn Hierarchy>>) -> Self {
        Self { inner: Arc::new(Inner { runs, supervisor, cgroups, children: Mutex::default() }) }
    }

    /// File access and the like, away from the async threads.
    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce(&Inner) -> T + Send + 'static) -> T {
        let inner = Arc::clone(&self.inner);
        match tokio::task::spawn_blocking(move || work(&inner)).await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

impl Containerizer for ProcessContainerizer {
    fn list(&self) -> BoxFuture<'_, Result<BTreeMap<TaskId, Phase>, ContainerizerError>> {
        Box::pin(self.blocking(|inner| {
            inner.list().map_err(ContainerizerError::io(format!("cannot list {}", inner.runs.display())))
        }))
    }

    fn launch<'a>(&'a self, launch: &'a Launch) -> BoxFuture<'a, Result<(), LaunchError>> {
        let launch = launch.clone();
        Box::pin(self.blocking(move |inner| inner.launch(&launch)))
    }

    fn stop<'a>(&'a self, task: &'a TaskId, grace: Duration) -> BoxFuture<'a, Result<(), ContainerizerError>> {
        let task = task.clone();
        Box::pin(self.blocking(move |inner| {
            inner.stop(&task, grace).map_err(ContainerizerError::io(format!("cannot stop task {task}")))
        }))
    }

    fn wait<'a>(&'a self, task: &'a TaskId) -> BoxFuture<'a, Ended> {
        Box::pin(async move {
            loop {
                let id = task.clone();
                match self.blocking(move |inner| inner.look(&id)).await {
                    Ok(Seen::Over(ended)) => return ended,
                    Ok(Seen::Supervised(handle)) => until_readable(handle).await,
                    Err(error) => {
                        tracing::warn!(%task, %error, "cannot see how the task is");
                        tokio::time::sleep(RETRY_PAUSE).await;
                    }
                }
            }
        })
    }

    fn remove<'a>(&'a self, task: &'a TaskId) -> BoxFuture<'a, Result<(), ContainerizerError>> {
        let task = task.clone();
        Box::pin(self.blocking(move |inner| {
            inner.remove(&task).map_err(ContainerizerError::io(format!("cannot remove the run folder of task {task}")))
        }))
    }

    fn usage(&self) -> BoxFuture<'_, Result<BTreeMap<TaskId, Usage>, ContainerizerError>> {
        Box::pin(self.blocking(|inner| {
            inner.usage().map_err(ContainerizerError::io(format!("cannot list {}", inner.runs.display())))
        }))
    }
}

/// What a look at a task's run folder shows.
enum Seen {
    Over(Ended),
    /// The handle becomes readable when the supervising process is gone.
    Supervised(OwnedFd),
}

async fn until_readable(handle: OwnedFd) {
    #[expect(unsafe_code, reason = "the owned descriptor stays open and the same until the watch on it is dropped")]
    let registered = unsafe { AsyncFd::register_with_interest(handle, Interest::READABLE) };
    let seen = match registered {
        Ok(handle) => handle.readable().await.map(|_| ()),
        Err(error) => Err(error.into()),
    };
    if let Err(error) = seen {
        tracing::warn!(%error, "cannot watch a supervising process");
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

impl Inner {
    fn run(&self, task: &TaskId) -> RunFolder {
        RunFolder::at(self.runs.join(task_name(task)))
    }

    fn list(&self) -> io::Result<BTreeMap<TaskId, Phase>> {
        let mut found = BTreeMap::new();
        for entry in std::fs::read_dir(&self.runs)? {
            let run = RunFolder::at(entry?.path());
            match run.plan() {
                Ok(Some(plan)) => {
                    let phase = phase(&run)?;
                    found.insert(plan.task, phase);
                }
                // A crash came before the plan was whole: nothing was started from it.
                Ok(None) | Err(_) => {
                    tracing::warn!(folder = %run.path().display(), "removing a run folder without a plan");
                    std::fs::remove_dir_all(run.path())?;
                }
            }
        }
        Ok(found)
    }

    /// Of what runs below each supervising process, and of that itself: nothing that a task starts escapes it.
    fn usage(&self) -> io::Result<BTreeMap<TaskId, Usage>> {
        let mut found = BTreeMap::new();
        let processes = Processes::read();
        for entry in std::fs::read_dir(&self.runs)? {
            let run = RunFolder::at(entry?.path());
            // One that is being made, or removed, is not counted.
            let (Ok(Some(plan)), Ok(Some(Claim::Supervisor(name)))) = (run.plan(), run.claim()) else { continue };
            if let Some(usage) = processes.usage_of(&name) {
                found.insert(plan.task, usage);
            }
        }
        Ok(found)
    }

    fn launch(&self, launch: &Launch) -> Result<(), LaunchError> {
        let failed = |what: &str, error: io::Error| LaunchError::new(format!("{what}: {error}"));
        let run = self.run(&launch.task);
        match run.claim().map_err(|error| failed("cannot read the task's run folder", error))? {
            Some(Claim::Supervisor(_)) => return Ok(()),
            Some(Claim::GivenUp) => return Err(LaunchError::new("its start was given up before")),
            None => {}
        }
        let plan = self.plan(launch)?;
        let remove_group = |error| {
            if let Some(group) = &plan.cgroup {
                group.remove();
            }
            error
        };
        run.write_plan(&plan)
            .map_err(|error| failed("cannot write the task's run folder", error))
            .and_then(|()| self.start_supervisor(&launch.task, &run))
            .map_err(remove_group)
    }

    fn plan(&self, launch: &Launch) -> Result<Plan, LaunchError> {
        let command = match &launch.spec.invocation {
            Invocation::Shell(line) => vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()],
            Invocation::Args(args) => args.clone(),
            Invocation::ImageDefault => {
                return Err(LaunchError::new("a task without a container needs a command: give cmd or args"));
            }
        };
        let cgroup = self
            .cgroups
            .as_ref()
            .map(|groups| groups.create(&task_name(&launch.task), Limits::of(&launch.spec.resources)));
        let cgroup = cgroup.transpose().map_err(|error| LaunchError::new(format!("cannot make a cgroup: {error}")))?;
        let mut env = inherited(launch.spec.user.as_deref());
        env.extend(environment::of_task(launch, &launch.sandbox));
        Ok(Plan {
            task: launch.task.clone(),
            command,
            env,
            sandbox: launch.sandbox.clone(),
            user: launch.spec.user.clone(),
            cgroup,
            kill_grace_ms: launch.spec.kill_grace_ms,
        })
    }

    /// Returns when the command has been executed.
    fn start_supervisor(&self, task: &TaskId, run: &RunFolder) -> Result<(), LaunchError> {
        let failed = |error: io::Error| LaunchError::new(format!("cannot start the supervising process: {error}"));
        let mut command = Command::new(self.supervisor.as_deref().unwrap_or(Path::new("/proc/self/exe")));
        command.arg0("bayplan").arg(SUBCOMMAND).arg(run.path());
        match prctl::get_thp_disable() {
            Ok(false) => command.env(ALLOW_HUGE_PAGES, "0"),
            // Nobody has them here, so there is nothing to give back.
            _ => command.env_remove(ALLOW_HUGE_PAGES),
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let mut said = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut said).map_err(failed)?;
        }
        if said.trim_end() == RUNNING_LINE {
            child.stderr.take();
            self.children.lock().unwrap_or_else(PoisonError::into_inner).insert(task.clone(), child);
            return Ok(());
        }
        let output = child.wait_with_output().map_err(failed)?;
        match run.end().map_err(failed)? {
            Some(End::NotStarted { message }) => Err(LaunchError::new(message)),
            // It ended before it could say that it ran.
            Some(End::Exited { .. }) => Ok(()),
            None => {
                let words = String::from_utf8_lossy(&output.stderr);
                let words = words.trim();
                Err(LaunchError::new(format!("the supervising process failed: {} {words}", output.status)))
            }
        }
    }

    fn stop(&self, task: &TaskId, grace: Duration) -> io::Result<()> {
        let run = self.run(task);
        let Some(Claim::Supervisor(supervisor)) = run.claim()? else { return Ok(()) };
        let Some(handle) = supervisor.open()? else { return Ok(()) };
        run.shorten_grace(u64::try_from(grace.as_millis()).unwrap_or(u64::MAX))?;
        match rustix::process::pidfd_send_signal(&handle, rustix::process::Signal::TERM) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn look(&self, task: &TaskId) -> io::Result<Seen> {
        let run = self.run(task);
        let gone = |message: &str| Ok(Seen::Over(Ended::Unobserved { message: message.to_owned() }));
        if !run.path().exists() {
            return gone("there is no trace of it on the agent");
        }
        let supervisor = match run.claim()? {
            Some(Claim::Supervisor(supervisor)) => supervisor,
            Some(Claim::GivenUp) => return gone("the agent was interrupted before it was started"),
            None if run.make_claim(&Claim::GivenUp)? => return self.look(task),
            None => return self.look(task),
        };
        if let Some(handle) = supervisor.open()? {
            return Ok(Seen::Supervised(handle));
        }
        self.reap(task);
        if let Some(end) = run.end()? {
            return Ok(Seen::Over(ended(end)));
        }
        if !supervisor.is_of_this_boot() {
            return gone("the machine was restarted");
        }
        kill_leftovers(&run)?;
        gone("its supervising process was killed")
    }

    /// Takes in the status of a supervising process that is our child and over.
    fn reap(&self, task: &TaskId) {
        let child = self.children.lock().unwrap_or_else(PoisonError::into_inner).remove(task);
        if let Some(Err(error)) = child.map(|mut child| child.wait()) {
            tracing::debug!(%task, %error, "cannot wait for a supervising process");
        }
    }

    fn remove(&self, task: &TaskId) -> io::Result<()> {
        let run = self.run(task);
        match run.plan() {
            Ok(Some(Plan { cgroup: Some(group), .. })) => group.remove(),
            Ok(_) => {}
            Err(error) => tracing::warn!(%task, %error, "cannot read the plan of a task that is removed"),
        }
        match std::fs::remove_dir_all(run.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn phase(run: &RunFolder) -> io::Result<Phase> {
    let is_alive = |name: &ProcessName| name.is_alive();
    Ok(match run.claim()? {
        // Nobody has claimed it: whoever waits for it gives it up.
        None => Phase::Ended,
        Some(Claim::Supervisor(supervisor)) if run.end()?.is_none() && is_alive(&supervisor) => {
            run.running()?.map_or(Phase::Starting, |_| Phase::Running)
        }
        Some(_) => Phase::Ended,
    })
}

fn ended(end: End) -> Ended {
    match end {
        End::Exited { status, out_of_memory } => Ended::Exited { status, out_of_memory },
        End::NotStarted { message } => Ended::NotStarted { error: LaunchError::new(message) },
    }
}

/// The command dies with its supervising process; this is for what it started itself.
fn kill_leftovers(run: &RunFolder) -> io::Result<()> {
    if let Some(main) = run.running()? {
        kill_session(main);
    }
    if let Some(Plan { cgroup: Some(group), .. }) = run.plan()? {
        group.kill_all();
        group.remove();
    }
    Ok(())
}

/// The little of the agent's own environment that a plain process gets.
fn inherited(user: Option<&str>) -> BTreeMap<String, String> {
    let mut env = BTreeMap::from([("PATH".to_owned(), environment::DEFAULT_PATH.to_owned())]);
    let own = environment::INHERITED.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    env.extend(own);
    if let Some(user) = user {
        let home = nix::unistd::User::from_name(user).ok().flatten().map(|user| user.dir.display().to_string());
        env.extend(home.map(|home| ("HOME".to_owned(), home)));
        env.extend(["USER", "LOGNAME"].map(|name| (name.to_owned(), user.to_owned())));
    }
    env
}
