//! A log, wherever it is kept: so that what looks at one need not be written for each provider.

use bytes::Bytes;
use eventlog::{
    AppendError, Baseline, BaselineError, Bounds, Content, EventLog, JetStreamLog, Messages, Notices, ReadError,
    RocksLog, TrimError,
};
use model::{Position, Seq};

use super::file::FileLog;

pub(crate) enum AnyLog {
    Folder(RocksLog),
    Nats(JetStreamLog),
    File(FileLog),
}

macro_rules! each {
    ($any:expr, $log:ident => $work:expr) => {
        match $any {
            AnyLog::Folder($log) => $work,
            AnyLog::Nats($log) => $work,
            AnyLog::File($log) => $work,
        }
    };
}

impl EventLog for AnyLog {
    async fn append(&self, after: Option<Position>, content: Content) -> Result<Position, AppendError> {
        each!(self, log => log.append(after, content).await)
    }

    fn max_message_bytes(&self) -> usize {
        each!(self, log => log.max_message_bytes())
    }

    fn read(&self, from: Position) -> Messages {
        each!(self, log => log.read(from))
    }

    fn tail(&self, from: Position) -> Messages {
        each!(self, log => log.tail(from))
    }

    async fn bounds(&self) -> Result<Bounds, ReadError> {
        each!(self, log => log.bounds().await)
    }

    async fn trim(&self, upto: Position) -> Result<(), TrimError> {
        each!(self, log => log.trim(upto).await)
    }

    async fn put_baseline(&self, seq: Seq, position: Position, bytes: Bytes) -> Result<Baseline, BaselineError> {
        each!(self, log => log.put_baseline(seq, position, bytes).await)
    }

    async fn baselines(&self) -> Result<Vec<Baseline>, BaselineError> {
        each!(self, log => log.baselines().await)
    }

    async fn read_baseline(&self, baseline: &Baseline) -> Result<Vec<u8>, BaselineError> {
        each!(self, log => log.read_baseline(baseline).await)
    }

    async fn remove_baseline(&self, baseline: &Baseline) -> Result<(), BaselineError> {
        each!(self, log => log.remove_baseline(baseline).await)
    }

    async fn size_bytes(&self) -> Result<u64, ReadError> {
        each!(self, log => log.size_bytes().await)
    }

    async fn notify(&self, notice: Bytes) {
        each!(self, log => log.notify(notice).await);
    }

    fn notices(&self) -> Notices {
        each!(self, log => log.notices())
    }
}
