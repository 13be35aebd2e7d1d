//! SIGINT (Ctrl-C), SIGTERM and SIGHUP (a terminal that closes): the first one ends the process in order, the second one at
//! once. Under nohup, SIGHUP stays ignored.

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
    let mut hangup = if is_hangup_ignored() { None } else { Some(listen(SignalKind::hangup())?) };
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        any(&mut interrupt, &mut terminate, &mut hangup).await;
        stopped.cancel();
        any(&mut interrupt, &mut terminate, &mut hangup).await;
        note(color, left_behind);
        std::process::exit(FORCED);
    });
    Ok(stop)
}

async fn any(interrupt: &mut Signal, terminate: &mut Signal, hangup: &mut Option<Signal>) {
    let hung_up = async {
        match hangup {
            Some(hangup) => hangup.recv().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hung_up => {}
    }
}

/// As the kernel shows it: a mask in hex, in which SIGHUP is the lowest bit.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 != 0)
}
