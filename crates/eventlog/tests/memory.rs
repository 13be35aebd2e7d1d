//! The log in memory passes the suite. Its clones are handles of one log, so reopening is cloning.

use eventlog::conformance::Place;
use eventlog::{FaultyLog, MemoryLog};

struct Kept<L>(L);

impl Place for Kept<MemoryLog> {
    type Log = MemoryLog;

    async fn open(&self) -> MemoryLog {
        self.0.clone()
    }

    async fn close(&self, _: MemoryLog) {}
}

impl Place for Kept<FaultyLog<MemoryLog>> {
    type Log = FaultyLog<MemoryLog>;

    async fn open(&self) -> Self::Log {
        self.0.clone()
    }

    async fn close(&self, _: Self::Log) {}
}

mod plain {
    eventlog::conformance_suite!(super::Kept(eventlog::MemoryLog::default()));
}

mod faulty_without_faults {
    eventlog::conformance_suite!(super::Kept(eventlog::FaultyLog::new(eventlog::MemoryLog::default())));
}
