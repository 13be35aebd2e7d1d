//! From the bytes of many rows to a state: decoded and hashed on all processors, and checked against the mark.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use model::Row;
use state::{HashedRow, State};

use crate::codec::read_row;
use crate::{Loaded, Mark, SnapshotError};

/// Rows are handed on in blocks of at least so many bytes.
pub(crate) const BLOCK_BYTES: usize = 256 << 10;
/// Blocks that may wait for a thread, or their rows for the state, for each thread.
const BLOCKS_WAITING: usize = 4;
const MAX_THREADS: usize = 8;

/// Rows, one after the other.
pub(crate) type Block = Vec<u8>;

/// Where the blocks go; false when nobody wants any more.
pub(crate) struct Blocks(SyncSender<Block>);

impl Blocks {
    pub(crate) fn push(&self, block: Block) -> bool {
        self.0.send(block).is_ok()
    }
}

/// Rebuilds the state whose rows `read` hands out, in any order. Its hash is compared if the same version of the fold made
/// the one in the mark.
pub(crate) fn rebuild(
    mark: Mark,
    read: impl FnOnce(&Blocks) -> Result<(), SnapshotError> + Send,
) -> Result<Loaded, SnapshotError> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
    let (blocks, waiting) = sync_channel::<Block>(threads * BLOCKS_WAITING);
    let (decoded, ready) = sync_channel(threads * BLOCKS_WAITING);
    let waiting = Mutex::new(waiting);
    let (state, failed) = thread::scope(|scope| {
        let reading = scope.spawn(move || read(&Blocks(blocks)));
        for _ in 0..threads {
            let (waiting, decoded) = (&waiting, decoded.clone());
            scope.spawn(move || decode_all(waiting, &decoded));
        }
        drop(decoded);
        let mut failed = None;
        let state = collect(&mark, &ready, &mut failed);
        // Those who still decode learn that nobody waits for them; then the reader learns it.
        drop(ready);
        drain(&waiting);
        let read = reading.join().unwrap_or_else(|_| Err(SnapshotError::Damaged { reason: "reading failed".into() }));
        (state, failed.or(read.err()))
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let (state_hash, state_version) = (state.hash(), state::VERSION);
    if mark.state_version == state_version && mark.state_hash != state_hash {
        return Err(SnapshotError::HashDiffers { written: mark.state_hash, found: state_hash });
    }
    Ok(Loaded { state, mark: Mark { state_hash, state_version, ..mark } })
}

fn decode_all(waiting: &Mutex<Receiver<Block>>, decoded: &SyncSender<Result<Vec<HashedRow>, SnapshotError>>) {
    loop {
        let block = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(block) = block else { return };
        if decoded.send(decode(&block)).is_err() {
            return;
        }
    }
}

fn decode(mut block: &[u8]) -> Result<Vec<HashedRow>, SnapshotError> {
    let mut rows = Vec::new();
    while !block.is_empty() {
        rows.push(HashedRow::of(read_row(&mut block)?));
    }
    Ok(rows)
}

fn collect(
    mark: &Mark,
    ready: &Receiver<Result<Vec<HashedRow>, SnapshotError>>,
    failed: &mut Option<SnapshotError>,
) -> State {
    let blocks = std::iter::from_fn(|| match ready.recv() {
        Ok(Ok(rows)) => Some(rows),
        Ok(Err(error)) => {
            *failed = Some(error);
            None
        }
        Err(_) => None,
    });
    State::from_rows(mark.tip.seq, mark.tip.epoch, mark.at, blocks.flatten())
}

/// Takes what still comes, so that whoever sends it does not wait for ever.
fn drain(waiting: &Mutex<Receiver<Block>>) {
    let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    while waiting.recv().is_ok() {}
}

/// Collects rows into blocks.
#[derive(Default)]
pub(crate) struct Packer {
    block: Block,
}

impl Packer {
    /// The block, when this row has filled it.
    pub(crate) fn add(&mut self, row: &Row) -> Option<Block> {
        crate::codec::write_row(&mut self.block, row);
        (self.block.len() >= BLOCK_BYTES).then(|| std::mem::take(&mut self.block))
    }

    pub(crate) fn finish(self) -> Option<Block> {
        (!self.block.is_empty()).then_some(self.block)
    }
}
