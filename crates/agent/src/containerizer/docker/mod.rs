//! Tasks as Docker containers.
//!
//! The engine is the memory: a container's name derives from the task's id, and its labels say whose it is. So
//! everything is found again after the agent or the engine was restarted, and an exit status is the engine's own.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{ContainerInspectResponse, ContainerState, ContainerStateStatusEnum as Status};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, CreateImageOptionsBuilder, InspectContainerOptions, KillContainerOptionsBuilder,
    ListContainersOptionsBuilder, RemoveContainerOptionsBuilder, StartContainerOptions, WaitContainerOptionsBuilder,
};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use model::{Container, DockerContainer, ExitStatus, StatusReason, TaskId};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

use super::{Containerizer, ContainerizerError, Ended, Launch, LaunchError, Phase, Usage};
use crate::config::DockerEngine;
use crate::sandbox::{Output, open_for_writing};

mod output;
mod request;
mod usage;

use request::{FOLDER_LABEL, SANDBOX_LABEL, TASK_LABEL, container_body, container_name};

/// Between two questions to an engine that does not answer.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How long the rest of the output may take to arrive after the end.
const OUTPUT_LIMIT: Duration = Duration::from_secs(5);
const POLITE_SIGNAL: &str = "SIGTERM";

pub struct DockerContainerizer {
    engine: DockerEngine,
    /// Names the agent's work folder; the label of all its containers.
    folder: String,
    docker: OnceCell<Docker>,
    outputs: Mutex<HashMap<TaskId, JoinHandle<()>>>,
}

impl DockerContainerizer {
    /// Connects when it is first needed. `folder` tells this agent's containers from others'.
    #[must_use]
    pub fn new(engine: DockerEngine, folder: String) -> Self {
        Self { engine, folder, docker: OnceCell::new(), outputs: Mutex::default() }
    }

    async fn docker(&self) -> Result<&Docker, Error> {
        let connect = async || match &self.engine {
            DockerEngine::At(address) => Docker::connect_with_host(address)?.negotiate_version().await,
            DockerEngine::Local | DockerEngine::Off => Docker::connect_with_defaults()?.negotiate_version().await,
        };
        self.docker.get_or_try_init(connect).await
    }

    async fn all(&self) -> Result<BTreeMap<TaskId, Phase>, Error> {
        let ours = HashMap::from([("label".to_owned(), vec![format!("{FOLDER_LABEL}={}", self.folder)])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&ours).build();
        let containers = self.docker().await?.list_containers(Some(options)).await?;
        let phase = |state: Option<&str>| match state {
            Some("running" | "paused" | "restarting") => Phase::Running,
            // One that was created and not started never will be.
            _ => Phase::Ended,
        };
        let named = containers.into_iter().filter_map(|container| {
            let task = container.labels.as_ref()?.get(TASK_LABEL)?.as_str();
            Some((TaskId::new(task), phase(container.state.map(|state| state.to_string()).as_deref())))
        });
        Ok(named.collect())
    }

    async fn fetch_image(&self, container: &DockerContainer) -> Result<(), Error> {
        let docker = self.docker().await?;
        if !container.force_pull {
            match docker.inspect_image(&container.image).await {
                Ok(_) => return Ok(()),
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(error),
            }
        }
        tracing::info!(image = container.image, "pulling");
        let (image, tag) = image_and_tag(&container.image);
        let options = CreateImageOptionsBuilder::new().from_image(image).tag(tag).build();
        let mut progress = docker.create_image(Some(options), None, None);
        while let Some(step) = progress.next().await {
            step?;
        }
        Ok(())
    }

    async fn create_and_start(&self, launch: &Launch) -> Result<(), LaunchError> {
        let refused = |error: Error| LaunchError::new(engine_words(&error));
        let container = docker_of(launch)?;
        let body = container_body(launch, container, &self.folder)?;
        // So that there is something to read as soon as it runs, like that of a plain process.
        for output in [Output::Stdout, Output::Stderr] {
            let made = open_for_writing(&launch.sandbox, output);
            made.map_err(|error| LaunchError::new(format!("cannot open {}: {error}", output.file_name())))?;
        }
        let docker = self.docker().await.map_err(refused)?;
        let name = container_name(&launch.task);
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        match docker.create_container(Some(options), body).await {
            Ok(created) => {
                for warning in created.warnings {
                    tracing::warn!(task = %launch.task, warning, "the engine warns");
                }
            }
            Err(Error::DockerResponseServerError { status_code: 409, message }) => {
                return self.accept_known(docker, &name, message).await;
            }
            Err(error) => return Err(refused(error)),
        }
        if let Err(error) = docker.start_container(&name, None::<StartContainerOptions>).await {
            // It has ended in the same sense as one that could not be created.
            if let Err(error) = remove_container(docker, &name).await {
                tracing::warn!(container = name, error = engine_words(&error), "cannot remove a failed container");
            }
            return Err(refused(error));
        }
        self.follow(docker, &launch.task, launch.sandbox.clone());
        Ok(())
    }

    /// The name is taken: by the task itself, which is well, or by something else.
    async fn accept_known(&self, docker: &Docker, name: &str, message: String) -> Result<(), LaunchError> {
        let found = docker.inspect_container(name, None::<InspectContainerOptions>).await;
        let found = found.map_err(|error| LaunchError::new(engine_words(&error)))?;
        match label(&found, FOLDER_LABEL) {
            Some(folder) if folder == self.folder => Ok(()),
            _ => Err(LaunchError::new(message)),
        }
    }

    /// Copies the output, unless that is under way.
    fn follow(&self, docker: &Docker, task: &TaskId, sandbox: PathBuf) {
        let mut outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        outputs
            .entry(task.clone())
            .or_insert_with(|| tokio::spawn(output::copy(docker.clone(), container_name(task), sandbox)));
    }

    /// One look at a container, and when it runs the wait for a change. None when there is reason to look again.
    async fn watch(&self, task: &TaskId) -> Result<Option<Ended>, Error> {
        let docker = self.docker().await?;
        let name = container_name(task);
        let gone = |message: &str| Ok(Some(Ended::Unobserved { message: message.to_owned() }));
        let found = match docker.inspect_container(&name, None::<InspectContainerOptions>).await {
            Ok(found) => found,
            Err(error) if is_absent(&error) => return gone("there is no container of it any more"),
            Err(error) => return Err(error),
        };
        let state = found.state.clone().unwrap_or_default();
        if state.status == Some(Status::CREATED) {
            // Whoever made it was interrupted. Removed, it cannot be started late.
            remove_container(docker, &name).await?;
            return gone("the agent was interrupted before it was started");
        }
        if let Some(sandbox) = label(&found, SANDBOX_LABEL) {
            self.follow(docker, task, PathBuf::from(sandbox));
        }
        if is_over(&state) {
            self.drain(task).await;
            return Ok(Some(ended(&state)));
        }
        let until = WaitContainerOptionsBuilder::new().condition("not-running").build();
        let changed = docker.wait_container(&name, Some(until)).next().await;
        match changed {
            // An exit status other than 0 is an error to the library; the next look tells it in full.
            None | Some(Ok(_) | Err(Error::DockerContainerWaitError { .. })) => Ok(None),
            Some(Err(error)) => Err(error),
        }
    }

    /// Waits until the output has been copied to its end.
    async fn drain(&self, task: &TaskId) {
        let copying = self.outputs.lock().unwrap_or_else(PoisonError::into_inner).remove(task);
        let Some(mut copying) = copying else { return };
        if tokio::time::timeout(OUTPUT_LIMIT, &mut copying).await.is_err() {
            tracing::warn!(%task, "the end of the output did not arrive in time");
            copying.abort();
        }
    }

    async fn ask_to_stop(&self, task: &TaskId, grace: Duration) -> Result<(), Error> {
        let docker = self.docker().await?;
        let name = container_name(task);
        let found = match docker.inspect_container(&name, None::<InspectContainerOptions>).await {
            Ok(found) => found,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        if found.state.as_ref().is_none_or(is_over) {
            return Ok(());
        }
        let signal = found.config.and_then(|config| config.stop_signal).filter(|signal| !signal.is_empty());
        kill(docker, &name, signal.as_deref().unwrap_or(POLITE_SIGNAL)).await?;
        let docker = docker.clone();
        tokio::spawn(async move {
            tokio::time::sleep(grace).await;
            while let Err(error) = kill(&docker, &name, "SIGKILL").await {
                tracing::debug!(
                    container = name,
                    error = engine_words(&error),
                    "cannot kill a container; trying again"
                );
                tokio::time::sleep(ASK_AGAIN).await;
            }
        });
        Ok(())
    }
}

impl Containerizer for DockerContainerizer {
    fn list(&self) -> BoxFuture<'_, Result<BTreeMap<TaskId, Phase>, ContainerizerError>> {
        Box::pin(async { self.all().await.map_err(|error| ContainerizerError::Engine(engine_words(&error))) })
    }

    fn prepare<'a>(&'a self, launch: &'a Launch) -> BoxFuture<'a, Result<(), LaunchError>> {
        Box::pin(async {
            let fetched = self.fetch_image(docker_of(launch)?).await;
            fetched
                .map_err(|error| LaunchError { reason: StatusReason::ImagePullFailed, message: engine_words(&error) })
        })
    }

    fn launch<'a>(&'a self, launch: &'a Launch) -> BoxFuture<'a, Result<(), LaunchError>> {
        Box::pin(self.create_and_start(launch))
    }

    fn stop<'a>(&'a self, task: &'a TaskId, grace: Duration) -> BoxFuture<'a, Result<(), ContainerizerError>> {
        Box::pin(async move {
            self.ask_to_stop(task, grace).await.map_err(|error| ContainerizerError::Engine(engine_words(&error)))
        })
    }

    fn wait<'a>(&'a self, task: &'a TaskId) -> BoxFuture<'a, Ended> {
        Box::pin(async move {
            loop {
                match self.watch(task).await {
                    Ok(Some(ended)) => return ended,
                    Ok(None) => {}
                    // A restart of the engine: containers may live on, and it will know what became of them.
                    Err(error) => {
                        tracing::debug!(%task, error = engine_words(&error), "asking the engine again");
                        tokio::time::sleep(ASK_AGAIN).await;
                    }
                }
            }
        })
    }

    fn remove<'a>(&'a self, task: &'a TaskId) -> BoxFuture<'a, Result<(), ContainerizerError>> {
        Box::pin(async move {
            let removed = async { remove_container(self.docker().await?, &container_name(task)).await };
            removed.await.map_err(|error: Error| ContainerizerError::Engine(engine_words(&error)))
        })
    }

    fn usage(&self) -> BoxFuture<'_, Result<BTreeMap<TaskId, Usage>, ContainerizerError>> {
        Box::pin(async {
            let used = async {
                let running = self.all().await?.into_iter().filter(|(_, phase)| *phase == Phase::Running);
                usage::of(self.docker().await?, running.map(|(task, _)| task).collect()).await
            };
            let used = used.await.map_err(|error: Error| ContainerizerError::Engine(engine_words(&error)))?;
            Ok(used.into_iter().collect())
        })
    }
}

fn docker_of(launch: &Launch) -> Result<&DockerContainer, LaunchError> {
    match &launch.spec.container {
        Some(Container::Docker(docker)) => Ok(docker),
        None => Err(LaunchError::new("a task without a container is not for the Docker engine")),
    }
}

/// Without a tag the engine would pull every one there is.
fn image_and_tag(image: &str) -> (&str, &str) {
    let name = image.rsplit('/').next().unwrap_or(image);
    if name.contains('@') || name.contains(':') { (image, "") } else { (image, "latest") }
}

fn is_over(state: &ContainerState) -> bool {
    !matches!(state.status, Some(Status::RUNNING | Status::PAUSED | Status::RESTARTING))
}

async fn is_running(docker: &Docker, name: &str) -> Result<bool, Error> {
    match docker.inspect_container(name, None::<InspectContainerOptions>).await {
        Ok(found) => Ok(!found.state.as_ref().is_none_or(is_over)),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn ended(state: &ContainerState) -> Ended {
    match state.exit_code.map(i32::try_from) {
        Some(Ok(code)) => {
            Ended::Exited { status: ExitStatus::Code(code), out_of_memory: state.oom_killed == Some(true) }
        }
        _ => Ended::Unobserved { message: "the engine knows no exit status of it".to_owned() },
    }
}

fn label<'a>(found: &'a ContainerInspectResponse, name: &str) -> Option<&'a str> {
    found.config.as_ref()?.labels.as_ref()?.get(name).map(String::as_str)
}

async fn kill(docker: &Docker, name: &str, signal: &str) -> Result<(), Error> {
    let options = KillContainerOptionsBuilder::new().signal(signal).build();
    match docker.kill_container(name, Some(options)).await {
        // Absent, or not running any more.
        Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
        other => other,
    }
}

async fn remove_container(docker: &Docker, name: &str) -> Result<(), Error> {
    let options = RemoveContainerOptionsBuilder::new().v(true).force(true).build();
    match docker.remove_container(name, Some(options)).await {
        // Absent, or being removed already.
        Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
        other => other,
    }
}

const fn is_absent(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404, .. })
}

/// The engine's own words where it said something, else what came in the way.
fn engine_words(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } => message.clone(),
        Error::DockerStreamError { error } => error.clone(),
        other => {
            let causes: Vec<_> =
                std::iter::successors(std::error::Error::source(other), |error| error.source()).collect();
            let is_denied = |cause: &&(dyn std::error::Error + 'static)| {
                cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
            };
            if causes.iter().any(is_denied) {
                return "this user may not use the Docker engine: add the user to the group 'docker', or choose --docker off"
                    .to_owned();
            }
            let causes: String = causes.iter().map(|cause| format!(": {cause}")).collect();
            format!("no answer from the Docker engine: {other}{causes}")
        }
    }
}
