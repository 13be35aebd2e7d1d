//! Rates over time, a line of bars for each, and a mark where the shown record is.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use replay::stats::Slot;
use replay::words::span;

use super::model::Model;
use crate::render::stats::{bars, per_second};

const NAME: usize = 9;
/// What stands behind the bars: how many, and how many in a second.
const BEHIND: usize = 18;

/// What a line shows of a slot.
type CountOf = fn(&Slot) -> u64;

const RATES: [(&str, CountOf, Color); 4] = [
    ("records", |slot| slot.records, Color::Gray),
    ("launches", |slot| slot.launches, Color::Green),
    ("failures", |slot| slot.failures, Color::Red),
    ("offers", |slot| slot.offers, Color::Blue),
];

pub(super) fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let columns = usize::from(width).saturating_sub(NAME + 1 + BEHIND).max(1);
    let ms = model.span.to.ms_since(model.span.from);
    let slots = &model.rates.slots;
    let mut lines: Vec<_> = RATES
        .iter()
        .map(|(name, of, color)| {
            let counts: Vec<u64> = (0..columns).map(|column| in_column(slots, columns, column, *of)).collect();
            let total: u64 = slots.iter().map(*of).sum();
            let peak = counts.iter().copied().max().unwrap_or_default();
            Line::from_iter([
                Span::raw(format!("{name:<NAME$} ")),
                Span::styled(bars(&counts, peak), Style::new().fg(*color)),
                Span::raw(format!(" {total}, {}/s", per_second(total, ms))),
            ])
        })
        .collect();
    let mark = mark(model, columns);
    let note = match (model.is_counted, slots.len()) {
        (_, 0) => "not counted".to_owned(),
        (false, _) => "counted in part".to_owned(),
        // Fewer slots than columns: each takes several.
        (true, all) => span(model.rates.slot_ms * (all as u64).div_ceil(columns as u64).max(1)) + " a bar",
    };
    lines.push(Line::from_iter([
        Span::raw(" ".repeat(NAME + 1 + mark)),
        Span::styled("▲", Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD)),
        Span::styled(format!("{} {note}", " ".repeat(columns - mark - 1)), Style::new().add_modifier(Modifier::DIM)),
    ]));
    lines
}

/// The slots that a column stands for, together; a slot that takes several columns is shown in each.
fn in_column(slots: &[Slot], columns: usize, column: usize, of: CountOf) -> u64 {
    let from = column * slots.len() / columns;
    let to = ((column + 1) * slots.len() / columns).max(from + 1).min(slots.len());
    slots.get(from..to).unwrap_or_default().iter().map(of).sum()
}

/// The column in which the shown record is.
fn mark(model: &Model, columns: usize) -> usize {
    let slots = model.rates.slots.len();
    if slots == 0 {
        return 0;
    }
    let slot = model.panes.at.ms_since(model.span.from) / model.rates.slot_ms.max(1);
    let slot = usize::try_from(slot).unwrap_or(usize::MAX).min(slots - 1);
    (((slot + 1) * columns - 1) / slots).min(columns - 1)
}
