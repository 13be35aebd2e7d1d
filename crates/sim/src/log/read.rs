//! Reading the simulated log.

use std::sync::Arc;

use eventlog::{Message, NextChunk, ReadError, Source};
use model::Position;

use crate::world::{Place, World};

/// Messages handed out at a time.
const CHUNK_MESSAGES: usize = 256;

pub(super) struct Reader {
    world: Arc<World>,
    master: u8,
    next: Position,
    /// Where a read ends, once it has begun; a tail has no end.
    until: Option<Position>,
    follows: bool,
}

impl Reader {
    pub(super) fn new(world: Arc<World>, master: u8, from: Position, follows: bool) -> Self {
        Self { world, master, next: from.max(Position(1)), until: None, follows }
    }

    fn is_reachable(&self) -> bool {
        self.world.network.is_open(Place::Log, Place::Master(self.master)) && self.world.servers.is_available()
    }

    async fn chunk(&mut self) -> Option<Result<Vec<Message>, ReadError>> {
        if self.follows {
            // A subscription outlives a partition; what is said meanwhile comes later.
            self.world.servers.until_there(self.next).await;
            self.world.network.until_open(Place::Log, Place::Master(self.master)).await;
        } else if !self.is_reachable() {
            tokio::time::sleep(self.world.latency()).await;
            return Some(Err(ReadError::Unavailable { reason: "the simulated log is out of reach".to_owned() }));
        }
        let last = self.world.servers.bounds().last;
        let until = if self.follows { last } else { *self.until.get_or_insert(last) };
        if self.next > until {
            return None;
        }
        tokio::time::sleep(self.world.latency()).await;
        let taken = self.world.servers.take(self.next, until, CHUNK_MESSAGES);
        let taken = taken.map_err(|first| ReadError::Trimmed { wanted: self.next, first });
        match taken.as_ref().map(|messages| messages.last()) {
            Ok(Some(message)) => self.next = message.position.next(),
            Ok(None) => return Some(Err(ReadError::Missing { position: self.next })),
            Err(_) => {}
        }
        Some(taken)
    }
}

impl Source for Reader {
    fn next_chunk(&mut self) -> NextChunk<'_> {
        Box::pin(self.chunk())
    }
}
