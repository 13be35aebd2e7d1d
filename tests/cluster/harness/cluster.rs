//! A cluster of one process, or of a master and the agents that join it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::Value;

use super::{
    Answer, DEADLINE, History, LOOK_AGAIN, Node, all_of, bayplan, eventually, free_port, kill_everything_of,
    processes_of, request,
};

pub(crate) struct Cluster {
    /// What its processes say, and everything they keep unless they keep it elsewhere.
    folder: tempfile::TempDir,
    /// Where they keep what they keep.
    root: PathBuf,
    operator: u16,
    marathon: u16,
    node: Option<Node>,
    token_file: Option<PathBuf>,
}

impl Cluster {
    /// A whole cluster in one process, without Docker. Every test has a range of task ports of its own.
    pub(crate) fn dev(task_ports: &str, extra: &[&str]) -> Self {
        let mut cluster = Self::idle(None);
        cluster.start_dev(task_ports, &[&["--docker", "off"], extra].concat());
        cluster.wait_until_it_answers();
        cluster
    }

    /// The same with the Docker engine of this machine.
    pub(crate) fn with_docker(task_ports: &str) -> Self {
        let mut cluster = Self::idle(None);
        cluster.start_dev(task_ports, &[]);
        cluster.wait_until_it_answers();
        cluster
    }

    /// A whole cluster that keeps everything in `root`.
    pub(crate) fn dev_in(root: &Path, task_ports: &str, extra: &[&str]) -> Self {
        let mut cluster = Self::idle(Some(root));
        cluster.start_dev(task_ports, &[&["--docker", "off"], extra].concat());
        cluster.wait_until_it_answers();
        cluster
    }

    /// A master alone; agents join by [`Cluster::join`].
    pub(crate) fn master(extra: &[&str]) -> Self {
        let mut cluster = Self::idle(None);
        let (operator, marathon) = (address(cluster.operator), address(cluster.marathon));
        let folder = cluster.path("master");
        let arguments = ["master", "--dir", &folder, "--listen", &operator, "--marathon-listen", &marathon];
        cluster.node = Some(cluster.spawn("master", &[&arguments, extra].concat()));
        cluster.wait_until_it_answers();
        cluster
    }

    /// A master that listens on all addresses, and therefore has a token.
    pub(crate) fn master_for_all(token_file: &Path) -> Self {
        let mut cluster = Self::idle(None);
        cluster.token_file = Some(token_file.to_owned());
        let [operator, marathon] = [cluster.operator, cluster.marathon].map(|port| format!("0.0.0.0:{port}"));
        let (folder, token_file) = (cluster.path("master"), token_file.display().to_string());
        let arguments = ["master", "--dir", &folder, "--listen", &operator, "--marathon-listen", &marathon];
        cluster.node = Some(cluster.spawn("master", &[&arguments[..], &["--token-file", &token_file]].concat()));
        cluster.wait_until_it_answers();
        cluster
    }

    fn idle(root: Option<&Path>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = root.unwrap_or(folder.path()).to_owned();
        Self { folder, root, operator: free_port(), marathon: free_port(), node: None, token_file: None }
    }

    fn start_dev(&mut self, task_ports: &str, extra: &[&str]) {
        let [operator, marathon, agent] = [self.operator, self.marathon, free_port()].map(address);
        let (folder, resources) = (self.path("dev"), format!("cpus:8;mem:8000;ports:[{task_ports}]"));
        let arguments = ["dev", "--dir", &folder, "--listen", &operator, "--marathon-listen", &marathon];
        let more = ["--agent-listen", &agent, "--hostname", "localhost", "--resources", &resources];
        self.node = Some(self.spawn("dev", &[&arguments[..], &more, extra].concat()));
    }

    fn spawn(&self, name: &str, arguments: &[&str]) -> Node {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Node::start(self.folder.path().join(format!("{name}.out")), arguments)
    }

    /// Sends a signal and does not wait for what comes of it.
    pub(crate) fn signal(&self, signal: Signal) {
        self.node.as_ref().expect("the cluster was started").signal(signal);
    }

    /// Starts it again as it was, once it has ended.
    pub(crate) fn start(&mut self) {
        self.start_by(&[]);
    }

    /// The same, by a program that becomes the one that follows.
    pub(crate) fn start_by(&mut self, program: &[&str]) {
        self.node().ended();
        self.node().start_again_by(program);
        self.wait_until_it_answers();
    }

    fn wait_until_it_answers(&mut self) {
        eventually("the cluster answers", || {
            let ended = self.node.as_mut().is_some_and(Node::has_ended);
            assert!(!ended, "it ended: {}", self.node().logged());
            self.try_call("GET", "/ping", None).ok().filter(|answer| answer.status == 200).map(drop)
        });
    }

    /// An agent, without Docker.
    pub(crate) fn join(&self, hostname: &str, ports: &str, extra: &[&str]) -> Node {
        self.join_with(hostname, &format!("cpus:4;mem:4000;ports:[{ports}]"), extra)
    }

    /// The same with these resources.
    pub(crate) fn join_with(&self, hostname: &str, resources: &str, extra: &[&str]) -> Node {
        let (folder, listen, master) = (self.path(hostname), address(free_port()), self.operator_url());
        let arguments = ["agent", "--master", &master, "--work-dir", &folder, "--listen", &listen, "--docker", "off"];
        let more = ["--hostname", hostname, "--resources", resources];
        self.spawn(hostname, &[&arguments[..], &more, extra].concat())
    }

    /// Waits until so many agents are connected.
    pub(crate) fn wait_for_agents(&self, count: usize) {
        eventually(&format!("{count} agents are connected"), || {
            let output = self.cli(&["--json", "agent", "list"]);
            let listed: Value = serde_json::from_slice(&output.stdout).ok()?;
            let agents = listed["agents"].as_array()?;
            (agents.iter().filter(|agent| agent["connection"] == "connected").count() == count).then_some(())
        });
    }

    /// A user's Ctrl-C; true when it ran, and then ended.
    pub(crate) fn stop(&mut self) -> bool {
        let Some(node) = self.node.as_mut() else { return false };
        if node.has_ended() {
            return false;
        }
        node.signal(Signal::SIGINT);
        let until = Instant::now() + DEADLINE;
        while !node.has_ended() && Instant::now() < until {
            std::thread::sleep(LOOK_AGAIN);
        }
        node.has_ended()
    }

    pub(crate) fn node(&mut self) -> &mut Node {
        self.node.as_mut().expect("the cluster was started")
    }

    /// A path in the folder where the cluster keeps everything.
    pub(crate) fn path(&self, name: &str) -> String {
        self.root.join(name).display().to_string()
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn marathon_port(&self) -> u16 {
        self.marathon
    }

    pub(crate) fn operator_url(&self) -> String {
        format!("http://{}", address(self.operator))
    }

    fn token(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.token_file.as_ref()?).expect("the token's file");
        Some(text.trim().to_owned())
    }

    /// Marathon's API.
    pub(crate) fn try_call(&self, method: &str, path: &str, body: Option<&str>) -> Result<Answer, reqwest::Error> {
        let url = format!("http://{}{path}", address(self.marathon));
        request(method, &url, self.token().as_deref(), body)
    }

    /// Marathon's API: the status code and the body.
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&str>) -> (u16, Value) {
        let answer = self.try_call(method, path, body);
        let answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        (answer.status, answer.json())
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, body) = self.call("GET", path, None);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub(crate) fn deploy(&self, body: &str) {
        let (status, answer) = self.call("POST", "/v2/apps", Some(body));
        assert_eq!(status, 201, "{answer}");
    }

    pub(crate) fn destroy(&self, app: &str) {
        let (status, answer) = self.call("DELETE", &format!("/v2/apps/{app}"), None);
        assert_eq!(status, 200, "{answer}");
        eventually("everything is over", || {
            self.get("/v2/deployments").as_array().expect("a list").is_empty().then_some(())
        });
    }

    pub(crate) fn cli(&self, arguments: &[&str]) -> Output {
        let mut command = bayplan();
        command.args(["--master", &self.operator_url()]);
        if let Some(file) = &self.token_file {
            command.arg("--token-file").arg(file);
        }
        command.args(arguments).output().expect("the binary runs")
    }

    /// What a command says; it must succeed.
    pub(crate) fn told(&self, arguments: &[&str]) -> String {
        let output = self.cli(arguments);
        assert!(output.status.success(), "bayplan {}: {}", arguments.join(" "), all_of(&output));
        all_of(&output)
    }

    /// Everything in the log.
    pub(crate) fn history(&self) -> History {
        let url = format!("{}/api/v1/events?from=1", self.operator_url());
        let answer = request("GET", &url, self.token().as_deref(), None).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text);
        let lines = answer.text.lines().filter(|line| !line.is_empty());
        History(lines.map(|line| serde_json::from_str(line).expect("a record")).collect())
    }

    /// The tasks of an app that run.
    pub(crate) fn running_tasks(&self, app: &str) -> Vec<Value> {
        let answer = self.try_call("GET", &format!("/v2/apps/{app}/tasks"), None);
        let tasks = answer.ok().map(|answer| answer.json()["tasks"].as_array().cloned().unwrap_or_default());
        tasks.unwrap_or_default().into_iter().filter(|task| task["state"] == "TASK_RUNNING").collect()
    }

    /// The ids of an app's tasks that run.
    pub(crate) fn running(&self, app: &str) -> BTreeSet<String> {
        let tasks = self.running_tasks(app);
        tasks.iter().filter_map(|task| task["id"].as_str().map(str::to_owned)).collect()
    }

    pub(crate) fn wait_for_running(&self, app: &str, count: usize) -> BTreeSet<String> {
        eventually(&format!("{count} instances of {app} run"), || {
            let running = self.running(app);
            (running.len() == count).then_some(running)
        })
    }

    /// So many tasks of an app run, and none of them is one of `old`.
    pub(crate) fn wait_for_others(&self, app: &str, count: usize, old: &BTreeSet<String>) -> BTreeSet<String> {
        eventually(&format!("{count} new instances of {app} run"), || {
            let running = self.running(app);
            (running.len() == count && running.is_disjoint(old)).then_some(running)
        })
    }

    pub(crate) fn wait_for_end(&self, task: &str) -> Value {
        eventually(&format!("the end of {task} is in the log"), || self.history().end_of(task))
    }

    /// What a task printed.
    pub(crate) fn logs(&self, task: &str) -> String {
        let output = self.cli(&["task", "logs", task]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Of a task that prints its process id first.
    pub(crate) fn pid_of(&self, task: &str) -> Pid {
        let pid = eventually("the task prints its process id", || self.logs(task).trim().parse().ok());
        Pid::from_raw(pid)
    }
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

impl Drop for Cluster {
    /// A cluster of one process takes its tasks with it when it is stopped, and it is a defect when it does not; for agents
    /// that are separate, or were killed, it is done here.
    fn drop(&mut self) {
        let takes_tasks = self.stop() && Path::new(&self.path("dev")).exists();
        let left = processes_of(&self.root);
        kill_everything_of(&self.root);
        if takes_tasks && !std::thread::panicking() {
            assert!(left.is_empty(), "Ctrl-C left these processes behind: {left:?}");
        }
    }
}
