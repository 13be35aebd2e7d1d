//! `bayplan log info`: what can be told of a log without folding it.

use std::fmt::Write as _;
use std::path::Path;

use eventlog::{EventLog, Message};
use model::{Epoch, Event, Position};
use serde::Serialize;

use super::Session;
use super::fold::failed;
use crate::failure::Failure;
use crate::render::quantity::megabytes;

#[derive(Serialize)]
struct Info {
    cluster: Option<String>,
    leader: Option<String>,
    first_position: u64,
    last_position: u64,
    first_seq: Option<u64>,
    last_seq: Option<u64>,
    epoch: Option<u64>,
    bytes: u64,
    baselines: Vec<BaselineInfo>,
    snapshot: Option<SnapshotInfo>,
    checkpoints: Vec<u64>,
}

#[derive(Serialize)]
struct BaselineInfo {
    seq: u64,
    position: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct SnapshotInfo {
    seq: u64,
    position: u64,
}

pub(super) async fn run<L: EventLog>(log: &L, snapshot: Option<&Path>, session: &mut Session) -> Result<(), Failure> {
    let bounds = log.bounds().await.map_err(failed)?;
    let (oldest, newest) = (read(log, bounds.first).await?, read(log, bounds.last).await?);
    let baselines = log.baselines().await.map_err(failed)?;
    let epoch = newest.as_ref().and_then(|message| message.content.last_epoch());
    let mut cluster = oldest.as_ref().and_then(started).map(|(cluster, _)| cluster);
    if let (None, Some(baseline)) = (&cluster, baselines.last()) {
        let bytes = log.read_baseline(baseline).await.map_err(failed)?;
        let mark = snapshot::baseline::mark(&bytes).map_err(failed)?;
        cluster = mark.cluster.map(|cluster| cluster.to_string());
    }
    let leader = match epoch {
        Some(epoch) => leader(log, bounds.first, bounds.last, epoch).await?,
        None => None,
    };
    let (mark, checkpoints) = match snapshot {
        Some(folder) => (
            snapshot::peek(folder).map_err(failed)?,
            snapshot::checkpoints(folder).map_err(failed)?.iter().map(|checkpoint| checkpoint.seq.0).collect(),
        ),
        None => (None, Vec::new()),
    };
    let info = Info {
        cluster,
        leader,
        first_position: bounds.first.0,
        last_position: bounds.last.0,
        first_seq: oldest.and_then(|message| Some(message.content.first_seq()?.0)),
        last_seq: newest.and_then(|message| Some(message.content.last_seq()?.0)),
        epoch: epoch.map(|epoch| epoch.0),
        bytes: log.size_bytes().await.map_err(failed)?,
        baselines: baselines
            .iter()
            .map(|it| BaselineInfo { seq: it.seq.0, position: it.position.0, bytes: it.bytes })
            .collect(),
        snapshot: mark.map(|mark| SnapshotInfo { seq: mark.tip.seq.0, position: mark.position.0 }),
        checkpoints,
    };
    session.tell(&info, text(&info).trim_end())
}

fn text(info: &Info) -> String {
    let or_dash = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _written = writeln!(text, "{name:<12}{value}");
    };
    line("cluster", info.cluster.clone().unwrap_or_else(|| "-".to_owned()));
    line("leader", info.leader.clone().unwrap_or_else(|| "-".to_owned()));
    line(
        "records",
        format!("{} to {}, epoch {}", or_dash(info.first_seq), or_dash(info.last_seq), or_dash(info.epoch)),
    );
    line("positions", format!("{} to {}", info.first_position, info.last_position));
    line("size", size(info.bytes));
    for baseline in &info.baselines {
        line("baseline", format!("of record {}, {}", baseline.seq, size(baseline.bytes)));
    }
    if let Some(snapshot) = &info.snapshot {
        line("snapshot", format!("of record {}", snapshot.seq));
    }
    if let (Some(first), Some(last)) = (info.checkpoints.first(), info.checkpoints.last()) {
        line("checkpoints", format!("{} of them, of records {first} to {last}", info.checkpoints.len()));
    }
    text
}

fn size(bytes: u64) -> String {
    megabytes(bytes as f64 / f64::from(1 << 20))
}

async fn read<L: EventLog>(log: &L, position: Position) -> Result<Option<Message>, Failure> {
    log.read(position).next().await.transpose().map_err(failed)
}

/// The cluster and the leader that a message's last beginning of an epoch names.
fn started(message: &Message) -> Option<(String, String)> {
    let events = message.content.records().iter().rev().flat_map(|sealed| sealed.record.events.first());
    events.into_iter().find_map(|event| match event {
        Event::EpochStarted { cluster, leader, .. } => Some((cluster.to_string(), leader.clone())),
        _ => None,
    })
}

/// Who began the epoch: found by halving, as epochs only rise. Void messages may lead astray, and then nobody is named.
async fn leader<L: EventLog>(
    log: &L,
    first: Position,
    last: Position,
    epoch: Epoch,
) -> Result<Option<String>, Failure> {
    let (mut low, mut high) = (first.0, last.0);
    while low < high {
        let middle = low + (high - low) / 2;
        let message = read(log, Position(middle)).await?;
        let reached = message.and_then(|message| message.content.last_epoch());
        if reached.is_some_and(|reached| reached >= epoch) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(read(log, Position(low)).await?.as_ref().and_then(started).map(|(_, leader)| leader))
}
