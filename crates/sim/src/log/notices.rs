//! What masters say to each other beside the log: late, out of order, or never heard.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use eventlog::{Heard, NoticeSource};
use tokio::sync::mpsc;

use super::Servers;
use crate::world::{Place, World};

/// Notices that may wait for a listener.
const WAITING: usize = 64;

pub(super) struct Listener {
    heard: mpsc::Receiver<Bytes>,
}

impl NoticeSource for Listener {
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<Heard>> + Send + '_>> {
        Box::pin(async { self.heard.recv().await.map(Heard::Notice) })
    }
}

impl Servers {
    pub(super) fn listen(&self, place: Place) -> Listener {
        let (said, heard) = mpsc::channel(WAITING);
        self.held().listeners.insert(place, said);
        Listener { heard }
    }
}

/// Sends a notice to everybody who listens, the one who says it included.
pub(super) fn say(world: &Arc<World>, from: Place, notice: &Bytes) {
    if !world.servers.is_available() || !world.network.is_open(from, Place::Log) {
        return;
    }
    let listeners = world.servers.held().listeners.clone();
    for (to, said) in listeners {
        let (world, notice) = (Arc::clone(world), notice.clone());
        tokio::spawn(async move {
            if world.travel(Place::Log, to).await.is_ok() {
                // Somebody who does not keep up, or is gone, misses it.
                let _missed = said.try_send(notice);
            }
        });
    }
}
