//! NATS servers for the tests: real ones, on ports that the system chooses, each with a folder of its own.
//!
//! `make test` names the binary in `BAYPLAN_NATS_SERVER`. Without it the tests skip themselves, loudly.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use eventlog::{JetStreamLog, JetStreamOptions};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

const BINARY_VARIABLE: &str = "BAYPLAN_NATS_SERVER";
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Whether these tests can run. Says so when they cannot.
pub(crate) fn available() -> bool {
    let found = std::env::var_os(BINARY_VARIABLE).is_some_and(|binary| !binary.is_empty());
    if !found {
        eprintln!("##### SKIPPED: this test needs a nats-server; set {BINARY_VARIABLE}, or run `make test` #####");
    }
    found
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Settings {
    pub(crate) sync_always: bool,
}

/// A server that can be killed, stopped and started again.
pub(crate) struct Server {
    folder: TempDir,
    config: String,
    port: u16,
    http: u16,
    running: Option<Running>,
}

/// What the guardian does with the folder when the process has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Afterwards {
    KeepFolder,
    RemoveFolder,
}

/// A process that does not outlive the test, however that ends: its guardian waits for the end of a pipe.
struct Running {
    guardian: Child,
    pid: Pid,
}

const GUARDIAN: &str = r#""$1" -c "$2" >>"$3" 2>&1 & server=$!; echo $server; cat >/dev/null; kill -9 $server
    if [ -n "$4" ]; then wait; rm -rf "$4"; fi"#;

impl Server {
    pub(crate) async fn start(settings: Settings) -> Self {
        let mut server = Self::new("single", settings, "");
        server.run(Afterwards::KeepFolder).await;
        server
    }

    /// With more in its configuration.
    pub(crate) async fn guarded(more: &str) -> Self {
        let mut server = Self::new("guarded", Settings::default(), more);
        server.run(Afterwards::KeepFolder).await;
        server
    }

    /// Starts the process again, after `kill`.
    pub(crate) async fn restart(&mut self) {
        self.run(Afterwards::KeepFolder).await;
    }

    /// Servers that know each other.
    pub(crate) async fn cluster(count: usize) -> Vec<Self> {
        let routes: Vec<u16> = (0..count).map(|_| free_port()).collect();
        let all: Vec<String> = routes.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let mut servers = Vec::new();
        for (number, route) in routes.iter().enumerate() {
            let cluster =
                format!("cluster {{ name: test, listen: \"127.0.0.1:{route}\", routes: [{}] }}\n", all.join(", "));
            servers.push(Self::new(&format!("s{number}"), Settings::default(), &cluster));
        }
        for server in &mut servers {
            server.run(Afterwards::KeepFolder).await;
        }
        servers
    }

    fn new(name: &str, settings: Settings, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the server");
        let (port, http) = (free_port(), free_port());
        let store = folder.path().join("store");
        let sync = if settings.sync_always { "sync_interval: always" } else { "" };
        let config = format!(
            "server_name: {name}\nlisten: \"127.0.0.1:{port}\"\nhttp: \"127.0.0.1:{http}\"\n\
             jetstream {{ store_dir: {:?}, max_file_store: 8GB, {sync} }}\n{more}",
            store.display()
        );
        Self { folder, config, port, http, running: None }
    }

    /// Starts the process and waits until it answers.
    async fn run(&mut self, afterwards: Afterwards) {
        assert!(self.running.is_none(), "it runs already");
        let path = |name: &str| -> PathBuf { self.folder.path().join(name) };
        fs::write(path("server.conf"), &self.config).expect("the folder is writable");
        let binary = std::env::var_os(BINARY_VARIABLE).expect("the test has looked whether there is one");
        let mut guardian = Command::new("sh")
            .args(["-c", GUARDIAN, "guardian"])
            .arg(binary)
            .args([path("server.conf"), path("server.log")])
            .args((afterwards == Afterwards::RemoveFolder).then(|| self.folder.path()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        let mut line = String::new();
        let output = guardian.stdout.as_mut().expect("its output is piped");
        BufReader::new(output).read_line(&mut line).expect("the guardian says which process it guards");
        let pid = Pid::from_raw(line.trim().parse().expect("a process number"));
        self.running = Some(Running { guardian, pid });
        let port = self.port;
        eventually("the server listens", || async move {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let running = self.running.as_ref().expect("it runs");
        kill(running.pid, signal).expect("the server is there");
    }

    /// As when the machine's power goes, but for what the operating system still writes.
    pub(crate) fn kill(&mut self) {
        self.running = None;
    }

    /// Where it keeps its streams.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn monitoring(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    pub(crate) fn options(&self) -> JetStreamOptions {
        options(vec![self.url()])
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.guardian.stdin.take());
        self.guardian.wait().expect("the guardian ends");
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("it is bound").port()
}

/// Options for a log that no other test uses.
pub(crate) fn options(servers: Vec<String>) -> JetStreamOptions {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    JetStreamOptions {
        servers,
        cluster: format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
        max_bytes: 64 << 20,
        ..JetStreamOptions::default()
    }
}

/// The address of one server that many tests share. It ends with the test binary.
pub(crate) fn shared() -> String {
    static SHARED: OnceLock<Server> = OnceLock::new();
    let start = || {
        let starting = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let mut server = Server::new("shared", Settings::default(), "");
            runtime.block_on(server.run(Afterwards::RemoveFolder));
            server
        });
        starting.join().expect("the server starts")
    };
    SHARED.get_or_init(start).url()
}

pub(crate) async fn open(options: &JetStreamOptions) -> JetStreamLog {
    JetStreamLog::open(options.clone()).await.expect("the log opens")
}

/// A plain client, as anybody may have one.
pub(crate) async fn client(options: &JetStreamOptions) -> async_nats::Client {
    async_nats::connect(&options.servers[..]).await.expect("a plain client connects")
}

pub(crate) fn stream(options: &JetStreamOptions) -> String {
    format!("BAYPLAN_{}", options.cluster)
}

pub(crate) fn subject(options: &JetStreamOptions) -> String {
    format!("bayplan.{}.log", options.cluster)
}

/// A request of JetStream's API by a plain client.
pub(crate) async fn ask(client: &async_nats::Client, verb: &str, body: serde_json::Value) -> serde_json::Value {
    let body = bytes::Bytes::from(body.to_string());
    let answer = client.request(format!("$JS.API.{verb}"), body).await.expect("JetStream answers");
    serde_json::from_slice(&answer.payload).expect("it answers JSON")
}

/// Polls until it is so.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let polling = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, polling).await.unwrap_or_else(|_| panic!("in time: {what}"));
}
