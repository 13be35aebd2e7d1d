//! Starts, kills and asks a cluster of real processes.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// Longer than anything here takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The binary under test.
pub(crate) fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.parent().and_then(Path::parent).expect("tests lie in a folder of the target folder");
    let binary = folder.join("bayplan");
    assert!(binary.exists(), "{} is not built: run `cargo build -p bayplan`, or `make test`", binary.display());
    binary
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

/// A process of the cluster. Dropping it kills it, but not its tasks.
pub(crate) struct Node {
    child: Child,
}

impl Node {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let child = Command::new(binary())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary starts");
        Self { child }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).expect("the process is there");
    }

    pub(crate) fn kill_9(&mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait().expect("it is a child");
    }

    /// Waits until it has ended by itself; true when it says that all went well.
    pub(crate) fn ended_well(&mut self) -> bool {
        let status = eventually("the process ends", || self.child.try_wait().expect("it is a child"));
        status.success()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// A folder and ports for one `bayplan dev`.
pub(crate) struct Cluster {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) operator: u16,
    pub(crate) marathon: u16,
    pub(crate) agent: u16,
    node: Option<Node>,
    extra: Vec<String>,
}

impl Cluster {
    /// A whole cluster in one process. Every test has a range of task ports of its own.
    pub(crate) fn dev(task_ports: &str, extra: &[&str]) -> Self {
        let mut cluster = Self::idle(extra);
        cluster.extra.extend(["--resources".to_owned(), format!("cpus:8;mem:8000;ports:[{task_ports}]")]);
        cluster.start();
        cluster
    }

    fn idle(extra: &[&str]) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            operator: free_port(),
            marathon: free_port(),
            agent: free_port(),
            node: None,
            extra: extra.iter().map(|&argument| argument.to_owned()).collect(),
        }
    }

    /// A master alone; agents join by [`Cluster::join`].
    pub(crate) fn master(extra: &[&str]) -> Self {
        let mut cluster = Self::idle(extra);
        let (operator, marathon) = (cluster.address(cluster.operator), cluster.address(cluster.marathon));
        let folder = cluster.path("master");
        let mut arguments = vec!["master", "--dir", &folder, "--listen", &operator, "--marathon-listen", &marathon];
        arguments.extend(cluster.extra.iter().map(String::as_str));
        cluster.node = Some(Node::start(&arguments));
        cluster.wait_until_it_answers();
        cluster
    }

    pub(crate) fn start(&mut self) {
        let (operator, marathon, agent) =
            (self.address(self.operator), self.address(self.marathon), self.address(self.agent));
        let folder = self.path("dev");
        let mut arguments = vec!["dev", "--dir", &folder, "--listen", &operator, "--marathon-listen", &marathon];
        arguments.extend(["--agent-listen", &agent, "--hostname", "localhost"]);
        arguments.extend(self.extra.iter().map(String::as_str));
        self.node = Some(Node::start(&arguments));
        self.wait_until_it_answers();
    }

    fn wait_until_it_answers(&self) {
        eventually("the cluster answers", || self.try_get("/ping").map(drop));
    }

    pub(crate) fn join(&self, hostname: &str, ports: &str) -> Node {
        let (folder, listen, master) =
            (self.path(hostname), self.address(free_port()), format!("http://{}", self.address(self.operator)));
        let resources = format!("cpus:4;mem:4000;ports:[{ports}]");
        let arguments = ["agent", "--master", &master, "--work-dir", &folder, "--listen", &listen];
        let mut arguments = arguments.to_vec();
        arguments.extend(["--hostname", hostname, "--resources", &resources]);
        Node::start(&arguments)
    }

    pub(crate) fn node(&mut self) -> &mut Node {
        self.node.as_mut().expect("the cluster was started")
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn address(&self, port: u16) -> String {
        format!("127.0.0.1:{port}")
    }

    /// Marathon's API: the status code and the body.
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&str>) -> (u16, Value) {
        let answer = self.try_call(method, path, body);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    fn try_call(&self, method: &str, path: &str, body: Option<&str>) -> Result<(u16, Value), reqwest::Error> {
        let url = format!("http://{}{path}", self.address(self.marathon));
        let method = method.parse().expect("a method");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut request = reqwest::Client::new().request(method, url).timeout(DEADLINE);
            if let Some(body) = body {
                request = request.header("content-type", "application/json").body(body.to_owned());
            }
            let answer = request.send().await?;
            let status = answer.status().as_u16();
            let text = answer.text().await?;
            Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
        })
    }

    pub(crate) fn try_get(&self, path: &str) -> Option<Value> {
        self.try_call("GET", path, None).ok().filter(|(status, _)| *status == 200).map(|(_, body)| body)
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, body) = self.call("GET", path, None);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// The command line, asked for JSON.
    pub(crate) fn cli(&self, arguments: &[&str]) -> std::process::Output {
        let master = format!("http://{}", self.address(self.operator));
        Command::new(binary()).args(["--master", &master]).args(arguments).output().expect("the binary runs")
    }

    /// Every event of the log, as one text per record.
    pub(crate) fn events(&self) -> Vec<Value> {
        let output = self.cli(&["--json", "events"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
    }

    /// The ids of an app's tasks that run.
    pub(crate) fn running(&self, app: &str) -> BTreeSet<String> {
        let tasks = self.try_get(&format!("/v2/apps/{app}/tasks"));
        let tasks = tasks.as_ref().and_then(|tasks| tasks["tasks"].as_array()).cloned().unwrap_or_default();
        let running = tasks.iter().filter(|task| task["state"] == "TASK_RUNNING");
        running.filter_map(|task| task["id"].as_str().map(str::to_owned)).collect()
    }

    pub(crate) fn wait_for_running(&self, app: &str, count: usize) -> BTreeSet<String> {
        eventually(&format!("{count} instances of {app} run"), || {
            let running = self.running(app);
            (running.len() == count).then_some(running)
        })
    }

    pub(crate) fn deploy(&self, body: &str) {
        let (status, answer) = self.call("POST", "/v2/apps", Some(body));
        assert_eq!(status, 201, "{answer}");
    }

    /// What a task printed to a file of its sandbox.
    pub(crate) fn logs(&self, task: &str) -> String {
        let output = self.cli(&["task", "logs", task]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Cluster {
    /// A user's Ctrl-C, so that no test leaves tasks behind.
    fn drop(&mut self) {
        if let Some(node) = self.node.as_mut() {
            if node.child.try_wait().ok().flatten().is_some() {
                return;
            }
            node.signal(Signal::SIGINT);
            let until = Instant::now() + DEADLINE;
            while node.child.try_wait().ok().flatten().is_none() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// Looks again and again until there is an answer.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "it did not come about that {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
