//! `bayplan replay diff`

use crate::cli::replay::Diff;
use crate::failure::Failure;
use crate::output::Output;
use crate::past::PastLog;
use crate::render;

pub(super) async fn run(wish: Diff, out: &mut Output) -> Result<(), Failure> {
    let log = PastLog::open(&wish.log).await?.way_out("record");
    let (from, to) = (log.seq_of(&wish.from).await?, log.seq_of(&wish.to).await?);
    let before = log.open_at(from).await?.into_state();
    let after = log.open_at(to).await?.into_state();
    let mut found = replay::diff(&before, &after);
    if !wish.only.is_empty() {
        found.tables.retain(|name, _| wish.only.iter().any(|only| only.name() == *name));
    }
    if out.is_json() {
        return out.document(&found);
    }
    out.text(&render::diff::diff(&found, wish.all))
}
