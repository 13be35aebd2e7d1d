//! A NATS server with a folder of its own, named by `BAYPLAN_NATS_SERVER`, which `make bench` sets.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const BINARY_VARIABLE: &str = "BAYPLAN_NATS_SERVER";
const START_LIMIT: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// When a server syncs what it acknowledges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    /// Two minutes later, as servers do that are not told otherwise.
    Default,
    /// Before it acknowledges.
    Always,
}

impl Sync {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Always => "always",
        }
    }
}

pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    /// None, said loudly, where there is no such program.
    pub(crate) fn start(folder: &Path, name: &str, sync: Sync) -> Option<Self> {
        let binary = std::env::var_os(BINARY_VARIABLE).filter(|binary| !binary.is_empty());
        let Some(binary) = binary else {
            eprintln!(
                "##### {BINARY_VARIABLE} names no nats-server: this benchmark is SKIPPED; `make bench` sets it #####"
            );
            return None;
        };
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.expect("a free port").to_string();
        let folder = folder.join(format!("{name}-{}", sync.name()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let store = format!("store_dir: {:?}, max_file_store: 16GB", folder.display().to_string());
        let store = if sync == Sync::Always { format!("{store}, sync_interval: always") } else { store };
        let config = folder.join("server.conf");
        std::fs::write(&config, format!("listen: \"{address}\"\njetstream {{ {store} }}\n")).expect("a file");
        let log = std::fs::File::create(folder.join("log")).expect("a file");
        let mut command = Command::new(binary);
        command.arg("-c").arg(config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let server = Self { child: command.spawn().expect("the server starts"), url: format!("nats://{address}") };
        let began_at = Instant::now();
        while TcpStream::connect(&address).is_err() {
            assert!(began_at.elapsed() < START_LIMIT, "the server listens in time");
            std::thread::sleep(LOOK_AGAIN);
        }
        Some(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
