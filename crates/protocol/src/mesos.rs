//! Mesos' scheduler API, version 1: what frameworks say and are told, in its JSON dialect.
//!
//! The dialect is not proto3's: names are snake_case, 64-bit integers are numbers, bytes are base64 and enums are their
//! names. Fields that are not known are passed over, as Mesos passes over them; what would change how a task runs and is not
//! built is refused by name. A framework calls itself by the cluster's id and its number there, so that one cluster never takes
//! a framework of another for its own.

mod call;
mod container;
mod event;
mod framework;
mod recordio;
mod resources;
mod task;

use model::{ClusterId, FrameworkId};
use serde::{Deserialize, Serialize};

pub use call::{Accept, Call, CallError, CallKind, ReconciledTask, parse_call};
pub use event::{Encoder, Event, MasterInfo, Offer, Update};
pub use framework::Subscription;
pub use recordio::{RecordIo, RecordIoError, frame};

/// Where frameworks subscribe and call.
pub const SCHEDULER_PATH: &str = "/api/v1/scheduler";
pub const VERSION_PATH: &str = "/version";
/// The header that names a subscription; every later call carries it.
pub const STREAM_ID_HEADER: &str = "mesos-stream-id";
pub const HEARTBEAT_INTERVAL_S: u64 = 15;

/// `{"value": "…"}`, as all ids are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Id<T = String> {
    pub(crate) value: T,
}

/// How a framework is called outside of the cluster.
#[must_use]
pub fn framework_id(cluster: &ClusterId, framework: FrameworkId) -> String {
    format!("{cluster}-{:04}", framework.0)
}

/// None for anything that is no framework of this cluster.
#[must_use]
pub fn parse_framework_id(cluster: &ClusterId, text: &str) -> Option<FrameworkId> {
    let number = text.strip_prefix(cluster.as_str())?.strip_prefix('-')?;
    let framework = FrameworkId(number.parse().ok()?);
    (framework_id(cluster, framework) == text && framework != FrameworkId::SERVICES).then_some(framework)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_framework_is_known_in_its_own_cluster_only() {
        let (cluster, other) = (ClusterId::new("c-1"), ClusterId::new("c-2"));
        let id = framework_id(&cluster, FrameworkId(12));
        assert_eq!((id.as_str(), parse_framework_id(&cluster, &id)), ("c-1-0012", Some(FrameworkId(12))));
        for foreign in ["c-2-0012", "c-1-12", "c-1-0000", "c-1-", "", "0012"] {
            assert_eq!(parse_framework_id(&cluster, foreign), None, "{foreign}");
        }
        assert_eq!(parse_framework_id(&other, &id), None);
    }
}
