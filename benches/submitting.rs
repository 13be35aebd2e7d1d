//! Commands for a master's loop, from many who each wait for an answer before they send the next one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use master::Handle;
use model::{CommandKind, Principal};

/// Submits all commands, so many at a time, and tells how long each answer took.
pub(crate) async fn submit_all(handle: &Handle, mut kinds: Vec<CommandKind>, submitters: usize) -> Vec<Duration> {
    kinds.reverse();
    let waiting = Arc::new(Mutex::new(kinds));
    let submitters = (0..submitters).map(|_| {
        let (handle, waiting) = (handle.clone(), Arc::clone(&waiting));
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let Some(kind) = next else { return latencies };
                let began_at = Instant::now();
                let committed = handle.submit(Principal::new("bench"), kind).await.expect("accepted");
                assert!(committed.record.is_some(), "every command changes something");
                latencies.push(began_at.elapsed());
            }
        })
    });
    let latencies = join_all(submitters.collect::<Vec<_>>()).await;
    latencies.into_iter().flat_map(|latencies| latencies.expect("a submitter does not panic")).collect()
}
