//! The simulated log: what a master's process has of it. It keeps the promises of [`eventlog::EventLog`] and no more than
//! these, whatever happens between the master and the servers.

mod notices;
mod read;
mod servers;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use eventlog::{
    AppendError, Baseline, BaselineError, Bounds, Content, EventLog, Messages, Notices, ReadError, TrimError,
};
use model::{Position, Seq};
use tokio::sync::oneshot;

pub(crate) use servers::Servers;
use servers::Write;

use crate::faults::Fault;
use crate::world::{Dice, Place, World, sleep_ms};

/// How long a writer waits before it holds an outcome for unknown.
const APPEND_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_MESSAGE_BYTES: usize = 1 << 20;
/// With `small-messages`: enough for the record that begins an epoch, which is never in parts.
const SMALL_MESSAGE_BYTES: usize = 1_024;

/// A master's way to the log.
pub(crate) struct SimLog {
    pub(crate) world: Arc<World>,
    pub(crate) master: u8,
}

impl SimLog {
    fn place(&self) -> Place {
        Place::Master(self.master)
    }

    /// Whether the servers can be asked anything.
    async fn reach(&self) -> Result<(), ReadError> {
        let (to, back) = ((self.place(), Place::Log), (Place::Log, self.place()));
        let unreachable = || ReadError::Unavailable { reason: "the simulated log is out of reach".to_owned() };
        let reaches = self.world.network.is_open(to.0, to.1) && self.world.network.is_open(back.0, back.1);
        tokio::time::sleep(self.world.latency()).await;
        if reaches && self.world.servers.is_available() { Ok(()) } else { Err(unreachable()) }
    }
}

impl EventLog for SimLog {
    async fn append(&self, after: Option<Position>, content: Content) -> Result<Position, AppendError> {
        if content.first_seq().is_none() {
            return Err(AppendError::EmptyBatch);
        }
        let (message_bytes, limit_bytes) = (content.size_bytes(), self.max_message_bytes());
        if message_bytes > limit_bytes {
            return Err(AppendError::TooLarge { message_bytes, limit_bytes });
        }
        let world = &self.world;
        if !world.network.is_open(self.place(), Place::Log) {
            sleep_ms(5).await;
            if world.roll(Dice::Log, |rng| rng.bool()) {
                // The connection is known to be down, so that nothing was sent.
                return Err(AppendError::Unavailable { reason: "the simulated log is out of reach".to_owned() });
            }
            tokio::time::sleep(APPEND_TIMEOUT).await;
            return Err(AppendError::Unknown { reason: "the simulated log does not answer".to_owned() });
        }
        let (told, outcome) = oneshot::channel();
        let write = Write { after, content, told: Some(told), from: self.place() };
        // It goes its way whatever becomes of the writer.
        tokio::spawn(carry(Arc::clone(world), write));
        match tokio::time::timeout(APPEND_TIMEOUT, outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Err(AppendError::Unknown { reason: "the simulated log does not answer".to_owned() }),
        }
    }

    fn max_message_bytes(&self) -> usize {
        if self.world.settings.faults.has(Fault::SmallMessages) { SMALL_MESSAGE_BYTES } else { MAX_MESSAGE_BYTES }
    }

    fn read(&self, from: Position) -> Messages {
        Messages::new(read::Reader::new(Arc::clone(&self.world), self.master, from, false))
    }

    fn tail(&self, from: Position) -> Messages {
        Messages::new(read::Reader::new(Arc::clone(&self.world), self.master, from, true))
    }

    async fn bounds(&self) -> Result<Bounds, ReadError> {
        self.reach().await?;
        Ok(self.world.servers.bounds())
    }

    async fn trim(&self, upto: Position) -> Result<(), TrimError> {
        let reached = self.reach().await;
        reached.map_err(|error| TrimError::Unavailable { reason: error.to_string() })?;
        self.world.servers.trim(upto);
        Ok(())
    }

    async fn put_baseline(&self, seq: Seq, position: Position, bytes: Bytes) -> Result<Baseline, BaselineError> {
        self.reach().await.map_err(unavailable)?;
        self.world.servers.baselines.put_baseline(seq, position, bytes).await
    }

    async fn baselines(&self) -> Result<Vec<Baseline>, BaselineError> {
        self.reach().await.map_err(unavailable)?;
        self.world.servers.baselines.baselines().await
    }

    async fn read_baseline(&self, baseline: &Baseline) -> Result<Vec<u8>, BaselineError> {
        self.reach().await.map_err(unavailable)?;
        self.world.servers.baselines.read_baseline(baseline).await
    }

    async fn remove_baseline(&self, baseline: &Baseline) -> Result<(), BaselineError> {
        self.reach().await.map_err(unavailable)?;
        self.world.servers.baselines.remove_baseline(baseline).await
    }

    async fn size_bytes(&self) -> Result<u64, ReadError> {
        self.reach().await?;
        Ok(self.world.servers.size_bytes())
    }

    async fn notify(&self, notice: Bytes) {
        notices::say(&self.world, self.place(), &notice);
    }

    fn notices(&self) -> Notices {
        Notices::new(self.world.servers.listen(self.place()))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what an error is mapped by")]
fn unavailable(error: ReadError) -> BaselineError {
    BaselineError::Unavailable { reason: error.to_string() }
}

/// An append on its way to the servers, and its outcome on its way back.
async fn carry(world: Arc<World>, write: Write) {
    let (from, crashes) = (write.from, world.servers.crashes());
    let latency = world.latency();
    tokio::time::sleep(latency).await;
    if world.strikes(Fault::SlowLog, 15) {
        sleep_ms(world.roll(Dice::Fault(Fault::SlowLog), |rng| rng.u64(50..1_500))).await;
    }
    if world.strikes(Fault::LateAppend, 4) {
        sleep_ms(world.roll(Dice::Fault(Fault::LateAppend), |rng| rng.u64(2_000..12_000))).await;
    }
    let answer_is_lost = world.strikes(Fault::AmbiguousAppend, 10);
    if answer_is_lost && world.roll(Dice::Fault(Fault::AmbiguousAppend), |rng| rng.u8(0..3)) == 0 {
        return;
    }
    if world.settings.masters == 1 && world.servers.crashes() > crashes {
        // It was in the process that died.
        return;
    }
    if !world.servers.is_available() {
        // Refused by servers that cannot, or lost with the connection.
        if world.roll(Dice::Log, |rng| rng.bool()) {
            write.tell(Err(AppendError::Unavailable { reason: "the simulated log has no quorum".to_owned() }));
        }
        return;
    }
    let (write, outcome) = world.write(write).await;
    // What was refused is never written.
    if outcome.is_ok() && world.strikes(Fault::RepeatedAppend, 10) {
        let ms = world.roll(Dice::Fault(Fault::RepeatedAppend), |rng| rng.u64(1..500));
        let (world, again) = (Arc::clone(&world), write.again());
        tokio::spawn(async move {
            sleep_ms(ms).await;
            // Nobody hears of its outcome.
            drop(world.write(again).await);
        });
    }
    if answer_is_lost || !world.network.is_open(Place::Log, from) {
        return;
    }
    tokio::time::sleep(world.latency()).await;
    if world.network.is_open(Place::Log, from) {
        write.tell(outcome);
    }
}
