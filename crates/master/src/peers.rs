//! What the masters of a cluster tell each other beside the log: who leads, who follows and how far, and that somebody is
//! about to stop leading. All of it are hints about when to try; who leads is decided by the log alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use eventlog::{EventLog, Heard, Notices};
use model::{Epoch, LeaderAddresses, Seq};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::config::Config;
use crate::reads::Reads;

/// Masters that were silent for so long are not counted any more: one that led, which speaks often, and one that followed.
const LEADER_FORGOTTEN_AFTER: Duration = Duration::from_secs(1);
const FOLLOWER_FORGOTTEN_AFTER: Duration = Duration::from_secs(3);
/// How often those that follow say so.
const FOLLOWER_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Notice {
    /// Tells a master from itself, and from its earlier lives.
    instance: [u8; 16],
    name: String,
    addresses: Option<LeaderAddresses>,
    epoch: Epoch,
    seq: Seq,
    says: Says,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Says {
    Leads,
    Follows,
    /// It has stopped leading; `to` shall try first, if anybody is named.
    HandsOver {
        to: Option<String>,
    },
}

/// Another master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub name: String,
    pub addresses: Option<LeaderAddresses>,
    pub leads: bool,
    /// How far it is in the log.
    pub seq: Seq,
}

impl Peer {
    fn is_there(&self, heard_at: Instant) -> bool {
        let forgotten_after = if self.leads { LEADER_FORGOTTEN_AFTER } else { FOLLOWER_FORGOTTEN_AFTER };
        heard_at.elapsed() < forgotten_after
    }
}

/// What makes a master try to lead, or stop.
#[derive(Debug, Clone)]
pub(crate) struct Signs {
    /// When the leader was last heard of.
    pub(crate) leader_heard_at: Instant,
    /// The newest epoch that somebody leads in.
    pub(crate) epoch: Epoch,
    pub(crate) hand_over: Option<HandOver>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HandOver {
    pub(crate) epoch: Epoch,
    pub(crate) to: Option<String>,
}

pub(crate) struct Peers {
    instance: [u8; 16],
    heard: Mutex<BTreeMap<[u8; 16], (Peer, Instant)>>,
    signs: watch::Sender<Signs>,
}

impl Peers {
    pub(crate) fn new(instance: [u8; 16]) -> Self {
        let signs = Signs { leader_heard_at: Instant::now(), epoch: Epoch(0), hand_over: None };
        Self { instance, heard: Mutex::default(), signs: watch::Sender::new(signs) }
    }

    pub(crate) fn signs(&self) -> watch::Receiver<Signs> {
        self.signs.subscribe()
    }

    /// Something shows that somebody leads.
    pub(crate) fn leader_lives(&self) {
        self.signs.send_modify(|signs| signs.leader_heard_at = Instant::now());
    }

    /// The masters that were heard of a moment ago, without this one.
    pub(crate) fn others(&self) -> Vec<Peer> {
        let heard = self.heard();
        heard.values().filter(|(peer, heard_at)| peer.is_there(*heard_at)).map(|(peer, _)| peer.clone()).collect()
    }

    fn heard(&self) -> MutexGuard<'_, BTreeMap<[u8; 16], (Peer, Instant)>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens until the log is closed.
    pub(crate) async fn listen(self: Arc<Self>, mut notices: Notices) {
        while let Some(heard) = notices.next().await {
            match heard {
                // The leader may have been there all the time.
                Heard::Interrupted => self.leader_lives(),
                Heard::Notice(bytes) => match rmp_serde::from_slice::<Notice>(&bytes) {
                    Ok(notice) if notice.instance != self.instance => self.hear(notice),
                    Ok(_) => {}
                    Err(error) => tracing::debug!(%error, "a notice of another master is not understood"),
                },
            }
        }
    }

    fn hear(&self, notice: Notice) {
        let Notice { instance, name, addresses, epoch, seq, says } = notice;
        let mut heard = self.heard();
        heard.retain(|_, (peer, heard_at)| peer.is_there(*heard_at));
        let leads = says == Says::Leads;
        heard.insert(instance, (Peer { name, addresses, leads, seq }, Instant::now()));
        drop(heard);
        match says {
            Says::Follows => {}
            Says::Leads => self.signs.send_modify(|signs| {
                if epoch >= signs.epoch {
                    signs.leader_heard_at = Instant::now();
                    signs.epoch = epoch;
                }
            }),
            Says::HandsOver { to } => self.signs.send_modify(|signs| {
                if epoch >= signs.epoch {
                    signs.hand_over = Some(HandOver { epoch, to });
                }
            }),
        }
    }

    fn notice(&self, config: &Config, reads: &Reads, says: Says) -> bytes::Bytes {
        let (epoch, seq) = {
            let state = reads.state();
            (state.epoch, state.seq)
        };
        let (name, addresses) = (config.leader.clone(), config.addresses.clone());
        let notice = Notice { instance: self.instance, name, addresses, epoch, seq, says };
        rmp_serde::to_vec_named(&notice).expect("a notice is plain data").into()
    }

    pub(crate) async fn say<L: EventLog>(&self, log: &L, config: &Config, reads: &Reads, says: Says) {
        log.notify(self.notice(config, reads, says)).await;
    }
}

/// Says again and again what this master does.
pub(crate) async fn herald<L: EventLog>(
    peers: Arc<Peers>,
    log: Arc<L>,
    config: Config,
    heartbeat: Duration,
    reads: Arc<Reads>,
    mut leads: watch::Receiver<bool>,
) {
    loop {
        let leading = *leads.borrow_and_update();
        let (says, pause) =
            if leading { (Says::Leads, heartbeat) } else { (Says::Follows, FOLLOWER_INTERVAL.max(heartbeat)) };
        peers.say(log.as_ref(), &config, &reads, says).await;
        tokio::select! {
            biased;
            changed = leads.changed() => if changed.is_err() {
                return;
            },
            () = tokio::time::sleep(pause) => {}
        }
    }
}
