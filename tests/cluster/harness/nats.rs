//! NATS servers that keep a log: real ones, each with a folder of its own.
//!
//! `make test` names the program in `BAYPLAN_NATS_SERVER`. Without it the tests skip themselves, loudly.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use super::{eventually, free_port, skip};

const BINARY_VARIABLE: &str = "BAYPLAN_NATS_SERVER";

/// Servers that know each other. Dropping them kills them.
pub(crate) struct Nats {
    folder: TempDir,
    servers: Vec<Server>,
}

struct Server {
    name: String,
    port: u16,
    monitoring: u16,
    child: Child,
}

impl Nats {
    /// None, said loudly, where there is no such program. They sync what they acknowledge.
    pub(crate) fn start(count: usize) -> Option<Self> {
        nats_server()?;
        Some(Self::start_with(count, tempfile::tempdir().expect("a folder")))
    }

    /// One server that keeps what it has in a folder of this one.
    pub(crate) fn start_in(folder: &Path) -> Option<Self> {
        nats_server()?;
        Some(Self::start_with(1, tempfile::tempdir_in(folder).expect("a folder")))
    }

    fn start_with(count: usize, folder: TempDir) -> Self {
        let routes: Vec<u16> = (0..count).map(|_| free_port()).collect();
        let all: Vec<String> = routes.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let mut nats = Self { folder, servers: Vec::new() };
        for (number, route) in routes.iter().enumerate() {
            let (name, port, monitoring) = (format!("n{number}"), free_port(), free_port());
            let cluster = match count {
                1 => String::new(),
                _ => format!("cluster {{ name: test, listen: \"127.0.0.1:{route}\", routes: [{}] }}\n", all.join(", ")),
            };
            let config = format!(
                "server_name: {name}\nlisten: \"127.0.0.1:{port}\"\nhttp: \"127.0.0.1:{monitoring}\"\n\
                 jetstream {{ store_dir: {:?}, max_file_store: 8GB, sync_interval: always }}\n{cluster}",
                nats.path(&name).display()
            );
            std::fs::write(nats.path(&format!("{name}.conf")), config).expect("written");
            let child = nats.spawn(&name);
            nats.servers.push(Server { name, port, monitoring, child });
        }
        (0..count).for_each(|number| nats.wait_for(number));
        nats
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn spawn(&self, name: &str) -> Child {
        let binary = std::env::var_os(BINARY_VARIABLE).expect("it was looked whether there is one");
        let log = || File::options().append(true).create(true).open(self.path(&format!("{name}.log"))).expect("a file");
        let mut command = Command::new(binary);
        let command = command.arg("-c").arg(self.path(&format!("{name}.conf"))).stdin(Stdio::null());
        command.stdout(log()).stderr(log()).spawn().expect("the server starts")
    }

    fn wait_for(&self, number: usize) {
        let port = self.servers[number].port;
        eventually("the NATS server listens", || TcpStream::connect(("127.0.0.1", port)).ok());
    }

    /// As `--log` wants it.
    pub(crate) fn log(&self) -> String {
        let urls: Vec<String> = self.servers.iter().map(|server| format!("nats://127.0.0.1:{}", server.port)).collect();
        urls.join(",")
    }

    /// As `--log-monitoring` wants it.
    pub(crate) fn monitoring(&self) -> String {
        let urls = self.servers.iter().map(|server| format!("http://127.0.0.1:{}", server.monitoring));
        urls.collect::<Vec<String>>().join(",")
    }

    pub(crate) fn count(&self) -> usize {
        self.servers.len()
    }

    pub(crate) fn signal(&self, number: usize, signal: Signal) {
        let pid = self.servers[number].child.id();
        kill(Pid::from_raw(pid.cast_signed()), signal).expect("the server is there");
    }

    pub(crate) fn kill_9(&mut self, number: usize) {
        self.signal(number, Signal::SIGKILL);
        self.servers[number].child.wait().expect("it is a child");
    }

    /// The same server once more, with what it had.
    pub(crate) fn start_again(&mut self, number: usize) {
        self.servers[number].child = self.spawn(&self.servers[number].name);
        self.wait_for(number);
    }

    pub(crate) fn port(&self, number: usize) -> u16 {
        self.servers[number].port
    }

    /// A message of a plain client, that is taken.
    pub(crate) fn publish(&self, subject: &str, payload: &str) {
        self.ask(subject, payload);
    }

    /// A request of a plain client, and its answer in JSON.
    pub(crate) fn ask(&self, subject: &str, payload: &str) -> Value {
        let mut server = TcpStream::connect(("127.0.0.1", self.servers[0].port)).expect("the server listens");
        let bytes = payload.len();
        let said = format!("CONNECT {{\"verbose\":false}}\r\nSUB me 1\r\nPUB {subject} me {bytes}\r\n{payload}\r\n");
        server.write_all(said.as_bytes()).expect("it listens");
        let mut lines = BufReader::new(server).lines().map_while(Result::ok);
        lines.find(|line| line.starts_with("MSG ")).expect("an answer");
        serde_json::from_str(&lines.next().expect("its payload")).expect("JSON")
    }

    /// What a server says of itself.
    pub(crate) fn logged(&self, number: usize) -> String {
        std::fs::read_to_string(self.path(&format!("{}.log", self.servers[number].name))).unwrap_or_default()
    }
}

/// The program. None, said loudly, where there is none.
pub(crate) fn nats_server() -> Option<PathBuf> {
    let binary = std::env::var_os(BINARY_VARIABLE).filter(|binary| !binary.is_empty());
    if binary.is_none() {
        skip(&format!("{BINARY_VARIABLE} names no nats-server"));
    }
    binary.map(PathBuf::from)
}

impl Drop for Nats {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _gone = server.child.kill();
            let _gone = server.child.wait();
        }
        if std::thread::panicking() {
            for number in 0..self.count() {
                let log = self.logged(number);
                let lines: Vec<&str> = log.lines().rev().take(10).collect();
                eprintln!("--- {}, the last first\n{}", self.servers[number].name, lines.join("\n"));
            }
        }
    }
}
