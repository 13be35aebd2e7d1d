//! Stands between a log and its server, and loses what a network can lose.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::server::DEADLINE;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    SwallowRequests,
    SwallowAnswers,
    /// No connection gets through.
    Refuse,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    mode: watch::Sender<Mode>,
    /// Connections are cut when it changes.
    cuts: watch::Sender<u64>,
    swallowed_bytes: watch::Sender<usize>,
}

impl Proxy {
    /// Passes all on to the server at `url`.
    pub(crate) async fn start(url: &str) -> Self {
        let upstream: SocketAddr = url.trim_start_matches("nats://").parse().expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(State {
            mode: watch::Sender::new(Mode::Pass),
            cuts: watch::Sender::new(0),
            swallowed_bytes: watch::Sender::new(0),
        });
        tokio::spawn(accept(listener, upstream, Arc::clone(&state)));
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.state.mode.send_replace(mode);
    }

    pub(crate) fn cut(&self) {
        self.state.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Waits until so many bytes were swallowed in all.
    pub(crate) async fn swallowed(&self, bytes: usize) {
        let mut swallowed = self.state.swallowed_bytes.subscribe();
        let waiting = swallowed.wait_for(|swallowed| *swallowed >= bytes);
        tokio::time::timeout(DEADLINE, waiting).await.expect("in time").expect("the proxy lives");
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        if *state.mode.borrow() == Mode::Refuse {
            continue;
        }
        let Ok(server) = TcpStream::connect(upstream).await else { continue };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::spawn(relay(from_client, to_server, Mode::SwallowRequests, Arc::clone(&state)));
        tokio::spawn(relay(from_server, to_client, Mode::SwallowAnswers, Arc::clone(&state)));
    }
}

async fn relay(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, swallowing: Mode, state: Arc<State>) {
    let mut cuts = state.cuts.subscribe();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = cuts.changed() => return,
        };
        let Ok(bytes @ 1..) = read else { return };
        if *state.mode.borrow() == swallowing {
            state.swallowed_bytes.send_modify(|swallowed| *swallowed += bytes);
        } else if to.write_all(&buffer[..bytes]).await.is_err() {
            return;
        }
    }
}
