//! `bayplan replay history`

use std::ops::ControlFlow;

use model::SealedRecord;
use replay::{Search, Teller};

use super::stretch::Stretch;
use crate::cli::replay::History;
use crate::failure::Failure;
use crate::output::Output;
use crate::past::PastLog;
use crate::render;

pub(super) async fn run(wish: History, out: &mut Output) -> Result<(), Failure> {
    let log = PastLog::open(&wish.log).await?.way_out("--until");
    let stretch = Stretch::of(&log, wish.from, wish.until).await?;
    let begin = stretch.state_before(&log).await?;
    let mut search = Search::new(&wish.id);
    search.begin(&begin);
    if !search.is_over() {
        let find = |sealed: &SealedRecord| -> Result<ControlFlow<()>, Failure> {
            search.see(&sealed.record);
            Ok(if search.is_over() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        stretch.each(&log, "searching", find).await?;
    }
    let subject = search.finish().map_err(|why| Failure::NotFound(why.to_string()))?;
    let mut teller = Teller::new(subject, &begin);
    let tell = |sealed: &SealedRecord| -> Result<ControlFlow<()>, Failure> {
        teller.see(&sealed.record);
        Ok(ControlFlow::Continue(()))
    };
    stretch.each(&log, "reading", tell).await?;
    let story = teller.finish();
    if out.is_json() {
        return out.document(&story);
    }
    out.text(&render::story::story(&story))
}
