//! A master, its Marathon API without a socket, and agents on which every task runs at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use eventlog::{EventLog, FaultyLog, MemoryLog};
use master::{Config, Handle, Running};
use model::{AgentDescription, Resources, Scalar, StatusUpdate, TaskState, TaskStatus, Timestamp, UpdateId};
use protocol::agent::{AgentEvent, AgentIdentity, DesiredTask, StatusReport, Subscribe};
use serde_json::Value;
use tower::ServiceExt;

use crate::curl::Curl;

/// How long anything may take that should happen soon.
const SOON: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(5);

pub(crate) struct Cluster {
    pub(crate) master: Handle,
    pub(crate) log: FaultyLog<MemoryLog>,
    router: Router,
    _running: Running,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        Self::start_on(FaultyLog::new(MemoryLog::default())).await
    }

    async fn start_on(log: FaultyLog<MemoryLog>) -> Self {
        let (master, running) = master::start(Arc::new(log.clone()), Config::default()).await.expect("starts");
        let router = api::guard(api::marathon::router(master.clone()), None);
        Self { master, log, router, _running: running }
    }

    pub(crate) async fn with_agents(hostnames: &[&str]) -> Self {
        let cluster = Self::start().await;
        for hostname in hostnames {
            tokio::spawn(play_agent(cluster.master.clone(), (*hostname).to_owned()));
        }
        let wanted = hostnames.len();
        cluster.until("the agents are there", || cluster.master.read().agents.len() == wanted).await;
        cluster
    }

    /// As typed, without a shell.
    pub(crate) async fn curl(&self, command: &str) -> Answer {
        let Curl { method, url, headers, body } = Curl::parse(command);
        let path = url.trim_start_matches("http://");
        let path = path.find('/').map_or("/", |at| &path[at..]);
        let mut request = Request::builder().method(method.as_str()).uri(path).header("Host", "localhost:8080");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        self.send(request.body(Body::from(body)).expect("a request")).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        answer_of(self.router.clone(), request).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        let request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned()));
        self.send(request.expect("a request")).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.call("GET", path, "").await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        answer.json()
    }

    /// Puts or posts something that must be accepted.
    pub(crate) async fn change(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.call(method, path, &body.to_string()).await;
        assert!(answer.status.is_success(), "{method} {path}: {} {}", answer.status, answer.text());
        answer.json()
    }

    /// Waits for every deployment to end.
    pub(crate) async fn settle(&self) {
        self.until("deployments end", || {
            let state = self.master.read();
            state.deployments.is_empty() && state.unsettled_apps().is_empty()
        })
        .await;
    }

    pub(crate) async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let deadline = Instant::now() + SOON;
        while !holds() {
            assert!(Instant::now() < deadline, "not in time: {what}");
            tokio::time::sleep(POLL).await;
        }
    }
}

pub(crate) async fn answer_of(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.expect("a router answers always");
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body").to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

async fn play_agent(master: Handle, hostname: String) {
    let description = AgentDescription {
        hostname: hostname.clone(),
        resources: Resources {
            cpus: Scalar::from_whole(8),
            mem: Scalar::from_whole(8192),
            disk: Scalar::from_whole(8192),
            gpus: Scalar::ZERO,
            ports: "31000-31999".parse().expect("ports"),
            gpu_slots: model::GpuSlots::none(),
        },
        attributes: Default::default(),
        address: format!("{hostname}:5051"),
        containerizers: vec!["process".to_owned(), "docker".to_owned()],
    };
    let subscribe = Subscribe { identity: None, description };
    let mut events = master.subscribe_agent(subscribe).await.expect("subscribed");
    let mut own: Option<AgentIdentity> = None;
    while let Some(event) = events.recv().await {
        match (event, &own) {
            (AgentEvent::Subscribed { identity, .. }, _) => own = Some(identity),
            (AgentEvent::Desired(desired), Some(identity)) => {
                let updates: Vec<StatusUpdate> = desired.tasks.iter().filter_map(played).collect();
                if !updates.is_empty() {
                    let report = StatusReport { identity: identity.clone(), updates };
                    master.report(report).await.expect("reported");
                }
            }
            _ => {}
        }
    }
}

fn played(task: &DesiredTask) -> Option<StatusUpdate> {
    let state = match (task.kill, task.state) {
        (Some(_), _) => TaskState::Killed,
        (None, TaskState::Staging) => TaskState::Running,
        _ => return None,
    };
    Some(StatusUpdate {
        id: UpdateId::new(format!("{}-{state}", task.id)),
        task: task.id.clone(),
        observed_at: Timestamp(1),
        status: TaskStatus { state, reason: None, message: None, exit: None },
    })
}

/// Everything that is appended from now on is refused.
pub(crate) fn break_log<L: EventLog>(log: &FaultyLog<L>, reason: &str) {
    log.always(eventlog::Fault::Refuse(eventlog::AppendError::Full { reason: reason.to_owned() }));
}
