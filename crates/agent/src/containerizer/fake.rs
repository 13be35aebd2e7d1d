//! Tasks that are only pretended, for tests and for clusters larger than the machine.
//!
//! It understands a few words of shell, so that the same commands can be given to it and to a real containerizer:
//! `sleep 5`, `exit 3`, `true`, `false`, `echo words`, joined by `;`, and `trap '' TERM;` or `trap 'exit 7' TERM;`
//! in front. Anything else runs until it is stopped. An agent with it says so by the attribute `virtual`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use model::{ExitStatus, Invocation, TaskId};
use tokio::sync::watch;

use super::{Containerizer, ContainerizerError, Ended, Launch, LaunchError, Phase};
use crate::sandbox::{Output, open_for_writing};

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

/// Keeps its tasks when the agent that uses it is stopped, as a machine does; share it with the next agent.
#[derive(Debug, Default)]
pub struct FakeContainerizer {
    tasks: Mutex<BTreeMap<TaskId, watch::Sender<Fake>>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Fake {
    ended: Option<ExitStatus>,
    /// When it will be killed; by then it has ended if it listens to the polite signal.
    kill_at: Option<tokio::time::Instant>,
}

impl FakeContainerizer {
    fn find(&self, task: &TaskId) -> Option<watch::Sender<Fake>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).get(task).cloned()
    }

    /// How many tasks pretend to run.
    #[must_use]
    pub fn running(&self) -> usize {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.values().filter(|task| task.borrow().ended.is_none()).count()
    }

    fn start(&self, launch: &Launch) -> Result<(), LaunchError> {
        let script = Script::of(&launch.spec.invocation)?;
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.contains_key(&launch.task) {
            return Ok(());
        }
        let (task, _) = watch::channel(Fake::default());
        tasks.insert(launch.task.clone(), task.clone());
        script.write_output(&launch.sandbox);
        tokio::spawn(pretend(script, task));
        Ok(())
    }
}

impl Containerizer for FakeContainerizer {
    fn list(&self) -> BoxFuture<'_, Result<BTreeMap<TaskId, Phase>, ContainerizerError>> {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let phase = |task: &watch::Sender<Fake>| task.borrow().ended.map_or(Phase::Running, |_| Phase::Ended);
        let all = tasks.iter().map(|(id, task)| (id.clone(), phase(task))).collect();
        Box::pin(async { Ok(all) })
    }

    fn launch<'a>(&'a self, launch: &'a Launch) -> BoxFuture<'a, Result<(), LaunchError>> {
        Box::pin(async { self.start(launch) })
    }

    fn stop<'a>(&'a self, task: &'a TaskId, grace: Duration) -> BoxFuture<'a, Result<(), ContainerizerError>> {
        let kill_at = tokio::time::Instant::now() + grace;
        if let Some(task) = self.find(task) {
            task.send_modify(|fake| fake.kill_at = Some(fake.kill_at.map_or(kill_at, |before| before.min(kill_at))));
        }
        Box::pin(async { Ok(()) })
    }

    fn wait<'a>(&'a self, task: &'a TaskId) -> BoxFuture<'a, Ended> {
        Box::pin(async move {
            let gone = || Ended::Unobserved { message: "there is no trace of it on the agent".to_owned() };
            let Some(mut task) = self.find(task).map(|task| task.subscribe()) else { return gone() };
            match task.wait_for(|fake| fake.ended.is_some()).await.map(|fake| fake.ended) {
                Ok(Some(status)) => Ended::Exited { status, out_of_memory: false },
                Ok(None) | Err(_) => gone(),
            }
        })
    }

    fn remove<'a>(&'a self, task: &'a TaskId) -> BoxFuture<'a, Result<(), ContainerizerError>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).remove(task);
        Box::pin(async { Ok(()) })
    }
}

/// What a task pretends to do.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Script {
    /// On SIGTERM: end like this, or (None) do not listen.
    on_term: Option<ExitStatus>,
    runs: Option<Duration>,
    then: i32,
    says: Vec<String>,
}

impl Script {
    fn of(invocation: &Invocation) -> Result<Self, LaunchError> {
        match invocation {
            Invocation::Shell(line) => Ok(Self::parse(line)),
            Invocation::ImageDefault => Ok(Self::parse("forever")),
            Invocation::Args(args) => match args.first() {
                Some(program) if program.starts_with("/no/such/") => {
                    Err(LaunchError::new(format!("cannot execute {program}: no such file (pretended)")))
                }
                _ => Ok(Self::parse(&args.join(" "))),
            },
        }
    }

    fn parse(line: &str) -> Self {
        let mut script =
            Self { on_term: Some(ExitStatus::Signal(SIGTERM)), runs: Some(Duration::ZERO), then: 0, says: Vec::new() };
        for step in line.split(';').map(str::trim) {
            let (word, rest) = step.split_once(' ').unwrap_or((step, ""));
            match (word, rest.parse::<f64>()) {
                ("trap", _) if rest == "'' TERM" => script.on_term = None,
                ("trap", _) => {
                    let code = rest.trim_start_matches("'exit ").split('\'').next().and_then(|code| code.parse().ok());
                    script.on_term = Some(ExitStatus::Code(code.unwrap_or(0)));
                }
                ("echo", _) => script.says.push(rest.to_owned()),
                ("sleep", Ok(seconds)) => {
                    let longer = Duration::try_from_secs_f64(seconds).unwrap_or_default();
                    script.runs = script.runs.map(|runs| runs + longer);
                }
                ("exit", _) => {
                    script.then = rest.parse().unwrap_or(0);
                    break;
                }
                ("true" | "", _) => script.then = 0,
                ("false", _) => script.then = 1,
                _ => script.runs = None,
            }
        }
        script
    }

    fn write_output(&self, sandbox: &Path) {
        if self.says.is_empty() {
            return;
        }
        let written = open_for_writing(sandbox, Output::Stdout)
            .and_then(|mut file| self.says.iter().try_for_each(|line| writeln!(file, "{line}")));
        if let Err(error) = written {
            tracing::warn!(%error, "cannot write a pretended output");
        }
    }
}

async fn pretend(script: Script, task: watch::Sender<Fake>) {
    let mut orders = task.subscribe();
    let own_end = async {
        match script.runs {
            Some(runs) => tokio::time::sleep(runs).await,
            None => std::future::pending().await,
        }
        ExitStatus::Code(script.then)
    };
    let stopped = async {
        // The sender lives as long as this function, so there is always another order to wait for.
        while let Ok(order) = orders.wait_for(|fake| fake.kill_at.is_some()).await.map(|fake| *fake) {
            if let Some(status) = script.on_term {
                return status;
            }
            let Some(kill_at) = order.kill_at else { continue };
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(kill_at) => break,
                _ = orders.changed() => {}
            }
        }
        ExitStatus::Signal(SIGKILL)
    };
    let status = tokio::select! {
        biased;
        status = own_end => status,
        status = stopped => status,
    };
    task.send_modify(|fake| fake.ended = Some(status));
}

#[cfg(test)]
pub(crate) mod tests {
    use model::{AgentId, AppId, AppVersion, ClusterId, GpuSlots, Resources, Scalar};
    use protocol::agent::{AgentIdentity, TaskOwner, TaskSpec};

    use super::*;

    /// A task of one command, without ports and without a container.
    pub(crate) fn launch(task: &str, command: &str) -> Launch {
        let spec = TaskSpec {
            owner: TaskOwner::App { app: AppId::parse("app").expect("an id"), version: AppVersion::default() },
            invocation: Invocation::Shell(command.to_owned()),
            container: None,
            user: None,
            env: BTreeMap::new(),
            labels: BTreeMap::new(),
            resources: Resources { cpus: Scalar(100), mem: Scalar::from_whole(32), ..Resources::default() },
            ports: Vec::new(),
            kill_grace_ms: 3_000,
        };
        Launch {
            task: TaskId::new(task),
            identity: AgentIdentity { cluster: ClusterId::new("c"), agent: AgentId(0) },
            spec,
            host_ports: Vec::new(),
            gpu_slots: GpuSlots::none(),
            sandbox: "/nonexistent".into(),
            hostname: "host-1".to_owned(),
        }
    }

    #[test]
    fn understands_the_words_it_promises() {
        let parsed = |line: &str| {
            let script = Script::parse(line);
            (script.on_term, script.runs.map(|runs| runs.as_millis()), script.then)
        };
        let term = Some(ExitStatus::Signal(SIGTERM));
        assert_eq!(parsed("sleep 0.5; exit 3; sleep 9"), (term, Some(500), 3));
        assert_eq!(parsed("trap 'exit 7' TERM; serve"), (Some(ExitStatus::Code(7)), None, 0));
        assert_eq!(parsed("trap '' TERM; sleep 1; false"), (None, Some(1000), 1));
    }
}
