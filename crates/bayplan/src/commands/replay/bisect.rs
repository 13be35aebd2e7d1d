//! `bayplan replay bisect` and `bayplan replay conditions`

use std::sync::Arc;

use model::{Record, Seq};
use replay::{Turn, Worth};
use serde::Serialize;

use super::stretch::Stretch;
use crate::cli::replay::Bisect;
use crate::commands::log::bar::Bar;
use crate::failure::Failure;
use crate::output::Output;
use crate::past::{PastCursor, PastLog};
use crate::render;

/// How often it is told how far it is.
const TELL_EVERY: u64 = 256;

#[derive(Debug, Serialize)]
struct Told {
    condition: String,
    holds: bool,
    /// It holds before the first record that was looked at.
    holds_at_beginning: bool,
    first: Seq,
    last: Seq,
    /// Why the records behind the last one, which were wanted too, cannot be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<String>,
    /// How many records were looked at, and after how many of them the condition had to be asked.
    records: u64,
    asked: u64,
    turn: Option<Turn>,
    record: Option<Arc<Record>>,
    /// What the condition's parts are worth in the end.
    worth: Vec<Worth>,
}

pub(super) async fn run(wish: Bisect, out: &mut Output) -> Result<(), Failure> {
    let (condition, every) = (&wish.condition, wish.check_every);
    if every > 1 && condition.is_about_records() {
        return Err(Failure::Usage(format!(
            "--check-every {every}: {condition} asks for the records themselves, so each of them has to be looked at; leave it out"
        )));
    }
    let log = PastLog::open(&wish.log).await?.way_out("--until");
    let stretch = Stretch::of(&log, None, wish.until).await?;
    let mut cursor = match &wish.from {
        None => log.beginning().await?,
        Some(from) => {
            let from = log.seq_of(from).await?;
            if let Some(damage) = stretch.damage.as_ref().filter(|_| from >= stretch.last) {
                return Err(log.damaged(damage, stretch.last));
            }
            if wish.until.is_some() && from >= stretch.last {
                return Err(Failure::Usage(format!(
                    "--from is record {from} and --until record {}: there are no records after the one and up to the other",
                    stretch.last
                )));
            }
            log.open_at(from).await?
        }
    };
    let first = cursor.state().seq.next();
    let mut bisect = replay::Bisect::new(condition).asking_every(every, stretch.last);
    let holds_at_beginning = condition.holds(cursor.state(), None);
    let mut found = None;
    if !holds_at_beginning {
        found = search(&mut cursor, &mut bisect, stretch.last).await?;
    }
    if every > 1
        && let Some(later) = &found
    {
        let held_not = (later.seq.0 - 1) / every * every;
        cursor = log.open_at(Seq(held_not.max(first.0 - 1))).await?;
        let mut closer = replay::Bisect::new(condition);
        found = search(&mut cursor, &mut closer, later.seq).await?;
        bisect.asked += closer.asked;
    }
    let turn = match &found {
        None => None,
        Some(record) => {
            let before = log.open_at(Seq(record.seq.0 - 1)).await?.into_state();
            Some(Turn::of(condition, record, &before, cursor.state()))
        }
    };
    let holds = holds_at_beginning || turn.is_some();
    let told = Told {
        condition: condition.to_string(),
        holds,
        holds_at_beginning,
        first,
        last: cursor.state().seq,
        damage: stretch.damage.clone().filter(|_| !holds),
        records: bisect.records,
        asked: bisect.asked,
        turn,
        worth: condition.worth(cursor.state(), found.as_deref()),
        record: found,
    };
    tell(&told, out)?;
    if told.holds {
        return Ok(());
    }
    let unfound = format!("it holds after none of records {} to {}: {}", told.first, told.last, told.condition);
    Err(Failure::failed(match &told.damage {
        Some(damage) => format!("{unfound}; and {damage}"),
        None => unfound,
    }))
}

/// The record after which it is found that the condition holds. The cursor stands there then.
async fn search(
    cursor: &mut PastCursor,
    bisect: &mut replay::Bisect<'_>,
    last: Seq,
) -> Result<Option<Arc<Record>>, Failure> {
    let mut bar = Bar::new("folding", cursor.end().0);
    while cursor.state().seq < last {
        let Some(record) = cursor.step().await? else { break };
        if bisect.see(&record, cursor.state()) {
            return Ok(Some(record));
        }
        if record.seq.0.is_multiple_of(TELL_EVERY) {
            bar.at(cursor.position().0);
        }
    }
    Ok(None)
}

fn tell(told: &Told, out: &mut Output) -> Result<(), Failure> {
    if out.is_json() {
        return out.document(told);
    }
    let worth = render::bisect::worth(&told.worth);
    match (&told.turn, &told.record) {
        (Some(turn), Some(record)) => out.text(&render::bisect::turn(&told.condition, turn, record)),
        _ if told.holds_at_beginning => {
            let before = Seq(told.first.0 - 1);
            let after = if before == Seq::default() { "" } else { "after " };
            let place = render::time::record(before, "");
            out.text(&format!("{} holds already at the beginning, {after}{place}.\n{worth}", told.condition))
        }
        _ => out.text(&worth),
    }
}

/// What conditions may ask for.
pub(super) fn conditions(out: &mut Output) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Group<'a> {
        of: &'a str,
        names: Vec<(String, &'a str)>,
    }
    let groups = replay::vocabulary();
    if out.is_json() {
        let groups: Vec<_> = groups.into_iter().map(|(of, names)| Group { of, names }).collect();
        return out.document(&groups);
    }
    out.text(&render::bisect::vocabulary(&groups))
}
