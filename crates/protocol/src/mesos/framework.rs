//! What a framework says of itself.

use model::FrameworkInfo;
use serde::Deserialize;

use super::Id;

/// A framework that subscribes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its own id, when it has one.
    pub framework: Option<String>,
    pub info: FrameworkInfo,
    /// It wants no offers until it revives.
    pub is_suppressed: bool,
}

#[derive(Deserialize)]
pub(super) struct WireSubscribe {
    framework_info: WireFramework,
    #[serde(default)]
    suppressed_roles: Vec<String>,
}

#[derive(Deserialize)]
struct WireFramework {
    user: String,
    name: String,
    id: Option<Id>,
    failover_timeout: Option<f64>,
    role: Option<String>,
    #[serde(default)]
    roles: Vec<String>,
    principal: Option<String>,
    hostname: Option<String>,
    webui_url: Option<String>,
}

impl WireSubscribe {
    /// `outer` is the id beside the call's type, which must be the same.
    pub(super) fn subscription(self, outer: Option<&str>) -> Result<Subscription, String> {
        let Self { framework_info: wire, suppressed_roles } = self;
        let framework = wire.id.map(|id| id.value).filter(|id| !id.is_empty());
        if framework.as_deref() != outer {
            return Err("subscribe.framework_info.id and framework_id must be the same, or both left out".to_owned());
        }
        let role = match (wire.role, wire.roles.as_slice()) {
            (Some(role), []) => role,
            (None, [role]) => role.clone(),
            (None, []) => "*".to_owned(),
            _ => return Err("subscribe.framework_info.roles: only one role is supported yet".to_owned()),
        };
        let failover_timeout_ms = milliseconds(wire.failover_timeout.unwrap_or(0.0))
            .ok_or("subscribe.framework_info.failover_timeout must be seconds, and not negative")?;
        let is_suppressed = suppressed_roles.contains(&role);
        let info = FrameworkInfo {
            name: wire.name,
            user: wire.user,
            role,
            failover_timeout_ms,
            principal: wire.principal,
            hostname: wire.hostname.filter(|hostname| !hostname.is_empty()),
            webui_url: wire.webui_url.filter(|url| !url.is_empty()),
        };
        Ok(Subscription { framework, info, is_suppressed })
    }
}

/// Seconds as a whole number of milliseconds, up to what a clock can hold.
pub(super) fn milliseconds(seconds: f64) -> Option<u64> {
    (seconds.is_finite() && seconds >= 0.0).then(|| (seconds * 1000.0).round().min(1e15) as u64)
}
