//! Gives commands what `decide` may not ask for: time, an id and a seed.

use std::time::{SystemTime, UNIX_EPOCH};

use model::{ClusterId, Command, CommandId, CommandKind, Principal, Timestamp};

/// The clock never goes back behind what the log has seen.
pub(crate) fn mint(principal: Principal, kind: CommandKind, last_at: Timestamp) -> Command {
    let [id, seed] = random();
    let seed = u64::from_le_bytes(seed[..8].try_into().expect("sixteen bytes hold eight"));
    Command { id: CommandId(id), at: now().max(last_at), seed, principal, kind }
}

pub(crate) fn new_cluster_id() -> ClusterId {
    let [id, _] = random();
    ClusterId::new(CommandId(id).derive(0))
}

pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

fn random() -> [[u8; 16]; 2] {
    let mut bytes = [[0; 16]; 2];
    for half in &mut bytes {
        getrandom::fill(half).expect("the kernel gives random bytes");
    }
    bytes
}
