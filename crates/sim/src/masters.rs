//! A master's process, over and over again.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use eventlog::ReadError;
use master::{Config, Sabotage, Standby, StartError};
use tokio_util::sync::CancellationToken;

use crate::clock::NodeClock;
use crate::log::SimLog;
use crate::plants::Plant;
use crate::wire::name_of;
use crate::world::{Dice, Life, World, sleep_ms};

const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(2);
const AGENT_TIMEOUT: Duration = Duration::from_secs(20);
const STANDBY: Standby =
    Standby { heartbeat: Duration::from_millis(300), campaign_after: Duration::from_millis(1_200) };
/// How many records lie between two that carry the state's hash: few, so that many are compared.
const STATE_HASH_INTERVAL: u64 = 32;
/// Between two tries to start a master that could not.
const START_AGAIN_MS: u64 = 500;

/// Keeps a master running, whatever happens to it.
pub(crate) async fn keep_running(world: Arc<World>, number: u8) {
    let seat = &world.masters[usize::from(number)];
    loop {
        let died = tokio::select! {
            biased;
            () = seat.kill.notified() => true,
            () = live(&world, number) => false,
        };
        if let Some(life) = seat.running.lock().unwrap_or_else(PoisonError::into_inner).take() {
            life.over.cancel();
        }
        world.note("master is down", &[u64::from(number)]);
        if died && world.settings.masters == 1 {
            // Its log is in the same process.
            world.servers.crash(&world);
        }
        let away_ms = if died { world.roll(Dice::Trouble, |rng| rng.u64(10..5_000)) } else { START_AGAIN_MS };
        tokio::select! {
            biased;
            () = world.calm.cancelled() => sleep_ms(START_AGAIN_MS).await,
            () = sleep_ms(away_ms) => {}
        }
    }
}

/// One life of a master; ends when it cannot go on, and everything of it ends with this.
async fn live(world: &Arc<World>, number: u8) {
    let seat = &world.masters[usize::from(number)];
    let log = Arc::new(SimLog { world: Arc::clone(world), master: number });
    let clock = NodeClock { world: Arc::clone(world), dice: Dice::Master(number), offset: seat.clock.clone() };
    let config = Config {
        leader: name_of(number),
        standby: (world.settings.masters > 1).then_some(STANDBY),
        placement_policy: None,
        heartbeat_interval: HEARTBEAT_INTERVAL,
        agent_timeout: AGENT_TIMEOUT,
        state_hash_interval: STATE_HASH_INTERVAL,
        environment: Arc::new(clock),
        sabotage: Sabotage {
            shows_before_durable: world.has_plant(Plant::EffectBeforeAck),
            folds_void_records: world.has_plant(Plant::RuleOff),
        },
        ..Config::default()
    };
    let (handle, mut running) = match master::start(log, config).await {
        Ok(started) => started,
        Err(error) => {
            if let Some(what) = damage(&error) {
                world.violate("the log can be folded", format!("master {number} cannot start: {what}"));
            }
            return;
        }
    };
    world.note("master is up", &[u64::from(number)]);
    let life = Life { handle, over: CancellationToken::new() };
    *seat.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(life);
    let why = running.failed().await;
    world.note("master gives up", &[u64::from(number)]);
    tracing::debug!(number, why, "a master gives up");
}

/// What a log that is whole never is the reason for.
fn damage(error: &StartError) -> Option<String> {
    match error {
        StartError::Diverged(_) => Some(error.to_string()),
        StartError::Read(ReadError::Unavailable { .. }) => None,
        StartError::Read(_) => Some(error.to_string()),
        _ => None,
    }
}
