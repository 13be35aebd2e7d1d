//! The environment variables of a task: its own, and those of Marathon and Mesos.

use std::collections::BTreeMap;
use std::path::Path;

use model::{AppId, AppVersion, Container, PortSpec};
use protocol::agent::TaskOwner;
use time::OffsetDateTime;
use time::format_description::FormatItem;
use time::macros::format_description;

use crate::containerizer::Launch;

/// What a plain process gets from the agent's own environment.
pub(crate) const INHERITED: [&str; 8] = ["HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TZ", "USER"];
/// When the agent itself has none.
pub(crate) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const VERSION_FORMAT: &[FormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// `sandbox` is where the task sees its folder. The agent's own variables win over the task's.
pub(crate) fn of_task(launch: &Launch, sandbox: &Path) -> BTreeMap<String, String> {
    let mut env = launch.spec.env.clone();
    env.insert("MESOS_SANDBOX".to_owned(), sandbox.display().to_string());
    env.insert("MESOS_DIRECTORY".to_owned(), sandbox.display().to_string());
    match &launch.spec.owner {
        TaskOwner::App { app, version } => of_app(launch, app, *version, &mut env),
        TaskOwner::Framework { framework, own_id, .. } => {
            env.insert("MESOS_TASK_ID".to_owned(), own_id.to_string());
            env.insert("MESOS_FRAMEWORK_ID".to_owned(), framework.clone());
            env.insert("MESOS_SLAVE_ID".to_owned(), launch.identity.agent.to_string());
        }
    }
    env.extend(gpus(launch));
    env
}

/// Which GPUs it has, by the places at which the driver's tools list them. CUDA counts the fastest first unless it is told otherwise. In
/// a container there are no others, and they are counted from 0.
fn gpus(launch: &Launch) -> Vec<(String, String)> {
    let Some(places) = gpu_places(launch) else { return Vec::new() };
    let places = places.join(",");
    let mut variables = vec![("NVIDIA_VISIBLE_DEVICES".to_owned(), places.clone())];
    if launch.spec.container.is_none() {
        variables.push(("CUDA_DEVICE_ORDER".to_owned(), "PCI_BUS_ID".to_owned()));
        variables.push(("CUDA_VISIBLE_DEVICES".to_owned(), places));
    }
    variables
}

/// The places of the task's GPUs among those of the machine; None when it has none, or nobody said which.
pub(crate) fn gpu_places(launch: &Launch) -> Option<Vec<String>> {
    let places = launch.gpu_slots.iter().map(|slot| slot.gpu.to_string());
    (!launch.gpu_slots.is_empty()).then(|| places.collect())
}

/// What Marathon sets. A framework sets such variables itself, or others.
fn of_app(launch: &Launch, app: &AppId, version: AppVersion, env: &mut BTreeMap<String, String>) {
    let spec = &launch.spec;
    let mut set = |name: &str, value: String| env.insert(name.to_owned(), value);
    set("HOST", launch.hostname.clone());
    set("MESOS_TASK_ID", launch.task.to_string());
    set("MARATHON_APP_ID", app.to_string());
    set("MARATHON_APP_VERSION", version_name(version.0.0));
    set("MARATHON_APP_RESOURCE_CPUS", spec.resources.cpus.to_string());
    set("MARATHON_APP_RESOURCE_MEM", spec.resources.mem.to_string());
    set("MARATHON_APP_RESOURCE_DISK", spec.resources.disk.to_string());
    set("MARATHON_APP_RESOURCE_GPUS", spec.resources.gpus.to_string());
    set("MARATHON_APP_LABELS", spec.labels.keys().map(|name| variable(name)).collect::<Vec<_>>().join(" "));
    for (name, value) in &spec.labels {
        set(&format!("MARATHON_APP_LABEL_{}", variable(name)), value.clone());
    }
    if let Some(Container::Docker(docker)) = &spec.container {
        set("MARATHON_APP_DOCKER_IMAGE", docker.image.clone());
    }
    for (name, value) in ports(&spec.ports, &launch.host_ports) {
        set(&name, value);
    }
}

/// PORT, PORT0, PORT1, …, PORTS, and PORT_NAME and PORT_80 for named ports and ports of the container. All of them
/// are the ports on the host.
fn ports(specs: &[PortSpec], host_ports: &[u16]) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    for (index, (spec, port)) in specs.iter().zip(host_ports).enumerate() {
        if let Some(in_container) = spec.container_port.filter(|port| *port != 0) {
            variables.push((format!("PORT_{in_container}"), port.to_string()));
        }
        if let Some(name) = &spec.name {
            variables.push((format!("PORT_{}", variable(name)), port.to_string()));
        }
        variables.push((format!("PORT{index}"), port.to_string()));
    }
    let all: Vec<String> = host_ports.iter().map(u16::to_string).collect();
    variables.extend(all.first().map(|first| ("PORT".to_owned(), first.clone())));
    variables.push(("PORTS".to_owned(), all.join(",")));
    variables
}

/// A name as shells can use it.
fn variable(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// `2026-05-09T07:29:33.000Z`, as Marathon names versions.
fn version_name(at_ms: u64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000);
    at.ok().and_then(|at| at.format(VERSION_FORMAT).ok()).unwrap_or_else(|| at_ms.to_string())
}

#[cfg(test)]
mod tests {
    use model::{DockerContainer, GpuSlot, GpuSlots, Network, PortProtocol, Scalar, Timestamp, WHOLE_GPU};

    use super::*;
    use crate::containerizer::fake::tests::launch;

    #[test]
    fn a_task_finds_its_ports_its_folder_and_its_app() {
        let mut launch = launch("t.1", "true");
        let port = |container_port, name: Option<&str>| PortSpec {
            container_port,
            host_port: 0,
            service_port: 0,
            protocol: PortProtocol::Tcp,
            name: name.map(str::to_owned),
            labels: BTreeMap::new(),
        };
        let version = AppVersion(Timestamp(1_425_000_000_123));
        launch.spec.owner = TaskOwner::App { app: AppId::parse("app").expect("an id"), version };
        launch.spec.ports = vec![port(Some(80), Some("http")), port(Some(0), None)];
        launch.host_ports = vec![31_005, 31_006];
        launch.spec.env = [("HOST", "mine"), ("A", "1")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        launch.spec.labels = [("my-label".to_owned(), "x".to_owned())].into();
        let env = of_task(&launch, Path::new("/mnt/mesos/sandbox"));
        for (name, value) in [
            ("A", "1"),
            ("HOST", "host-1"),
            ("MARATHON_APP_ID", "/app"),
            ("MARATHON_APP_LABEL_MY_LABEL", "x"),
            ("MARATHON_APP_LABELS", "MY_LABEL"),
            ("MARATHON_APP_VERSION", "2015-02-27T01:20:00.123Z"),
            ("MESOS_SANDBOX", "/mnt/mesos/sandbox"),
            ("MESOS_TASK_ID", "t.1"),
            ("PORT", "31005"),
            ("PORT0", "31005"),
            ("PORT1", "31006"),
            ("PORTS", "31005,31006"),
            ("PORT_80", "31005"),
            ("PORT_HTTP", "31005"),
        ] {
            assert_eq!(env.get(name).map(String::as_str), Some(value), "{name}");
        }
    }

    #[test]
    fn a_task_finds_its_gpus_unless_nobody_said_which() {
        let mut launch = launch("t.1", "true");
        launch.spec.resources.gpus = Scalar(1_500);
        launch.spec.env = [("CUDA_VISIBLE_DEVICES", "7"), ("NVIDIA_VISIBLE_DEVICES", "all")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let told = |launch: &Launch| {
            let env = of_task(launch, Path::new("/s"));
            ["CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"]
                .map(|name| env.get(name).cloned().unwrap_or_default())
        };
        assert_eq!(told(&launch), ["", "7", "all"], "from before GPUs were told apart");
        let slots = [GpuSlot { gpu: 1, share: WHOLE_GPU }, GpuSlot { gpu: 3, share: Scalar(500) }];
        launch.gpu_slots = GpuSlots::new(slots);
        assert_eq!(told(&launch), ["PCI_BUS_ID", "1,3", "1,3"]);
        launch.spec.env.clear();
        launch.spec.container = Some(Container::Docker(DockerContainer {
            image: "cuda".to_owned(),
            network: Network::Host,
            privileged: false,
            force_pull: false,
            parameters: Vec::new(),
            volumes: Vec::new(),
        }));
        assert_eq!(told(&launch), ["", "", "1,3"], "inside, they are 0 and 1");
    }

    #[test]
    fn a_framework_sets_its_own_variables_and_finds_its_own_id() {
        let mut launch = launch("F3.O7.mine", "true");
        launch.spec.owner =
            TaskOwner::Framework { framework: "c-0003".into(), own_id: "mine".into(), name: "n".into() };
        launch.spec.env = [("PORT0".to_owned(), "7".to_owned())].into();
        launch.host_ports = vec![31_005];
        let env = of_task(&launch, Path::new("/s"));
        let expected = [
            ("MESOS_DIRECTORY", "/s"),
            ("MESOS_FRAMEWORK_ID", "c-0003"),
            ("MESOS_SANDBOX", "/s"),
            ("MESOS_SLAVE_ID", "S0"),
            ("MESOS_TASK_ID", "mine"),
            ("PORT0", "7"),
        ];
        assert_eq!(env, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }
}
