//! `bayplan replay grep`

use std::ops::ControlFlow;

use model::{Record, SealedRecord};
use regex::Regex;
use replay::{Filter, Sought};
use serde::Serialize;

use super::stretch::Stretch;
use crate::cli::replay::Grep;
use crate::failure::Failure;
use crate::output::Output;
use crate::past::PastLog;
use crate::render;

#[derive(Debug, Default, Serialize)]
struct Counted {
    records: u64,
    events: u64,
}

pub(super) async fn run(wish: Grep, out: &mut Output) -> Result<(), Failure> {
    let log = PastLog::open(&wish.log).await?.way_out("--until");
    let stretch = Stretch::of(&log, wish.from, wish.until).await?;
    let filter = filter(&wish)?;
    let mut counted = Counted::default();
    let see = |sealed: &SealedRecord| -> Result<ControlFlow<()>, Failure> {
        let record = &sealed.record;
        let Some(found) = filter.find(record) else { return Ok(ControlFlow::Continue(())) };
        counted.records += 1;
        counted.events += found.events.len() as u64;
        match (wish.count, out.is_json()) {
            (true, _) => {}
            (false, true) => out.line(&**record)?,
            (false, false) if wish.whole => out.text(&render::event::lines(record))?,
            (false, false) => {
                let events = found.events.iter().map(|index| record.events[*index].clone()).collect();
                out.text(&render::event::lines(&Record { events, ..Record::clone(record) }))?;
            }
        }
        Ok(ControlFlow::Continue(()))
    };
    stretch.each(&log, "searching", see).await?;
    if wish.count && out.is_json() {
        out.document(&counted)?;
    } else if wish.count {
        let (records, events) = (counted.records, counted.events);
        let text = format!("{}, {}\n", render::count(records, "record"), render::count(events, "event"));
        out.text(&text)?;
    }
    if counted.records == 0 {
        return Err(Failure::failed(format!("none of records {} to {} is so", stretch.first, stretch.last)));
    }
    Ok(())
}

fn filter(wish: &Grep) -> Result<Filter, Failure> {
    let mut texts: Vec<Regex> = wish.regex.iter().cloned().collect();
    if let Some(text) = &wish.text {
        let wrong = |error| Failure::Usage(format!("--text: {error}"));
        texts.push(Regex::new(&regex::escape(text)).map_err(wrong)?);
    }
    Ok(Filter {
        events: wish.event.iter().cloned().collect(),
        commands: wish.command.iter().cloned().collect(),
        principals: wish.by.clone(),
        about: wish.id.iter().map(|id| Sought::parse(id)).collect(),
        texts,
    })
}
