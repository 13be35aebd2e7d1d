//! Containers: the Docker containerizer beside the same requests to the engine, sent without it.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use agent::DockerEngine;
use agent::containerizer::docker::DockerContainerizer;
use agent::containerizer::{Containerizer, Launch};
use bayplan_benches::{Rate, Table, number, ratio};
use bollard::Docker;
use bollard::models::{ContainerConfig, ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, CreateImageOptionsBuilder, InspectContainerOptions, ListContainersOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveImageOptions, StartContainerOptions,
};
use futures_util::{StreamExt, stream};
use model::{Container, DockerContainer, Network};

use crate::{AT_ONCE, task};

pub(crate) const IMAGE: &str = "bayplan-bench/busybox";
const CONTAINERS: usize = 12;
const ROUNDS: usize = 2;
/// The first process of a container is deaf to polite signals that it does not ask for.
const GRACE: Duration = Duration::ZERO;
const COMMAND: &str = "exec sleep 300";

/// The engine with an image to run, or why there is none.
pub(crate) async fn engine() -> Result<Docker, String> {
    let connected = async { Docker::connect_with_defaults()?.negotiate_version().await };
    let docker = connected.await.map_err(|error| format!("no Docker engine answers ({error})"))?;
    import_image(&docker).await?;
    Ok(docker)
}

/// An image of one static program, so that nothing is pulled.
async fn import_image(docker: &Docker) -> Result<(), String> {
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].map(Path::new).into_iter().find(|path| path.exists());
    let busybox = busybox.ok_or("there is no static busybox: apt-get install busybox-static")?;
    let root = tempfile::tempdir().map_err(|error| error.to_string())?;
    let bin = root.path().join("bin");
    let made = std::fs::create_dir(&bin)
        .and_then(|()| std::fs::copy(busybox, bin.join("busybox")))
        .and_then(|_| ["sh", "sleep"].iter().try_for_each(|name| std::os::unix::fs::symlink("busybox", bin.join(name))))
        .and_then(|()| std::process::Command::new("tar").arg("-C").arg(root.path()).args(["-cf", "-", "."]).output());
    let tar = made.map_err(|error| format!("the image cannot be made: {error}"))?.stdout;
    let options = CreateImageOptionsBuilder::new().from_src("-").repo(IMAGE).build();
    let mut steps = docker.create_image(Some(options), Some(bollard::body_full(tar.into())), None);
    while let Some(step) = steps.next().await {
        step.map_err(|error| format!("the image cannot be imported: {error}"))?;
    }
    Ok(())
}

fn container() -> Container {
    Container::Docker(DockerContainer {
        image: IMAGE.to_owned(),
        network: Network::Host,
        privileged: false,
        force_pull: false,
        parameters: Vec::new(),
        volumes: Vec::new(),
    })
}

pub(crate) async fn measure(docker: &Docker, folder: &Path) -> String {
    let containerizer = DockerContainerizer::new(DockerEngine::Local, format!("bench-{}", std::process::id()));
    let body = body_of_a_task(docker, &containerizer, folder).await;
    let mut table = Table::new(
        0,
        ["at a time", "engine API (containers/s)", "Docker containerizer (containers/s)", "containerizer / API"],
    );
    for at_once in [1, AT_ONCE] {
        let (mut raw_rates, mut our_rates) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            eprintln!("containers, {at_once} at a time: round {} of {ROUNDS}", round + 1);
            raw_rates.push(raw(docker, &body, at_once).await);
            our_rates.push(ours(&containerizer, folder, at_once, round).await);
        }
        table.row([
            at_once.to_string(),
            number(Rate::of_rounds(raw_rates.clone()).median()),
            number(Rate::of_rounds(our_rates.clone()).median()),
            format!("{:.2}", ratio(&our_rates, &raw_rates)),
        ]);
    }
    format!("{table}\nMedians of {ROUNDS} rounds of {CONTAINERS} containers, in turns: create and start.\n")
}

fn launches(folder: &Path, at_once: usize, round: usize) -> Vec<Launch> {
    let name = |number| format!("bench.{}.{at_once}.{round}.{number}", std::process::id());
    (0..CONTAINERS).map(|number| task::launch(folder, &name(number), COMMAND, Some(container()))).collect()
}

/// Containers per second.
async fn ours(containerizer: &DockerContainerizer, folder: &Path, at_once: usize, round: usize) -> f64 {
    let launches = launches(folder, at_once, round);
    let began_at = Instant::now();
    task::start_all(containerizer, &launches, at_once).await;
    let took = began_at.elapsed();
    task::stop_all(containerizer, &launches, GRACE).await;
    task::remove_all(containerizer, &launches).await;
    CONTAINERS as f64 / took.as_secs_f64()
}

/// What the engine keeps of a container that the containerizer made, so that the raw ones are no less.
async fn body_of_a_task(docker: &Docker, containerizer: &DockerContainerizer, folder: &Path) -> ContainerCreateBody {
    let launch = task::launch(folder, &format!("bench.{}.model", std::process::id()), COMMAND, Some(container()));
    containerizer.prepare(&launch).await.expect("the image is there");
    containerizer.launch(&launch).await.expect("a container starts");
    let name = format!("bayplan-{}", launch.task);
    let found = docker.inspect_container(&name, None::<InspectContainerOptions>).await.expect("it is there");
    let ContainerConfig { image, entrypoint, cmd, env, labels, .. } = found.config.expect("it has a configuration");
    let HostConfig { binds, network_mode, memory, cpu_shares, .. } = found.host_config.expect("it has settings");
    let host_config = HostConfig { binds, network_mode, memory, cpu_shares, ..HostConfig::default() };
    let launch = [launch];
    task::stop_all(containerizer, &launch, GRACE).await;
    task::remove_all(containerizer, &launch).await;
    // The folder that it is given has to be there.
    for bind in host_config.binds.iter().flatten().filter_map(|bind| bind.split(':').next()) {
        std::fs::create_dir_all(bind).expect("a folder");
    }
    let host_config = Some(host_config);
    ContainerCreateBody { image, entrypoint, cmd, env, labels, host_config, ..ContainerCreateBody::default() }
}

async fn raw(docker: &Docker, body: &ContainerCreateBody, at_once: usize) -> f64 {
    let names: Vec<String> =
        (0..CONTAINERS).map(|number| format!("bayplan-bench-raw.{}.{number}", std::process::id())).collect();
    let start = |name: &String| {
        let name = name.clone();
        async move {
            let options = CreateContainerOptionsBuilder::new().name(&name).build();
            docker.create_container(Some(options), body.clone()).await.expect("created");
            docker.start_container(&name, None::<StartContainerOptions>).await.expect("started");
        }
    };
    let began_at = Instant::now();
    stream::iter(&names).map(start).buffer_unordered(at_once).for_each(|()| async {}).await;
    let took = began_at.elapsed();
    remove_containers(docker, names).await;
    CONTAINERS as f64 / took.as_secs_f64()
}

async fn remove_containers(docker: &Docker, names: Vec<String>) {
    let remove = async |name: String| {
        let options = RemoveContainerOptionsBuilder::new().force(true).build();
        docker.remove_container(&name, Some(options)).await.expect("a container can be removed");
    };
    stream::iter(names).for_each_concurrent(AT_ONCE, remove).await;
}

/// Every container of the image, and the image: a clean engine is worth more than the next run's quarter of a second.
pub(crate) async fn remove_all(docker: &Docker) {
    let ours = HashMap::from([("ancestor".to_owned(), vec![IMAGE.to_owned()])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&ours).build();
    let left = docker.list_containers(Some(options)).await.expect("containers can be listed");
    remove_containers(docker, left.into_iter().filter_map(|container| container.id).collect()).await;
    let removed = docker.remove_image(IMAGE, None::<RemoveImageOptions>, None).await;
    removed.expect("nothing uses the image");
}
