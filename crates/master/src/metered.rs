//! How much CPU time a part of the master takes, wherever its thread is.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use metrics::counter;
use rustix::time::{ClockId, clock_gettime};

/// Parts that do their work one thing after the other: when one of them is busy all the time, it is what limits the master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Loop,
    Publisher,
}

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Self::Loop => "loop",
            Self::Publisher => "publisher",
        }
    }
}

/// Counts what the thread does while the future is polled.
pub(crate) async fn metered<F: Future>(part: Part, future: F) -> F::Output {
    let mut future = pin!(future);
    let mut nanos_left = 0;
    let counted = counter!("bayplan_cpu_microseconds_total", "part" => part.name());
    std::future::poll_fn(|context| {
        let before = thread_nanos();
        let polled: Poll<F::Output> = future.as_mut().poll(context);
        nanos_left += thread_nanos().saturating_sub(before);
        counted.increment(nanos_left / 1_000);
        nanos_left %= 1_000;
        polled
    })
    .await
}

fn thread_nanos() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}
