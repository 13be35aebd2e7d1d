//! SIGINT (Ctrl-C) and SIGTERM: the first one ends the process in order, the second one at once.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::ColorWhen;
use crate::failure::Failure;
use crate::output::note;

/// What a shell says of a process that Ctrl-C ended.
const FORCED: i32 = 130;

/// The token is cancelled by the first signal. The second one ends the process, which is noted as `left_behind`.
pub(super) fn watch(color: ColorWhen, left_behind: &'static str) -> Result<CancellationToken, Failure> {
    let listen = |kind| signal(kind).map_err(|error| Failure::failed(format!("cannot receive signals: {error}")));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        stopped.cancel();
        either(&mut interrupt, &mut terminate).await;
        note(color, left_behind);
        std::process::exit(FORCED);
    });
    Ok(stop)
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
