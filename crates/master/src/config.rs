//! What a master can be told.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use model::{LeaderAddresses, Profile};
use scheduler::Policies;

use crate::environment::{Environment, System};

#[derive(Debug, Clone)]
pub struct Config {
    /// How this master calls itself in the log.
    pub leader: String,
    /// Where others reach it, if they can.
    pub addresses: Option<LeaderAddresses>,
    /// How it gets on with other masters; None when it has its log for itself.
    pub standby: Option<Standby>,
    /// None keeps the policy that the log has.
    pub placement_policy: Option<String>,
    /// What that name means, unless it is built in or the log says so.
    pub profile: Option<Arc<Profile>>,
    /// Where policies come from that are not built in.
    pub policies: Policies,
    /// How often agents and the master hear from each other at least.
    pub heartbeat_interval: Duration,
    /// How long an agent may be away before its tasks are given up.
    pub agent_timeout: Duration,
    /// How long a framework may keep an offer.
    pub offer_timeout: Duration,
    /// How many commands may wait to be decided; beyond it, submitters are told to come back.
    pub inbox_limit: usize,
    /// How many records one append holds at most.
    pub batch_limit: usize,
    /// How many records lie between two that carry the state's hash.
    pub state_hash_interval: u64,
    /// Where the folded state is kept, so that a start need not fold the whole log; None keeps it nowhere.
    pub snapshot: Option<SnapshotConfig>,
    /// How much of the log is kept; None keeps all of it.
    pub retention: Option<Retention>,
    pub environment: Arc<dyn Environment>,
    #[doc(hidden)]
    pub sabotage: Sabotage,
}

/// What is to go wrong; nothing, unless a simulation plants it to show that it would find it.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sabotage {
    /// Records are shown, and commands answered, before the log has them.
    pub shows_before_durable: bool,
    /// Records that do not count are folded like those that do, while this master follows.
    pub folds_void_records: bool,
}

/// When the log is trimmed, behind baselines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Above so many bytes.
    pub max_bytes: Option<u64>,
    /// When its oldest record is older than this.
    pub max_age: Option<Duration>,
    /// How often the leader looks.
    pub check_interval: Duration,
}

/// The folded state on disk.
#[derive(Debug, Clone)]
pub struct SnapshotConfig {
    /// For one master at a time.
    pub folder: PathBuf,
    pub options: snapshot::Options,
}

/// How masters that share a log notice that nobody leads. The log decides who does.
#[derive(Debug, Clone)]
pub struct Standby {
    /// How often the leader says that it leads.
    pub heartbeat: Duration,
    /// After so much silence the others try to lead.
    pub campaign_after: Duration,
}

impl Standby {
    /// A leader whose log has not answered for so long gives up: agents and frameworks that would stay with it find the next
    /// one.
    pub(crate) fn step_down_after(&self) -> Duration {
        self.campaign_after * STEP_DOWN_FACTOR
    }
}

/// A server of the log may restart within that time, and the leader goes on.
const STEP_DOWN_FACTOR: u32 = 15;

impl Default for Standby {
    fn default() -> Self {
        Self { heartbeat: Duration::from_millis(150), campaign_after: Duration::from_millis(600) }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            leader: "master".to_owned(),
            addresses: None,
            standby: None,
            placement_policy: None,
            profile: None,
            policies: Policies::default(),
            heartbeat_interval: Duration::from_secs(5),
            agent_timeout: Duration::from_secs(75),
            offer_timeout: Duration::from_millis(scheduler::DEFAULT_OFFER_TIMEOUT_MS),
            inbox_limit: 4_096,
            batch_limit: 512,
            state_hash_interval: 1_024,
            snapshot: None,
            retention: None,
            environment: Arc::new(System),
            sabotage: Sabotage::default(),
        }
    }
}

/// How many heartbeats may be missed before the other side is taken to be away.
pub const HEARTBEATS_MISSED: u32 = 3;
