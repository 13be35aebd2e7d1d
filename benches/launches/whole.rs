//! A whole cluster in this process, over real sockets and a real log: what somebody who deploys an app waits for.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::{AgentError, Containerizers, DockerEngine, FakeContainerizer, Shutdown};
use api::operator::{AgentFiles, Operator};
use bayplan_benches::{Table, number};
use eventlog::{Options, RocksLog};
use master::{Handle, Running};
use model::TaskState;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{CGROUP_PARENT, docker};

const DEADLINE: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// None of the tasks listens on its port.
const RESOURCES: &str = "cpus:1000;mem:1000000;disk:1000000;ports:[21000-29999]";

pub(crate) async fn measure(folder: &Path, with_docker: bool) -> Table {
    let mut table = Table::new(
        1,
        [
            "containerizer",
            "instances",
            "request answered (ms)",
            "all launches durable (ms)",
            "all running, durable (ms)",
            "launches/s",
        ],
    );
    let container = json!({"type": "DOCKER", "docker": {"image": docker::IMAGE, "network": "HOST"}});
    let mut cases = vec![
        ("process", 1, Value::Null),
        ("process", 200, Value::Null),
        ("process", 500, Value::Null),
        ("pretended", 200, Value::Null),
        ("pretended", 2_000, Value::Null),
    ];
    if with_docker {
        cases.push(("docker", 1, container.clone()));
        cases.push(("docker", 16, container));
    }
    for (name, instances, container) in cases {
        eprintln!("the whole way: {instances} x {name}");
        let cluster = Cluster::start(&folder.join(format!("{name}-{instances}")), name).await;
        let [answered, launched, running] = cluster.deploy(instances, &container).await;
        cluster.stop().await;
        let ms = |took: Duration| number(took.as_secs_f64() * 1_000.0);
        let rate = number(f64::from(instances) / running.as_secs_f64());
        table.row([name.to_owned(), instances.to_string(), ms(answered), ms(launched), ms(running), rate]);
    }
    table
}

struct Cluster {
    handle: Handle,
    running: Running,
    address: SocketAddr,
    stopping: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
    agent: JoinHandle<Result<(), AgentError>>,
    shutdown: oneshot::Sender<Shutdown>,
}

impl Cluster {
    async fn start(folder: &Path, containerizer: &str) -> Self {
        let log = RocksLog::open(folder.join("log"), Options::default()).await.expect("the log opens");
        let (handle, running) = master::start(Arc::new(log), master::Config::default()).await.expect("it leads");
        let stopping = CancellationToken::new();
        let asked = Operator {
            addresses: None,
            handle: handle.clone(),
            metrics: Arc::new(String::new),
            files: AgentFiles::new(reqwest::Client::new(), None),
            stopping: stopping.clone(),
        };
        let router = api::operator::router(asked).merge(api::marathon::router(handle.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let serving = api::serve(listener, api::guard(router, None), stopping.clone().cancelled_owned());
        let (shutdown, told) = oneshot::channel();
        let told = async { told.await.unwrap_or(Shutdown::StopTasks) };
        let config = agent_config(address, folder.join("agent"), containerizer);
        let cluster = Self {
            handle,
            running,
            address,
            stopping,
            server: tokio::spawn(serving),
            agent: tokio::spawn(agent::run(config, told)),
            shutdown,
        };
        let kind = if containerizer == "docker" { "docker" } else { "process" };
        cluster
            .until(|state| {
                state.agents.values().any(|agent| agent.description.containerizers.iter().any(|k| k == kind))
            })
            .await;
        cluster
    }

    /// How long it takes until the request is answered, until all launches are durable, and until all tasks run.
    async fn deploy(&self, instances: u32, container: &Value) -> [Duration; 3] {
        let mut app = json!({"id": "bench", "cmd": "exec sleep 300", "cpus": 0.1, "mem": 32, "instances": instances});
        if !container.is_null() {
            app["container"] = container.clone();
        }
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let request = http.post(format!("http://{}/v2/apps", self.address)).json(&app);
        let began_at = Instant::now();
        let answer = request.send().await.expect("an answer");
        let answered = began_at.elapsed();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
        self.until(|state| state.tasks.len() == instances as usize).await;
        let launched = began_at.elapsed();
        self.until(|state| state.active_by_state().get(&TaskState::Running) == Some(&instances)).await;
        [answered, launched, began_at.elapsed()]
    }

    async fn until(&self, holds: impl Fn(&state::State) -> bool) {
        let all = async {
            while !holds(&self.handle.read()) {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(DEADLINE, all).await.expect("it holds in time");
    }

    /// The master goes first, so that it replaces nothing.
    async fn stop(self) {
        self.stopping.cancel();
        self.running.stop().await;
        self.server.await.expect("no panic").expect("it served");
        let _ended = self.shutdown.send(Shutdown::StopTasks);
        self.agent.await.expect("no panic").expect("the agent stops");
    }
}

fn agent_config(master: SocketAddr, folder: PathBuf, containerizer: &str) -> agent::Config {
    let mut config = agent::Config::new(vec![format!("http://{master}")], folder);
    config.listen.set_port(0);
    config.hostname = Some("localhost".to_owned());
    config.resources = Some(RESOURCES.to_owned());
    config.cgroup_parent = Some(CGROUP_PARENT.to_owned());
    config.containerizers = match containerizer {
        "pretended" => Containerizers::Fake(Arc::new(FakeContainerizer::default())),
        "docker" => Containerizers::Real { docker: DockerEngine::Local },
        _ => Containerizers::Real { docker: DockerEngine::Off },
    };
    config
}
