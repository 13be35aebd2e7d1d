//! Gives commands what `decide` may not ask for: time, an id and a seed.

use model::{ClusterId, Command, CommandId, CommandKind, Principal, Timestamp};

use crate::environment::Environment;

/// The clock never goes back behind what the log has seen.
pub(crate) fn mint(
    environment: &dyn Environment,
    principal: Principal,
    kind: CommandKind,
    last_at: Timestamp,
) -> Command {
    let (id, seed) = (CommandId(environment.random()), environment.random());
    let seed = u64::from_le_bytes(seed[..8].try_into().expect("sixteen bytes hold eight"));
    Command { id, at: environment.now().max(last_at), seed, principal, kind }
}

pub(crate) fn new_cluster_id(environment: &dyn Environment) -> ClusterId {
    ClusterId::new(CommandId(environment.random()).derive(0))
}
