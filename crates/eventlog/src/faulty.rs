//! A log that fails on demand, for tests of whoever writes to it. Neither reading nor notices are ever disturbed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use model::{Position, Seq};
use tokio::sync::watch;

use crate::{AppendError, Baseline, BaselineError, Bounds, Content, EventLog, Messages, Notices, ReadError, TrimError};

/// What happens to an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It fails with this error and nothing is written. For `AppendError::Unknown` use `Ambiguous`.
    Refuse(AppendError),
    /// It ends as `AppendError::Unknown`; `lands` says what really becomes of the message.
    Ambiguous { lands: Lands },
    /// It takes that much longer.
    Slow { delay: Duration },
    /// It is written only after [`FaultyLog::release`].
    HoldBeforeWrite,
    /// It is written, so that readers see it, but acknowledged only after [`FaultyLog::release`].
    HoldAfterWrite,
}

/// What becomes of a message whose writer was told nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lands {
    Never,
    Now,
    /// With [`FaultyLog::land`], if its compare-and-set still allows it.
    Later,
}

/// Passes everything on to another log, except for the faults it was told to make. Clones are handles of the same log:
/// one goes to the writer, one stays with the test.
pub struct FaultyLog<L> {
    inner: Arc<L>,
    plan: Arc<Mutex<Plan>>,
    holds: watch::Sender<Holds>,
}

#[derive(Default)]
struct Plan {
    once: VecDeque<Fault>,
    standing: Option<Fault>,
    late: VecDeque<(Option<Position>, Content)>,
}

/// Appends that were held, and released, so far.
#[derive(Clone, Copy, Default)]
struct Holds {
    begun: u64,
    released: u64,
}

impl<L> Clone for FaultyLog<L> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), plan: Arc::clone(&self.plan), holds: self.holds.clone() }
    }
}

impl<L: EventLog> FaultyLog<L> {
    pub fn new(inner: L) -> Self {
        Self { inner: Arc::new(inner), plan: Arc::default(), holds: watch::Sender::default() }
    }

    /// The log behind, undisturbed.
    #[must_use]
    pub fn inner(&self) -> &L {
        &self.inner
    }

    /// The next append for which nothing is planned yet meets this fault.
    pub fn once(&self, fault: Fault) {
        self.plan().once.push_back(fault);
    }

    /// Every append for which nothing else is planned meets this fault, until `heal`.
    pub fn always(&self, fault: Fault) {
        self.plan().standing = Some(fault);
    }

    /// Forgets all planned faults. What is held stays held.
    pub fn heal(&self) {
        let mut plan = self.plan();
        plan.once.clear();
        plan.standing = None;
    }

    /// Waits until an append is held.
    pub async fn held(&self) {
        // The sender lives as long as `self`, so the wait cannot fail.
        let _ = self.holds.subscribe().wait_for(|holds| holds.begun > holds.released).await;
    }

    /// Waits until an append is held, and lets the one go that is held longest.
    pub async fn release(&self) {
        self.held().await;
        self.holds.send_modify(|holds| holds.released += 1);
    }

    /// Delivers the oldest message that was to land later; None when there is none.
    pub async fn land(&self) -> Option<Result<Position, AppendError>> {
        let (after, content) = self.plan().late.pop_front()?;
        Some(self.inner.append(after, content).await)
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn hold(&self) {
        let mut ticket = 0;
        self.holds.send_modify(|holds| {
            holds.begun += 1;
            ticket = holds.begun;
        });
        let _ = self.holds.subscribe().wait_for(|holds| holds.released >= ticket).await;
    }
}

impl<L: EventLog> EventLog for FaultyLog<L> {
    async fn append(&self, after: Option<Position>, content: Content) -> Result<Position, AppendError> {
        let fault = {
            let mut plan = self.plan();
            plan.once.pop_front().or_else(|| plan.standing.clone())
        };
        match fault {
            None => self.inner.append(after, content).await,
            Some(Fault::Refuse(error)) => Err(error),
            Some(Fault::Slow { delay }) => {
                tokio::time::sleep(delay).await;
                self.inner.append(after, content).await
            }
            Some(Fault::HoldBeforeWrite) => {
                self.hold().await;
                self.inner.append(after, content).await
            }
            Some(Fault::HoldAfterWrite) => {
                let outcome = self.inner.append(after, content).await;
                self.hold().await;
                outcome
            }
            Some(Fault::Ambiguous { lands }) => {
                match lands {
                    Lands::Never => {}
                    // Its outcome is what the writer is not told.
                    Lands::Now => drop(self.inner.append(after, content).await),
                    Lands::Later => self.plan().late.push_back((after, content)),
                }
                Err(AppendError::Unknown { reason: "injected: no answer came".into() })
            }
        }
    }

    fn max_message_bytes(&self) -> usize {
        self.inner.max_message_bytes()
    }

    fn read(&self, from: Position) -> Messages {
        self.inner.read(from)
    }

    fn tail(&self, from: Position) -> Messages {
        self.inner.tail(from)
    }

    async fn bounds(&self) -> Result<Bounds, ReadError> {
        self.inner.bounds().await
    }

    async fn trim(&self, upto: Position) -> Result<(), TrimError> {
        self.inner.trim(upto).await
    }

    async fn put_baseline(&self, seq: Seq, position: Position, bytes: Bytes) -> Result<Baseline, BaselineError> {
        self.inner.put_baseline(seq, position, bytes).await
    }

    async fn baselines(&self) -> Result<Vec<Baseline>, BaselineError> {
        self.inner.baselines().await
    }

    async fn read_baseline(&self, baseline: &Baseline) -> Result<Vec<u8>, BaselineError> {
        self.inner.read_baseline(baseline).await
    }

    async fn remove_baseline(&self, baseline: &Baseline) -> Result<(), BaselineError> {
        self.inner.remove_baseline(baseline).await
    }

    async fn size_bytes(&self) -> Result<u64, ReadError> {
        self.inner.size_bytes().await
    }

    async fn notify(&self, notice: Bytes) {
        self.inner.notify(notice).await;
    }

    fn notices(&self) -> Notices {
        self.inner.notices()
    }
}
