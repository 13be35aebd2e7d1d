//! Several masters that share a log on NATS servers.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    Answer, History, LOOK_AGAIN, Nats, Node, all_of, bayplan, eventually, free_port, kill_everything_of, request,
};

pub(crate) struct Masters {
    pub(crate) nats: Nats,
    folder: TempDir,
    masters: Vec<Master>,
}

struct Master {
    node: Node,
    operator: u16,
    marathon: u16,
}

impl Masters {
    /// None, said loudly, where there is no nats-server.
    pub(crate) fn start(servers: usize, masters: usize) -> Option<Self> {
        let mut cluster = Self::on(Nats::start(servers)?);
        (0..masters).for_each(|_| cluster.add(&[]));
        if masters > 0 {
            cluster.leader();
        }
        Some(cluster)
    }

    /// No master yet.
    pub(crate) fn on(nats: Nats) -> Self {
        Self { nats, folder: tempfile::tempdir().expect("a folder"), masters: Vec::new() }
    }

    /// One more master, named by its number.
    pub(crate) fn add(&mut self, extra: &[&str]) {
        self.add_over(&self.nats.log(), extra);
    }

    /// The same, over a way of its own to the servers.
    pub(crate) fn add_over(&mut self, log: &str, extra: &[&str]) {
        let name = format!("m{}", self.masters.len());
        let (operator, marathon) = (free_port(), free_port());
        let [listen, marathon_listen] = [operator, marathon].map(|port| format!("127.0.0.1:{port}"));
        let (monitoring, replicas) = (self.nats.monitoring(), self.nats.count().to_string());
        let folder = self.path(&name);
        let arguments = [
            "master",
            "--dir",
            &folder,
            "--leader",
            &name,
            "--listen",
            &listen,
            "--marathon-listen",
            &marathon_listen,
            "--log",
            log,
            "--log-monitoring",
            &monitoring,
            "--log-replicas",
            &replicas,
            "--strict-durability",
        ];
        let arguments = arguments.iter().chain(extra).map(|&argument| argument.to_owned()).collect();
        let node = Node::start(self.folder.path().join(format!("{name}.out")), arguments);
        self.masters.push(Master { node, operator, marathon });
        self.wait_until_it_answers(self.masters.len() - 1);
    }

    fn wait_until_it_answers(&mut self, number: usize) {
        let (url, node) = (format!("{}/ping", self.marathon_url(number)), &mut self.masters[number].node);
        eventually("the master answers", || {
            assert!(!node.has_ended(), "it ended: {}", node.logged());
            request("GET", &url, None, None).ok().filter(|answer| answer.status == 200).map(drop)
        });
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub(crate) fn count(&self) -> usize {
        self.masters.len()
    }

    pub(crate) fn operator_url(&self, number: usize) -> String {
        format!("http://127.0.0.1:{}", self.masters[number].operator)
    }

    pub(crate) fn marathon_url(&self, number: usize) -> String {
        format!("http://127.0.0.1:{}", self.masters[number].marathon)
    }

    /// As `--master` wants it.
    pub(crate) fn all(&self) -> String {
        (0..self.count()).map(|number| self.operator_url(number)).collect::<Vec<_>>().join(",")
    }

    pub(crate) fn node(&mut self, number: usize) -> &mut Node {
        &mut self.masters[number].node
    }

    pub(crate) fn signal(&self, number: usize, signal: Signal) {
        self.masters[number].node.signal(signal);
    }

    /// The same master once more, after it has ended.
    pub(crate) fn start_again(&mut self, number: usize) {
        self.masters[number].node.start_again();
        self.wait_until_it_answers(number);
    }

    /// The master that leads, as soon as one does.
    pub(crate) fn leader(&self) -> usize {
        eventually("one master leads", || (0..self.count()).find(|number| self.leads(*number)))
    }

    /// The same, other than one that led before.
    pub(crate) fn leader_other_than(&self, before: usize) -> usize {
        let others = || (0..self.count()).filter(move |number| *number != before);
        eventually("another master leads", || others().find(|number| self.leads(*number)))
    }

    fn leads(&self, number: usize) -> bool {
        let answer = request("GET", &format!("{}/api/v1/leader", self.operator_url(number)), None, None);
        let view = answer.map(|answer| answer.json()).unwrap_or_default();
        let masters = view["masters"].as_array().cloned().unwrap_or_default();
        masters.iter().any(|master| master["answers_this"] == true && master["role"] == "leading")
    }

    /// Marathon's API of one master. The error is that it does not answer.
    pub(crate) fn call(
        &self,
        number: usize,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Result<Answer, reqwest::Error> {
        request(method, &format!("{}{path}", self.marathon_url(number)), None, body)
    }

    pub(crate) fn deploy(&self, number: usize, body: &str) {
        let answer = self.call(number, "POST", "/v2/apps", Some(body)).expect("it answers");
        assert_eq!(answer.status, 201, "{}", answer.text);
    }

    /// An agent, without Docker, that knows every master.
    pub(crate) fn join(&self, hostname: &str, ports: &str) -> Node {
        let (folder, listen) = (self.path(hostname), format!("127.0.0.1:{}", free_port()));
        let resources = format!("cpus:4;mem:4000;ports:[{ports}]");
        let masters = self.all();
        let arguments = [
            "agent",
            "--master",
            &masters,
            "--work-dir",
            &folder,
            "--listen",
            &listen,
            "--docker",
            "off",
            "--hostname",
            hostname,
            "--resources",
            &resources,
        ];
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Node::start(self.folder.path().join(format!("{hostname}.out")), arguments)
    }

    /// The ids of an app's tasks that run, as one master knows it.
    pub(crate) fn running(&self, number: usize, app: &str) -> Vec<String> {
        let answer = self.call(number, "GET", &format!("/v2/apps/{app}/tasks"), None);
        let tasks = answer.ok().and_then(|answer| answer.json()["tasks"].as_array().cloned()).unwrap_or_default();
        let running = tasks.iter().filter(|task| task["state"] == "TASK_RUNNING");
        let mut ids: Vec<String> = running.filter_map(|task| task["id"].as_str().map(str::to_owned)).collect();
        ids.sort();
        ids
    }

    pub(crate) fn wait_for_running(&self, number: usize, app: &str, count: usize) -> Vec<String> {
        eventually(&format!("{count} instances of {app} run"), || {
            Some(self.running(number, app)).filter(|running| running.len() == count)
        })
    }

    /// Everything in the log, as one master reads it.
    pub(crate) fn history(&self, number: usize) -> History {
        let url = format!("{}/api/v1/events?from=1", self.operator_url(number));
        let answer = request("GET", &url, None, None).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text);
        let lines = answer.text.lines().filter(|line| !line.is_empty());
        History(lines.map(|line| serde_json::from_str(line).expect("a record")).collect())
    }

    /// A command that is asked of all masters in turn; it must succeed.
    pub(crate) fn told(&self, arguments: &[&str]) -> String {
        let output = bayplan().args(["--master", &self.all()]).args(arguments).output().expect("the binary runs");
        assert!(output.status.success(), "bayplan {}: {}", arguments.join(" "), all_of(&output));
        all_of(&output)
    }

    /// A change through one master, again and again until it is made; how long that took.
    pub(crate) fn until_changed(&self, number: usize, body: &str) -> Duration {
        let began_at = Instant::now();
        eventually("a change is made", || {
            let answer = self.call(number, "POST", "/v2/apps", Some(body));
            let made = answer.is_ok_and(|answer| answer.status == 201 || answer.status == 409);
            made.then_some(()).or_else(|| {
                std::thread::sleep(LOOK_AGAIN);
                None
            })
        });
        began_at.elapsed()
    }

    /// All masters have folded the same.
    pub(crate) fn wait_until_all_agree(&self) -> Value {
        eventually("all masters have folded the same", || {
            let statuses = (0..self.count()).map(|number| {
                let answer = request("GET", &format!("{}/api/v1/status", self.operator_url(number)), None, None);
                answer.map(|answer| answer.json()).unwrap_or_default()
            });
            let statuses: Vec<Value> = statuses.collect();
            let same = |field: &str| statuses.iter().all(|status| status[field] == statuses[0][field]);
            (statuses[0]["seq"].is_u64() && same("seq") && same("epoch") && same("tasks") && same("apps"))
                .then(|| statuses[0].clone())
        })
    }
}

impl Drop for Masters {
    fn drop(&mut self) {
        for master in &mut self.masters {
            if !master.node.has_ended() {
                master.node.signal(Signal::SIGCONT);
            }
        }
        kill_everything_of(self.folder.path());
    }
}
