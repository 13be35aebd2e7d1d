//! `bayplan replay info`: the bounds of a log, and what is kept of it.

use eventlog::EventLog;
use model::{ClusterId, Seq, Timestamp};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;
use crate::past::{PastBounds, PastLog};
use crate::render::time::moment;

#[derive(Serialize)]
struct Info {
    cluster: Option<ClusterId>,
    first: Seq,
    first_at: Timestamp,
    last: Seq,
    last_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<String>,
    /// Records after which a state is kept.
    baselines: Vec<Seq>,
    checkpoints: Vec<Seq>,
    cached: Vec<Seq>,
}

pub(super) async fn run(log: &PastLog, out: &mut Output) -> Result<(), Failure> {
    let PastBounds { cluster, first, first_at, last, last_at, damage } = log.bounds().await?;
    let failed = |error: &dyn std::fmt::Display| Failure::failed(error.to_string());
    let baselines = log.log().baselines().await.map_err(|error| failed(&error))?;
    let kept = log.kept();
    let checkpoints =
        kept.snapshot.as_deref().map(snapshot::checkpoints).transpose().map_err(|error| failed(&error))?;
    let info = Info {
        cluster,
        first,
        first_at,
        last,
        last_at,
        damage,
        baselines: baselines.iter().map(|baseline| baseline.seq).collect(),
        checkpoints: checkpoints.iter().flatten().map(|checkpoint| checkpoint.seq).collect(),
        cached: kept.cache.iter().flat_map(snapshot::Cache::states).map(|cached| cached.seq).collect(),
    };
    if out.is_json() { out.document(&info) } else { out.text(&text(&info)) }
}

fn text(info: &Info) -> String {
    let cluster = info.cluster.as_ref().map_or("-".to_owned(), ToString::to_string);
    let kept = |seqs: &[Seq]| match seqs {
        [] => "none".to_owned(),
        [seq] => format!("of record {seq}"),
        [first, .., last] => format!("{}, of records {first} to {last}", seqs.len()),
    };
    let damage = info.damage.as_ref().map_or_else(String::new, |damage| format!("damaged      {damage}\n"));
    format!(
        "cluster      {cluster}\nfrom         record {}, at {}\nto           record {}, at {}\n{damage}baselines    {}\ncheckpoints  {}\n\
         cached       {}\n",
        info.first,
        moment(info.first_at),
        info.last,
        moment(info.last_at),
        kept(&info.baselines),
        kept(&info.checkpoints),
        kept(&info.cached)
    )
}
