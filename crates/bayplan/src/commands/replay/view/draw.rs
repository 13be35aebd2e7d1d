//! The screen, drawn from what it shows. Pure: the same model gives the same frame.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};

use super::foot;
use super::model::{Mode, Model, Pane};
use super::panes::Look;
use super::timeline;
use crate::render::time::moment;

/// From here on all three panes stand beside each other.
const WIDE: u16 = 120;
const TIMELINE: u16 = 5;
const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);

const KEYS: &str = "←→ step  g jump  / search  b break  c go on  Tab pane  ? help  q quit";
const HELP: [(&str, &str); 13] = [
    ("← → h l", "one record back, one forwards"),
    ("PgUp PgDn", "100 records"),
    ("Home End", "the first record, the last one"),
    ("g", "jump: 4711, 02:27, 2026-03-02T08:01:11Z, -10m, end"),
    ("/", "search a text, as JSON or this screen has it"),
    ("n N", "the next record that has it, the one before"),
    ("b", "go on until a condition begins to hold: a kind of"),
    ("", "event, an id, app(\"/web\").running < 2, violations > 0"),
    ("c B", "to the next such record, back to the last one"),
    ("Tab", "another pane"),
    ("↑ ↓ k j", "scroll that pane"),
    ("Esc", "break off what takes long"),
    ("q", "quit, also from what takes long"),
];

pub(super) fn draw(frame: &mut Frame<'_>, model: &Model) {
    let said = foot::of(model, frame.area().width);
    let most = (frame.area().height / 2).max(1);
    let height = u16::try_from(said.lines.len()).unwrap_or(u16::MAX).min(most) + 1;
    let rows = [Constraint::Length(1), Constraint::Length(TIMELINE), Constraint::Min(3), Constraint::Length(height)];
    let [head, time, middle, foot] = Layout::vertical(rows).areas(frame.area());
    draw_head(frame, model, head);
    frame.render_widget(Paragraph::new(timeline::lines(model, time.width)), time);
    for (pane, area) in Pane::ALL.into_iter().zip(places(middle)) {
        draw_pane(frame, model, pane, area);
    }
    draw_foot(frame, said, foot);
    if model.mode == Mode::Help {
        draw_help(frame);
    }
}

/// Side by side where there is room; else the cause stands under its events.
fn places(area: Rect) -> [Rect; 3] {
    if area.width >= WIDE {
        let widths = [Constraint::Percentage(38), Constraint::Percentage(36), Constraint::Percentage(26)];
        return Layout::horizontal(widths).areas(area);
    }
    let [state, right] = Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]).areas(area);
    let [events, cause] = Layout::vertical([Constraint::Percentage(50), Constraint::Percentage(50)]).areas(right);
    [state, events, cause]
}

fn draw_head(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let Model { panes, span, .. } = model;
    // Before the first look.
    let (seq, at) = if panes.seq.0 == 0 { ("–".to_owned(), span.from) } else { (panes.seq.to_string(), panes.at) };
    let spans = [
        Span::styled(format!("record {seq} of {}–{}", span.first, span.last), BOLD),
        Span::raw(format!("  {}", moment(at))),
        Span::styled(format!("  {}", model.place), DIM),
    ];
    frame.render_widget(Paragraph::new(Line::from_iter(spans)), area);
}

fn draw_pane(frame: &mut Frame<'_>, model: &Model, pane: Pane, area: Rect) {
    let name = match pane {
        Pane::State => "state",
        Pane::Events => "events",
        Pane::Cause => "cause",
    };
    let (title, border) = if model.pane == pane { (BOLD, Style::new().fg(Color::Cyan)) } else { (DIM, DIM) };
    let scrolled = model.scrolled[pane as usize];
    let above = if scrolled > 0 { format!(" {name}, from line {} ", scrolled + 1) } else { format!(" {name} ") };
    let block = Block::bordered().border_style(border).title(Span::styled(above, title));
    let lines: Vec<_> =
        model.panes.of(pane).iter().map(|line| Line::styled(line.text.as_str(), style(line.look))).collect();
    let text = Paragraph::new(lines).block(block).scroll((scrolled, 0));
    // The state is a table to look down on; the others are read.
    let text = if pane == Pane::State { text } else { text.wrap(Wrap { trim: false }) };
    frame.render_widget(text, area);
}

const fn style(look: Look) -> Style {
    match look {
        Look::Plain => Style::new(),
        Look::Head => BOLD,
        Look::Changed => Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD),
        Look::Dim => DIM,
        Look::Bad => Style::new().fg(Color::Red),
        Look::Busy => Style::new().fg(Color::Yellow),
    }
}

/// What was said or is asked, and under it the keys.
fn draw_foot(frame: &mut Frame<'_>, said: foot::Foot, area: Rect) {
    let [above, below] = Layout::vertical([Constraint::Min(1), Constraint::Length(1)]).areas(area);
    if let Some((x, y)) = said.cursor {
        frame.set_cursor_position((above.x.saturating_add(x), above.y.saturating_add(y)));
    }
    frame.render_widget(Paragraph::new(said.lines), above);
    frame.render_widget(Paragraph::new(Line::styled(KEYS, DIM)), below);
}

fn draw_help(frame: &mut Frame<'_>) {
    let area = frame.area();
    let (width, height) = (70.min(area.width), (HELP.len() as u16 + 2).min(area.height));
    let place = Rect::new((area.width - width) / 2, (area.height - height) / 2, width, height);
    let lines: Vec<_> = HELP
        .iter()
        .map(|(keys, says)| Line::from_iter([Span::styled(format!(" {keys:<10} "), BOLD), Span::raw(*says)]))
        .collect();
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" keys ")), place);
}
