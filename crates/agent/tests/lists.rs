//! An agent and a master that says what the test wants it to say, in the order that the test wants.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use agent::{Config, Containerizers, FakeContainerizer, Shutdown};
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use model::{
    AgentId, AppId, AppVersion, ClusterId, Epoch, GpuSlots, Invocation, Resources, Seq, StatusUpdate, TaskId, TaskState,
};
use protocol::agent::{
    Acknowledgement, AgentEvent, AgentIdentity, Desired, DesiredTask, Mark, STATUS_PATH, SUBSCRIBE_PATH, StatusReport,
    TaskOwner, TaskSpec,
};
use tokio::sync::{Mutex, mpsc, oneshot};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(30);

type Reported = (StatusReport, oneshot::Sender<Acknowledgement>);

/// The master's side of one session.
struct Master {
    events: mpsc::Sender<AgentEvent>,
    reports: mpsc::Receiver<Reported>,
    url: String,
}

#[derive(Clone)]
struct Routes {
    events: Arc<Mutex<mpsc::Receiver<AgentEvent>>>,
    reports: mpsc::Sender<Reported>,
}

async fn subscribe(State(routes): State<Routes>) -> Body {
    Body::from_stream(futures_util::stream::unfold(routes, |routes| async move {
        let event = routes.events.lock().await.recv().await?;
        let line = serde_json::to_string(&event).expect("plain data") + "\n";
        Some((Ok::<_, Infallible>(line), routes))
    }))
}

async fn take_report(State(routes): State<Routes>, Json(report): Json<StatusReport>) -> Json<Acknowledgement> {
    let (answer, answered) = oneshot::channel();
    routes.reports.send((report, answer)).await.expect("the test takes reports");
    Json(answered.await.expect("the test answers"))
}

impl Master {
    async fn start() -> Self {
        let (events, told) = mpsc::channel(16);
        let (report, reports) = mpsc::channel(16);
        let routes = Routes { events: Arc::new(Mutex::new(told)), reports: report };
        let router = Router::new().route(SUBSCRIBE_PATH, post(subscribe)).route(STATUS_PATH, post(take_report));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, router.with_state(routes)).await });
        let master = Self { events, reports, url };
        master.say(AgentEvent::Subscribed { identity: identity(), heartbeat_interval_ms: 60_000 }).await;
        master
    }

    async fn say(&self, event: AgentEvent) {
        self.events.send(event).await.expect("the session is open");
    }

    async fn want(&self, seq: u64, tasks: &[(&str, &str)]) {
        let tasks = tasks.iter().map(|(id, command)| task(id, command)).collect();
        self.say(AgentEvent::Desired(Desired { cluster: identity().cluster, mark: mark(seq), tasks })).await;
    }

    /// The next report that says of a task that it is in a state; what comes before it is acknowledged at `seq`.
    async fn hear(
        &mut self,
        id: &str,
        state: TaskState,
        seq: u64,
    ) -> (Vec<StatusUpdate>, oneshot::Sender<Acknowledgement>) {
        loop {
            let next = tokio::time::timeout(DEADLINE, self.reports.recv()).await;
            let next = next.unwrap_or_else(|_| panic!("nobody said of {id} that it is {state}"));
            let (report, answer) = next.expect("the routes are there");
            if report.updates.iter().any(|update| update.task.as_str() == id && update.status.state == state) {
                return (report.updates, answer);
            }
            acknowledge(&report.updates, answer, seq);
        }
    }
}

fn acknowledge(updates: &[StatusUpdate], answer: oneshot::Sender<Acknowledgement>, seq: u64) {
    let updates = updates.iter().map(|update| update.id.clone()).collect();
    answer.send(Acknowledgement { updates, mark: mark(seq) }).expect("somebody waits for it");
}

fn identity() -> AgentIdentity {
    AgentIdentity { cluster: ClusterId::new("c"), agent: AgentId(0) }
}

fn mark(seq: u64) -> Mark {
    Mark { epoch: Epoch(1), seq: Seq(seq) }
}

fn task(id: &str, command: &str) -> DesiredTask {
    let spec = TaskSpec {
        owner: TaskOwner::App { app: AppId::parse("app").expect("an id"), version: AppVersion::default() },
        invocation: Invocation::Shell(command.to_owned()),
        container: None,
        user: None,
        env: BTreeMap::new(),
        labels: BTreeMap::new(),
        resources: Resources::default(),
        ports: Vec::new(),
        kill_grace_ms: 100,
    };
    let (id, state) = (TaskId::new(id), TaskState::Staging);
    DesiredTask { id, state, kill: None, spec: Arc::new(spec), host_ports: Vec::new(), gpu_slots: GpuSlots::none() }
}

/// The list that launches a task may be on its way while the start of another one is acknowledged with a later mark. No
/// other list would follow, because nothing else is wanted.
#[tokio::test]
async fn a_list_that_is_overtaken_by_the_acknowledgement_of_a_start_is_obeyed() {
    let mut master = Master::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config {
        listen: "127.0.0.1:0".parse().expect("an address"),
        containerizers: Containerizers::Fake(Arc::new(FakeContainerizer::default())),
        ..Config::new(vec![master.url.clone()], folder.path().to_owned())
    };
    let (stop, stopped) = oneshot::channel::<Shutdown>();
    let agent = tokio::spawn(agent::run(config, async { stopped.await.expect("it is told how") }));

    let (first, brief) = (("first", "sleep 1000"), ("brief", "sleep 0.2"));
    master.want(10, &[first, brief]).await;
    // Reports follow one another, so when this one has come, the start of the first task is acknowledged.
    let (updates, answer) = master.hear("brief", TaskState::Finished, 12).await;
    master.want(11, &[first, brief, ("second", "sleep 1000")]).await;
    acknowledge(&updates, answer, 11);
    let (updates, answer) = master.hear("second", TaskState::Running, 13).await;
    acknowledge(&updates, answer, 13);

    stop.send(Shutdown::StopTasks).expect("the agent runs");
    agent.await.expect("no panic").expect("it ends well");
}
