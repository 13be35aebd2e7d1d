//! The log on NATS servers passes the suite, plain and with the faulty wrapper around it.

use eventlog::conformance::Place;
use eventlog::{FaultyLog, JetStreamLog, JetStreamOptions};

use crate::server::{open, options, shared};

/// A stream of the shared server.
struct Stream(JetStreamOptions);

impl Stream {
    fn new() -> Self {
        Self(options(vec![shared()]))
    }
}

impl Place for Stream {
    type Log = JetStreamLog;
    const READS_END_AT_THE_CALL: bool = false;

    async fn open(&self) -> JetStreamLog {
        open(&self.0).await
    }

    async fn close(&self, log: JetStreamLog) {
        log.close();
    }
}

struct Wrapped(Stream);

impl Place for Wrapped {
    type Log = FaultyLog<JetStreamLog>;
    const READS_END_AT_THE_CALL: bool = false;

    async fn open(&self) -> Self::Log {
        FaultyLog::new(self.0.open().await)
    }

    async fn close(&self, _: Self::Log) {}
}

mod plain {
    eventlog::conformance_suite!(super::Stream::new(); when crate::server::available());
}

mod faulty_without_faults {
    eventlog::conformance_suite!(super::Wrapped(super::Stream::new()); when crate::server::available());
}
