//! The request to the engine that makes a task's container: a pure translation.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, HostConfig, HostConfigLogConfig, PortBinding, ResourcesUlimits,
};
use model::engine_option::{self, EngineOption};
use model::{DockerContainer, Invocation, Network, PortProtocol, VolumeMode};

use crate::containerizer::cgroup::Limits;
use crate::containerizer::{Launch, LaunchError};
use crate::environment;
use crate::folder::task_name;

/// Where a task finds its sandbox, as with Mesos.
pub(super) const SANDBOX: &str = "/mnt/mesos/sandbox";
pub(super) const TASK_LABEL: &str = "bayplan.task";
/// The work folder's own name: which agent of this machine the container belongs to.
pub(super) const FOLDER_LABEL: &str = "bayplan.folder";
pub(super) const SANDBOX_LABEL: &str = "bayplan.sandbox";
const CLUSTER_LABEL: &str = "bayplan.cluster";
const AGENT_LABEL: &str = "bayplan.agent";

pub(super) fn container_name(task: &model::TaskId) -> String {
    format!("bayplan-{}", task_name(task))
}

/// `folder` names the agent's work folder.
pub(super) fn container_body(
    launch: &Launch,
    docker: &DockerContainer,
    folder: &str,
) -> Result<ContainerCreateBody, LaunchError> {
    let limits = Limits::of(&launch.spec.resources);
    let mut host = HostConfig {
        cpu_shares: Some(limits.cpu_shares),
        memory: Some(limits.memory_bytes),
        network_mode: Some(network_mode(docker.network).to_owned()),
        binds: Some(binds(launch, docker)),
        privileged: docker.privileged.then_some(true),
        device_requests: gpus(launch),
        ..HostConfig::default()
    };
    let mut body = ContainerCreateBody {
        image: Some(docker.image.clone()),
        user: launch.spec.user.clone(),
        labels: Some(labels(launch, folder)),
        ..ContainerCreateBody::default()
    };
    let mut env = BTreeMap::new();
    for parameter in &docker.parameters {
        let option = engine_option::parse(&parameter.key, &parameter.value)
            .map_err(|reason| LaunchError::new(format!("container option --{}: {reason}", parameter.key)))?;
        match option {
            EngineOption::Env { name, value } => {
                env.insert(name, value);
            }
            option => {
                if let Some(option) = apply_to_body(&mut body, option).and_then(|rest| apply_to_host(&mut host, rest)) {
                    return Err(LaunchError::new(format!("container option {option:?} is not supported")));
                }
            }
        }
    }
    set_command(&mut body, &launch.spec.invocation);
    env.extend(environment::of_task(launch, Path::new(SANDBOX)));
    env.insert("MESOS_CONTAINER_NAME".to_owned(), container_name(&launch.task));
    body.env = Some(env.into_iter().map(|(name, value)| format!("{name}={value}")).collect());
    if docker.network == Network::Bridge {
        publish(launch, &mut body, &mut host);
    }
    body.host_config = Some(host);
    Ok(body)
}

const fn network_mode(network: Network) -> &'static str {
    match network {
        Network::Host => "host",
        Network::Bridge => "bridge",
    }
}

/// As `docker run --gpus '"device=0,2"'` asks for them.
fn gpus(launch: &Launch) -> Option<Vec<DeviceRequest>> {
    let device_ids = Some(environment::gpu_places(launch)?);
    let capabilities = Some(vec![vec!["gpu".to_owned()]]);
    Some(vec![DeviceRequest {
        driver: Some("nvidia".to_owned()),
        device_ids,
        capabilities,
        ..DeviceRequest::default()
    }])
}

fn binds(launch: &Launch, docker: &DockerContainer) -> Vec<String> {
    let mut binds = vec![format!("{}:{SANDBOX}:rw", launch.sandbox.display())];
    for volume in &docker.volumes {
        let mode = match volume.mode {
            VolumeMode::Ro => "ro",
            VolumeMode::Rw => "rw",
        };
        binds.push(format!("{}:{}:{mode}", volume.host_path, volume.container_path));
    }
    binds
}

fn labels(launch: &Launch, folder: &str) -> HashMap<String, String> {
    let labels = [
        (TASK_LABEL, launch.task.to_string()),
        (CLUSTER_LABEL, launch.identity.cluster.to_string()),
        (AGENT_LABEL, launch.identity.agent.to_string()),
        (FOLDER_LABEL, folder.to_owned()),
        (SANDBOX_LABEL, launch.sandbox.display().to_string()),
    ];
    labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A shell command takes the place of the image's entry point; arguments are given to it.
fn set_command(body: &mut ContainerCreateBody, invocation: &Invocation) {
    let shell = "/bin/sh".to_owned();
    match invocation {
        Invocation::Shell(line) if body.entrypoint.is_none() => {
            body.entrypoint = Some(vec![shell]);
            body.cmd = Some(vec!["-c".to_owned(), line.clone()]);
        }
        Invocation::Shell(line) => body.cmd = Some(vec![shell, "-c".to_owned(), line.clone()]),
        Invocation::Args(args) => body.cmd = Some(args.clone()),
        Invocation::ImageDefault => {}
    }
}

fn publish(launch: &Launch, body: &mut ContainerCreateBody, host: &mut HostConfig) {
    let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    for (spec, host_port) in launch.spec.ports.iter().zip(&launch.host_ports) {
        let inside = spec.container_port.filter(|port| *port != 0).unwrap_or(*host_port);
        let protocols: &[&str] = match spec.protocol {
            PortProtocol::Tcp => &["tcp"],
            PortProtocol::Udp => &["udp"],
            PortProtocol::Both => &["tcp", "udp"],
        };
        for protocol in protocols {
            let binding = PortBinding { host_ip: None, host_port: Some(host_port.to_string()) };
            let all = bindings.entry(format!("{inside}/{protocol}")).or_insert_with(|| Some(Vec::new()));
            all.get_or_insert_default().push(binding);
        }
    }
    if !bindings.is_empty() {
        let mut exposed: Vec<String> = bindings.keys().cloned().collect();
        exposed.sort();
        body.exposed_ports = Some(exposed);
        host.port_bindings = Some(bindings);
    }
}

/// Options that are the container's own; the rest is given back.
fn apply_to_body(body: &mut ContainerCreateBody, option: EngineOption) -> Option<EngineOption> {
    match option {
        EngineOption::Domainname(name) => body.domainname = Some(name),
        // An empty one takes the image's away.
        EngineOption::Entrypoint(program) => body.entrypoint = Some(vec![program]),
        EngineOption::Hostname(name) => body.hostname = Some(name),
        EngineOption::Label { name, value } => {
            body.labels.get_or_insert_default().entry(name).or_insert(value);
        }
        EngineOption::StopSignal(signal) => body.stop_signal = Some(signal),
        EngineOption::User(user) => body.user = Some(user),
        EngineOption::Workdir(path) => body.working_dir = Some(path),
        other => return Some(other),
    }
    None
}

/// Options that say how the host treats the container; the rest is given back.
fn apply_to_host(host: &mut HostConfig, option: EngineOption) -> Option<EngineOption> {
    use EngineOption as O;
    match option {
        O::AddHost(entry) => host.extra_hosts.get_or_insert_default().push(entry),
        O::BlkioWeight(weight) => host.blkio_weight = Some(weight),
        O::CapAdd(name) => host.cap_add.get_or_insert_default().push(name),
        O::CapDrop(name) => host.cap_drop.get_or_insert_default().push(name),
        O::CgroupParent(path) => host.cgroup_parent = Some(path),
        O::CpuPeriod(us) => host.cpu_period = Some(us),
        O::CpuQuota(us) => host.cpu_quota = Some(us),
        O::CpusetCpus(set) => host.cpuset_cpus = Some(set),
        O::CpusetMems(set) => host.cpuset_mems = Some(set),
        O::Device { on_host, in_container, permissions } => {
            host.devices.get_or_insert_default().push(DeviceMapping {
                path_on_host: Some(on_host),
                path_in_container: Some(in_container),
                cgroup_permissions: Some(permissions),
            });
        }
        O::Dns(address) => host.dns.get_or_insert_default().push(address),
        O::DnsOption(option) => host.dns_options.get_or_insert_default().push(option),
        O::DnsSearch(domain) => host.dns_search.get_or_insert_default().push(domain),
        O::GroupAdd(group) => host.group_add.get_or_insert_default().push(group),
        O::Init(on) => host.init = Some(on),
        O::Ipc(mode) => host.ipc_mode = Some(mode),
        O::LogDriver(name) => host.log_config.get_or_insert_with(no_log_config).typ = Some(name),
        O::LogOpt { name, value } => {
            let config = host.log_config.get_or_insert_with(no_log_config);
            config.config.get_or_insert_default().insert(name, value);
        }
        O::MemoryReservation(bytes) => host.memory_reservation = Some(bytes),
        O::MemorySwap(bytes) => host.memory_swap = Some(bytes),
        O::MemorySwappiness(percent) => host.memory_swappiness = Some(percent),
        O::OomKillDisable(on) => host.oom_kill_disable = Some(on),
        O::OomScoreAdj(score) => host.oom_score_adj = Some(score),
        O::Pid(mode) => host.pid_mode = Some(mode),
        O::PidsLimit(count) => host.pids_limit = Some(count),
        O::Privileged(on) => host.privileged = Some(on),
        O::ReadOnly(on) => host.readonly_rootfs = Some(on),
        O::Runtime(name) => host.runtime = Some(name),
        O::SecurityOpt(option) => host.security_opt.get_or_insert_default().push(option),
        O::ShmSize(bytes) => host.shm_size = Some(bytes),
        O::StorageOpt { name, value } => {
            host.storage_opt.get_or_insert_default().insert(name, value);
        }
        O::Sysctl { name, value } => {
            host.sysctls.get_or_insert_default().insert(name, value);
        }
        O::Tmpfs { path, options } => {
            host.tmpfs.get_or_insert_default().insert(path, options);
        }
        O::Ulimit { name, soft, hard } => {
            let limit = ResourcesUlimits { name: Some(name), soft: Some(soft), hard: Some(hard) };
            host.ulimits.get_or_insert_default().push(limit);
        }
        O::Userns(mode) => host.userns_mode = Some(mode),
        O::Uts(mode) => host.uts_mode = Some(mode),
        O::Volume(bind) => host.binds.get_or_insert_default().push(bind),
        other => return Some(other),
    }
    None
}

const fn no_log_config() -> HostConfigLogConfig {
    HostConfigLogConfig { typ: None, config: None }
}

#[cfg(test)]
mod tests {
    use model::{Container, GpuSlot, GpuSlots, Parameter, PortSpec, Resources, Scalar, Volume, WHOLE_GPU};
    use serde_json::{Value, json};

    use super::*;
    use crate::containerizer::fake::tests::launch;

    fn docker(network: Network) -> DockerContainer {
        DockerContainer {
            image: "libmesos/ubuntu".to_owned(),
            network,
            privileged: false,
            force_pull: false,
            parameters: Vec::new(),
            volumes: Vec::new(),
        }
    }

    fn request(launch: &Launch, docker: &DockerContainer) -> Value {
        let mut launch = launch.clone();
        launch.spec.container = Some(Container::Docker(docker.clone()));
        serde_json::to_value(container_body(&launch, docker, "folder-1").expect("a request")).expect("JSON")
    }

    fn port(container_port: u16, protocol: PortProtocol) -> PortSpec {
        let labels = BTreeMap::new();
        PortSpec { container_port: Some(container_port), host_port: 0, service_port: 0, protocol, name: None, labels }
    }

    /// `"cpus": 0.5, "mem": 300, "options": ["--privileged"]`, on a bridge with one port.
    #[test]
    fn the_form_of_2014_asks_for_privileges_half_a_cpu_and_its_port() {
        let mut launch = launch("docker-tester.1", "sleep 500");
        launch.spec.resources = Resources { cpus: Scalar(500), mem: Scalar::from_whole(300), ..Resources::default() };
        launch.spec.ports = vec![port(0, PortProtocol::Tcp)];
        launch.host_ports = vec![31_005];
        let options = engine_option::from_command_line(&["--privileged".to_owned()]).expect("options");
        let docker = DockerContainer { parameters: options, ..docker(Network::Bridge) };
        let sent = request(&launch, &docker);
        assert_eq!(sent["Image"], "libmesos/ubuntu");
        assert_eq!(sent["Entrypoint"], json!(["/bin/sh"]));
        assert_eq!(sent["Cmd"], json!(["-c", "sleep 500"]));
        assert_eq!(sent["ExposedPorts"], json!({"31005/tcp": {}}));
        let host = &sent["HostConfig"];
        assert_eq!(host["Privileged"], true);
        assert_eq!(host["CpuShares"], 512);
        assert_eq!(host["Memory"], 300 * 1024 * 1024);
        assert_eq!(host["NetworkMode"], "bridge");
        assert_eq!(host["PortBindings"], json!({"31005/tcp": [{"HostPort": "31005"}]}));
        assert_eq!(host["Binds"], json!(["/nonexistent:/mnt/mesos/sandbox:rw"]));
        let env = sent["Env"].as_array().expect("variables");
        for variable in ["PORT0=31005", "MESOS_SANDBOX=/mnt/mesos/sandbox", "MESOS_TASK_ID=docker-tester.1"] {
            assert!(env.contains(&json!(variable)), "{variable} in {env:?}");
        }
        let labels = &sent["Labels"];
        assert_eq!((&labels[TASK_LABEL], &labels[CLUSTER_LABEL]), (&json!("docker-tester.1"), &json!("c")));
        assert_eq!((&labels[AGENT_LABEL], &labels[FOLDER_LABEL]), (&json!("S0"), &json!("folder-1")));
    }

    #[test]
    fn ports_volumes_arguments_and_the_host_network_are_as_asked() {
        let mut launch = launch("t", "unused");
        launch.spec.invocation = Invocation::Args(vec!["-v".to_owned()]);
        launch.spec.ports = vec![port(80, PortProtocol::Tcp), port(53, PortProtocol::Both)];
        launch.host_ports = vec![31_000, 31_001];
        let volume = |mode| Volume { container_path: "/in".into(), host_path: "/out".into(), mode };
        let bridged = DockerContainer {
            volumes: vec![volume(VolumeMode::Ro), volume(VolumeMode::Rw)],
            ..docker(Network::Bridge)
        };
        let sent = request(&launch, &bridged);
        assert_eq!((&sent["Cmd"], &sent["Entrypoint"]), (&json!(["-v"]), &Value::Null));
        let bindings = json!({
            "80/tcp": [{"HostPort": "31000"}], "53/tcp": [{"HostPort": "31001"}], "53/udp": [{"HostPort": "31001"}],
        });
        assert_eq!(sent["HostConfig"]["PortBindings"], bindings);
        let binds = json!(["/nonexistent:/mnt/mesos/sandbox:rw", "/out:/in:ro", "/out:/in:rw"]);
        assert_eq!(sent["HostConfig"]["Binds"], binds);

        let on_host = request(&launch, &docker(Network::Host));
        assert_eq!(on_host["HostConfig"]["NetworkMode"], "host");
        assert_eq!(on_host["HostConfig"]["PortBindings"], Value::Null);
    }

    #[test]
    fn a_container_gets_the_gpus_that_it_was_given_and_no_others() {
        let mut launch = launch("t", "true");
        assert_eq!(request(&launch, &docker(Network::Host))["HostConfig"]["DeviceRequests"], Value::Null);
        launch.spec.resources.gpus = Scalar(2_000);
        launch.gpu_slots = GpuSlots::new([0, 2].map(|gpu| GpuSlot { gpu, share: WHOLE_GPU }));
        let sent = request(&launch, &docker(Network::Host));
        let wanted = json!([{"Driver": "nvidia", "DeviceIDs": ["0", "2"], "Capabilities": [["gpu"]]}]);
        assert_eq!(sent["HostConfig"]["DeviceRequests"], wanted);
        let env = sent["Env"].as_array().expect("variables");
        assert!(env.contains(&json!("NVIDIA_VISIBLE_DEVICES=0,2")), "{env:?}");
        assert!(!env.iter().any(|variable| variable.as_str().is_some_and(|text| text.starts_with("CUDA_"))), "{env:?}");
    }

    /// One value for each option that exists, and where it must arrive.
    #[test]
    fn every_option_has_its_place_in_the_request() {
        let cases = [
            ("add-host", "a:1.2.3.4", "HostConfig/ExtraHosts", json!(["a:1.2.3.4"])),
            ("blkio-weight", "100", "HostConfig/BlkioWeight", json!(100)),
            ("cap-add", "NET_ADMIN", "HostConfig/CapAdd", json!(["NET_ADMIN"])),
            ("cap-drop", "ALL", "HostConfig/CapDrop", json!(["ALL"])),
            ("cgroup-parent", "/p", "HostConfig/CgroupParent", json!("/p")),
            ("cpu-period", "100000", "HostConfig/CpuPeriod", json!(100_000)),
            ("cpu-quota", "50000", "HostConfig/CpuQuota", json!(50_000)),
            ("cpuset-cpus", "0-1", "HostConfig/CpusetCpus", json!("0-1")),
            ("cpuset-mems", "0", "HostConfig/CpusetMems", json!("0")),
            ("device", "/dev/fuse", "HostConfig/Devices/0/PathInContainer", json!("/dev/fuse")),
            ("dns", "9.9.9.9", "HostConfig/Dns", json!(["9.9.9.9"])),
            ("dns-option", "ndots:1", "HostConfig/DnsOptions", json!(["ndots:1"])),
            ("dns-search", "a.b", "HostConfig/DnsSearch", json!(["a.b"])),
            ("domainname", "a.b", "Domainname", json!("a.b")),
            ("entrypoint", "/run.sh", "Entrypoint", json!(["/run.sh"])),
            ("group-add", "audio", "HostConfig/GroupAdd", json!(["audio"])),
            ("hostname", "h", "Hostname", json!("h")),
            ("init", "", "HostConfig/Init", json!(true)),
            ("ipc", "host", "HostConfig/IpcMode", json!("host")),
            ("label", "a=b", "Labels/a", json!("b")),
            ("log-driver", "local", "HostConfig/LogConfig/Type", json!("local")),
            ("log-opt", "max-size=1m", "HostConfig/LogConfig/Config", json!({"max-size": "1m"})),
            ("memory-reservation", "64m", "HostConfig/MemoryReservation", json!(64 << 20)),
            ("memory-swap", "-1", "HostConfig/MemorySwap", json!(-1)),
            ("memory-swappiness", "10", "HostConfig/MemorySwappiness", json!(10)),
            ("oom-kill-disable", "true", "HostConfig/OomKillDisable", json!(true)),
            ("oom-score-adj", "500", "HostConfig/OomScoreAdj", json!(500)),
            ("pid", "host", "HostConfig/PidMode", json!("host")),
            ("pids-limit", "50", "HostConfig/PidsLimit", json!(50)),
            ("privileged", "false", "HostConfig/Privileged", json!(false)),
            ("read-only", "", "HostConfig/ReadonlyRootfs", json!(true)),
            ("runtime", "runc", "HostConfig/Runtime", json!("runc")),
            ("security-opt", "no-new-privileges", "HostConfig/SecurityOpt", json!(["no-new-privileges"])),
            ("shm-size", "64m", "HostConfig/ShmSize", json!(64 << 20)),
            ("stop-signal", "SIGINT", "StopSignal", json!("SIGINT")),
            ("storage-opt", "size=1G", "HostConfig/StorageOpt", json!({"size": "1G"})),
            ("sysctl", "net.core.somaxconn=9", "HostConfig/Sysctls", json!({"net.core.somaxconn": "9"})),
            ("tmpfs", "/run:size=1m", "HostConfig/Tmpfs", json!({"/run": "size=1m"})),
            ("ulimit", "nofile=10:20", "HostConfig/Ulimits/0", json!({"Name": "nofile", "Soft": 10, "Hard": 20})),
            ("user", "nobody", "User", json!("nobody")),
            ("userns", "host", "HostConfig/UsernsMode", json!("host")),
            ("uts", "host", "HostConfig/UTSMode", json!("host")),
            ("volume", "/a:/b:ro", "HostConfig/Binds/1", json!("/a:/b:ro")),
            ("workdir", "/srv", "WorkingDir", json!("/srv")),
        ];
        for (key, value, place, expected) in cases {
            let parameters = vec![Parameter { key: key.to_owned(), value: value.to_owned() }];
            let sent = request(&launch("t", "true"), &DockerContainer { parameters, ..docker(Network::Host) });
            assert_eq!(sent.pointer(&format!("/{place}")), Some(&expected), "--{key}={value}");
        }
    }

    #[test]
    fn the_agents_variables_and_labels_win() {
        let option = |key: &str, value: &str| Parameter { key: key.to_owned(), value: value.to_owned() };
        let parameters =
            vec![option("env", "MESOS_TASK_ID=x"), option("env", "MINE=1"), option("label", "bayplan.task=x")];
        let sent = request(&launch("t", "true"), &DockerContainer { parameters, ..docker(Network::Host) });
        let env = sent["Env"].as_array().expect("variables");
        assert!(env.contains(&json!("MESOS_TASK_ID=t")) && env.contains(&json!("MINE=1")), "{env:?}");
        assert_eq!(sent["Labels"][TASK_LABEL], "t");
    }
}
