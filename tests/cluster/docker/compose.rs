//! The cluster of docker-compose.yml, in images that are made here around the programs of this machine.
//!
//! It has addresses, a state folder and a name of its own, so that it stands beside one that a user runs.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::engine::{containers_below, docker, make_image, remove_containers_below};
use crate::harness::{Answer, all_of, binary, eventually, free_ports, nats_server, request, skip};

/// The program of Compose v1, and the command of v2 and later.
const FORMS: [&[&str]; 2] = [&["docker-compose"], &["docker", "compose"]];
/// What the scripts and the checks of health in docker-compose.yml call.
const PROGRAMS: [&str; 12] = ["base64", "cat", "chmod", "echo", "head", "mkdir", "mv", "rm", "sed", "sh", "tr", "wget"];
const TASK_PORTS: u16 = 6;

/// Every form of Compose that is here. None, said loudly, where there is none.
pub(super) fn forms_of_compose() -> Option<Vec<&'static [&'static str]>> {
    let answers = |form: &&[&str]| command(form).arg("version").output().is_ok_and(|output| output.status.success());
    let found: Vec<_> = FORMS.into_iter().filter(answers).collect();
    if found.is_empty() {
        skip("neither docker-compose nor docker compose is here");
        return None;
    }
    Some(found)
}

fn command(form: &[&str]) -> Command {
    let mut command = Command::new(form[0]);
    command.args(&form[1..]);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("BAYPLAN_") || name.starts_with("COMPOSE_") {
            command.env_remove(name);
        }
    }
    command
}

/// What Compose prints about a project of that file, with no settings but the file's own.
pub(super) fn compose(form: &[&str], file: &Path, arguments: &[&str]) -> Output {
    // Without a name, Compose makes one of the clone's folder, and not every folder's name will do.
    let named = ["--project-name", "bayplan-test"];
    command(form).args(named).arg("--file").arg(file).args(arguments).output().expect("Compose runs")
}

pub(super) fn compose_file() -> PathBuf {
    clone().join("docker-compose.yml")
}

pub(super) fn clone() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is a folder of the clone").to_owned()
}

/// Dropping it removes its containers, those of its tasks, volumes, images and state.
pub(super) struct Stack {
    form: &'static [&'static str],
    state: TempDir,
    project: String,
    loopback: String,
    services: Vec<&'static str>,
    images: Vec<(&'static str, String)>,
    token: String,
}

impl Stack {
    /// None, said loudly, where something that it needs is missing. Without a Prometheus, it goes without.
    pub(super) fn start() -> Option<Self> {
        let (form, nats_server) = (forms_of_compose()?.remove(0), nats_server()?);
        let id = std::process::id();
        let mut stack = Self {
            form,
            state: tempfile::tempdir().expect("a folder"),
            project: format!("bayplan-test-{id}"),
            // Another run of the tests has another id, as a rule.
            loopback: format!("127.{}.{}", 64 + id / 256 % 128, id % 256),
            services: vec![
                "nats-1", "nats-2", "nats-3", "master-1", "master-2", "master-3", "agent-1", "agent-2", "sample",
            ],
            images: Vec::new(),
            token: String::new(),
        };
        stack.make("BAYPLAN_IMAGE", "bayplan", &binary());
        stack.make("NATS_IMAGE", "nats-server", &nats_server);
        match on_the_path("prometheus") {
            Some(prometheus) => {
                stack.make("PROMETHEUS_IMAGE", "prometheus", &prometheus);
                stack.services.push("prometheus");
            }
            None => skip("the stack's Prometheus: no program prometheus is here; the rest is tried"),
        }
        stack.write_ports();
        stack.up();
        stack.token = stack.said(&["exec", "-T", "master-1", "cat", "/etc/bayplan/token"]).trim().to_owned();
        Some(stack)
    }

    fn make(&mut self, variable: &'static str, program: &str, path: &Path) {
        let name = format!("bayplan-test/{program}:{}", self.project);
        let entry = format!("ENTRYPOINT [\"{program}\"]");
        let settings = [entry, "ENV PATH=/usr/local/bin:/bin".to_owned()];
        make_image(&name, &PROGRAMS, &settings, |root| {
            place(path, &root.join("usr/local/bin").join(program));
            for library in libraries_of(path) {
                place(&library, &root.join(library.strip_prefix("/").expect("it is absolute")));
            }
            std::fs::create_dir(root.join("tmp")).expect("a folder");
        });
        self.images.push((variable, name));
    }

    /// Ports of tasks that no other test has.
    fn write_ports(&self) {
        let resources = |agent: u8| {
            let ports = free_ports(TASK_PORTS);
            format!(
                "  agent-{agent}:\n    environment:\n      BAYPLAN_RESOURCES: \"cpus:2;mem:1000;ports:[{ports}]\"\n"
            )
        };
        let services = format!("services:\n{}{}", resources(1), resources(2));
        std::fs::write(self.overriding(), services).expect("written");
    }

    fn overriding(&self) -> PathBuf {
        self.state.path().join("ports.yml")
    }

    fn compose(&self, arguments: &[&str]) -> Output {
        let mut command = command(self.form);
        command.envs(self.images.iter().map(|(variable, name)| (variable, name)));
        command.env("BAYPLAN_STATE", self.state.path()).env("BAYPLAN_LOOPBACK", &self.loopback);
        command.env("PROMETHEUS_PORT", "9090").env("GRAFANA_PORT", "3000");
        command.arg("--project-name").arg(&self.project).arg("--file").arg(compose_file());
        command.arg("--file").arg(self.overriding()).args(arguments).output().expect("Compose runs")
    }

    fn said(&self, arguments: &[&str]) -> String {
        let output = self.compose(arguments);
        assert!(output.status.success(), "{} {}: {}", self.form.join(" "), arguments.join(" "), all_of(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Starts what does not run.
    pub(super) fn up(&self) {
        let arguments = [&["up", "--detach", "--no-build"], &self.services[..]].concat();
        self.said(&arguments);
    }

    /// The container of a service, whether it runs or not.
    pub(super) fn container(&self, service: &str) -> String {
        let [project, service] = [("project", self.project.as_str()), ("service", service)]
            .map(|(label, value)| format!("label=com.docker.compose.{label}={value}"));
        docker(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &project, "--filter", &service])
    }

    /// What a command says in the container of a service that runs.
    pub(super) fn told(&self, service: &str, program: &[&str]) -> String {
        self.said(&[&["exec", "-T", service], program].concat())
    }

    /// The operator API of a master. The error is that it does not answer.
    pub(super) fn ask(&self, master: usize, path: &str) -> Result<Answer, reqwest::Error> {
        let url = format!("http://{}.{master}:5050{path}", self.loopback);
        request("GET", &url, Some(&self.token), None)
    }

    /// Marathon's API of a master. The error is that it does not answer.
    pub(super) fn call(
        &self,
        master: usize,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Result<Answer, reqwest::Error> {
        request(method, &format!("http://{}.{master}:8080{path}", self.loopback), Some(&self.token), body)
    }

    /// What Prometheus answers; None while it does not.
    pub(super) fn prometheus(&self, path: &str) -> Option<Value> {
        let answer = request("GET", &format!("http://{}.1:9090/api/v1/{path}", self.loopback), None, None).ok()?;
        Some(answer.json()["data"].take()).filter(|data| !data.is_null())
    }

    /// The value that an expression has now.
    pub(super) fn measured(&self, expression: &str) -> Option<f64> {
        let query: String = expression.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let found = self.prometheus(&format!("query?query={query}"))?;
        found["result"][0]["value"][1].as_str()?.parse().ok()
    }

    pub(super) fn has_prometheus(&self) -> bool {
        self.services.contains(&"prometheus")
    }

    /// How a NATS server is, as it says itself.
    pub(super) fn nats_is_well(&self, number: usize) -> bool {
        let url = format!("http://{}.{number}:8222/healthz", self.loopback);
        request("GET", &url, None, None).is_ok_and(|answer| answer.status == 200)
    }

    /// The ids of an app's tasks that run, as one master knows it.
    pub(super) fn running(&self, master: usize, app: &str) -> Vec<String> {
        let answer = self.call(master, "GET", &format!("/v2/apps/{app}/tasks"), None);
        let tasks = answer.ok().and_then(|answer| answer.json()["tasks"].as_array().cloned()).unwrap_or_default();
        let running = tasks.iter().filter(|task| task["state"] == "TASK_RUNNING");
        let mut ids: Vec<String> = running.filter_map(|task| task["id"].as_str().map(str::to_owned)).collect();
        ids.sort();
        ids
    }

    pub(super) fn wait_for_running(&self, master: usize, app: &str, count: usize) -> Vec<String> {
        eventually(&format!("{count} instances of {app} run"), || {
            Some(self.running(master, app)).filter(|running| running.len() == count)
        })
    }

    /// The number of the master that leads, as soon as one does.
    pub(super) fn leader(&self) -> usize {
        eventually("one master leads", || (1..=3).find(|master| self.role(*master).as_deref() == Some("leading")))
    }

    /// What a master says that it does.
    pub(super) fn role(&self, master: usize) -> Option<String> {
        let masters = self.ask(master, "/api/v1/leader").ok()?.json()["masters"].take();
        let masters = masters.as_array().cloned().unwrap_or_default();
        let itself = masters.into_iter().find(|master| master["answers_this"] == true)?;
        itself["role"].as_str().map(str::to_owned)
    }

    /// All three masters have folded the same.
    pub(super) fn wait_until_all_agree(&self) {
        eventually("all masters have folded the same", || {
            let seen = [1, 2, 3].map(|master| {
                let status = self.ask(master, "/api/v1/status").map(|answer| answer.json()).unwrap_or_default();
                ["seq", "epoch", "tasks", "apps"].map(|field| status[field].clone())
            });
            (seen[0][0] != Value::Null && seen.iter().all(|one| *one == seen[0])).then_some(())
        });
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", all_of(&self.compose(&["ps", "--all"])));
            eprintln!("{}", all_of(&self.compose(&["logs", "--no-color", "--tail", "20"])));
        }
        let down = self.compose(&["down", "--volumes", "--remove-orphans", "--timeout", "5"]);
        remove_containers_below(self.state.path());
        // What is in the folder belongs to the user in the containers.
        if let Some((_, image)) = self.images.first() {
            let volume = format!("{}:/state", self.state.path().display());
            let clear = ["run", "--rm", "--volume", &volume, "--entrypoint", "/bin/sh", image, "-c", "rm -rf /state/*"];
            let _tried = Command::new("docker").args(clear).output();
        }
        for (_, image) in &self.images {
            let _tried = Command::new("docker").args(["rmi", "--force", image]).output();
        }
        if !std::thread::panicking() {
            assert!(down.status.success(), "{}", all_of(&down));
            assert!(containers_below(self.state.path()).is_empty(), "containers of tasks are left");
        }
    }
}

fn on_the_path(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn place(program: &Path, at: &Path) {
    std::fs::create_dir_all(at.parent().expect("it is in a folder")).expect("a folder");
    std::fs::copy(program, at).expect("copied");
    std::fs::set_permissions(at, std::fs::Permissions::from_mode(0o755)).expect("mode set");
}

/// What a program wants to be linked with when it starts; nothing for a static one.
fn libraries_of(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output().expect("ldd runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let paths = said.split_whitespace().filter(|word| word.starts_with('/') && !word.ends_with(':'));
    paths.map(PathBuf::from).collect()
}
