//! Watches how long agents are silent. Heartbeats are not logged; only their absence is.

use std::time::Duration;

use model::{AgentId, CommandKind, DisconnectReason, Principal, RemovalReason};

use crate::config::{Config, HEARTBEATS_MISSED};
use crate::handle::Handle;

const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(crate) async fn watch(handle: Handle, config: Config) {
    let mut look = tokio::time::interval(LOOK_EVERY.min(config.heartbeat_interval));
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let agents: Vec<(AgentId, bool)> =
            handle.read().agents.values().map(|agent| (agent.id, agent.is_connected())).collect();
        let silence = handle.sessions.silence(agents.iter().map(|(agent, _)| *agent));
        for ((agent, connected), (_, silent, has_session)) in agents.into_iter().zip(silence) {
            let is_silent = silent > config.heartbeat_interval * HEARTBEATS_MISSED;
            // An agent that came back in the moment in which it was marked as disconnected has to come once more.
            if has_session && (is_silent || !connected) {
                handle.sessions.hang_up(agent);
            }
            if connected && is_silent {
                disconnect(&handle, agent).await;
            } else if !connected && silent > config.agent_timeout {
                remove(&handle, agent).await;
            }
        }
    }
}

async fn disconnect(handle: &Handle, agent: AgentId) {
    let kind = CommandKind::DisconnectAgent { agent, reason: DisconnectReason::HeartbeatsMissed };
    if let Err(why) = handle.submit(Principal::new("master"), kind).await {
        tracing::warn!(%agent, %why, "a silent agent could not be marked as disconnected; trying again");
    }
}

async fn remove(handle: &Handle, agent: AgentId) {
    let kind = CommandKind::RemoveAgent { agent, reason: RemovalReason::TimedOut };
    match handle.submit(Principal::new("master"), kind).await {
        // It came back while this was decided.
        Ok(committed) if committed.record.is_none() => {}
        Ok(_) => {
            tracing::warn!(%agent, "the agent was silent for too long and was removed with its tasks");
            handle.sessions.forget(agent);
        }
        Err(why) => tracing::warn!(%agent, %why, "a silent agent could not be removed; trying again"),
    }
}
