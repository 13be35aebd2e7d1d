//! Who leads, who follows, and handing over.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use master::{HandOverError, KnownLeader, Role};
use protocol::operator::{HandOver, HandedOver, LeaderView, MasterRole, MasterView};

use super::Operator;
use crate::Error;

pub(super) async fn show(State(operator): State<Operator>) -> Json<LeaderView> {
    let health = operator.handle.health();
    let peers = operator.handle.peers();
    let state = operator.handle.read();
    let (role, leads) = match &health.role {
        Role::Leading => (MasterRole::Leading, true),
        Role::Following { leader } => (MasterRole::Following, leader.is_some()),
    };
    let this = MasterView {
        name: health.name.clone(),
        role,
        seq: state.seq,
        addresses: operator.addresses.clone(),
        answers_this: true,
    };
    let others = peers.into_iter().map(|peer| MasterView {
        role: if peer.leads { MasterRole::Leading } else { MasterRole::Following },
        name: peer.name,
        seq: peer.seq,
        addresses: peer.addresses,
        answers_this: false,
    });
    let mut masters: Vec<MasterView> = std::iter::once(this).chain(others).collect();
    masters.sort_by(|a, b| a.name.cmp(&b.name));
    Json(LeaderView {
        leader: Some(health.leader).filter(|leader| leads && !leader.is_empty()),
        addresses: state.header.leader_addresses.clone(),
        epoch: state.epoch,
        led_since: state.header.led_since,
        now: operator.handle.now(),
        masters,
    })
}

pub(super) async fn hand_over(
    State(operator): State<Operator>,
    wish: Result<Json<HandOver>, JsonRejection>,
) -> Result<Json<HandedOver>, Error> {
    let Json(HandOver { to }) = wish?;
    let KnownLeader { name, addresses } = operator.handle.hand_over(to).await?;
    Ok(Json(HandedOver { leader: name, addresses }))
}

impl From<HandOverError> for Error {
    fn from(error: HandOverError) -> Self {
        let message = error.to_string();
        match error {
            HandOverError::NotLeading(why) => why.into(),
            HandOverError::NobodyThere | HandOverError::LeadsAlready(_) => Self::Conflict(message),
            HandOverError::Unknown { .. } => Self::NotFound(message),
            HandOverError::NobodyTookOver { .. } => Self::Unavailable { message, retry_after_s: 1 },
        }
    }
}
