//! `bayplan replay stats`

use std::ops::ControlFlow;

use model::SealedRecord;

use super::stretch::Stretch;
use crate::cli::replay::Stats;
use crate::failure::Failure;
use crate::output::Output;
use crate::past::PastLog;
use crate::render;

pub(super) async fn run(wish: Stats, out: &mut Output) -> Result<(), Failure> {
    let log = PastLog::open(&wish.log).await?.way_out("--until");
    let stretch = Stretch::of(&log, wish.from, wish.until).await?;
    let mut stats = replay::Stats::default();
    let see = |sealed: &SealedRecord| -> Result<ControlFlow<()>, Failure> {
        stats.see(&sealed.record, sealed.bytes.len() as u64);
        Ok(ControlFlow::Continue(()))
    };
    stretch.each(&log, "counting", see).await?;
    let told = stats.told();
    if out.is_json() {
        return out.document(&told);
    }
    let text = render::stats::stats(&told, wish.top, out.width());
    out.text(&text)
}
