//! A way to a server that can be cut: while it is, bytes wait, in both directions, and nobody is told.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::http::RUNTIME;

const CHUNK_BYTES: usize = 64 << 10;
/// Between tries to reach a server that does not listen.
const TRY_AGAIN: Duration = Duration::from_millis(20);

pub(crate) struct Wire {
    port: u16,
    is_cut: watch::Sender<bool>,
    listening: JoinHandle<()>,
}

impl Wire {
    /// Leads to a port of this machine.
    pub(crate) fn to(target: u16) -> Self {
        let is_cut = watch::Sender::new(false);
        let listener = RUNTIME.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let seen = is_cut.subscribe();
        let listening = RUNTIME.spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(connect(near, target, seen.clone()));
            }
        });
        Self { port, is_cut, listening }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    /// What waited goes on its way.
    pub(crate) fn mend(&self) {
        self.is_cut.send_replace(false);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn connect(near: TcpStream, target: u16, mut is_cut: watch::Receiver<bool>) {
    if is_cut.wait_for(|cut| !cut).await.is_err() {
        return;
    }
    let far = loop {
        match TcpStream::connect(("127.0.0.1", target)).await {
            Ok(far) => break far,
            Err(_) => tokio::time::sleep(TRY_AGAIN).await,
        }
    };
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    tokio::select! {
        () = pass_on(near_in, far_out, is_cut.clone()) => {}
        () = pass_on(far_in, near_out, is_cut) => {}
    }
}

async fn pass_on(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut is_cut: watch::Receiver<bool>,
) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(count) = from.read(&mut chunk).await {
        let passes = is_cut.wait_for(|cut| !cut).await.is_ok();
        if count == 0 || !passes || to.write_all(&chunk[..count]).await.is_err() {
            return;
        }
    }
}
