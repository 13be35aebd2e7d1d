//! What the screen shows, and what keys ask for. Pure: no terminal, no log.

use model::{Seq, Timestamp};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use replay::Condition;
use replay::stats::Rates;

use super::panes::Panes;
use crate::cli::when::{When, parse_when};

/// How far PgUp and PgDn go.
const PAGE: i64 = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Pane {
    State,
    #[default]
    Events,
    Cause,
}

impl Pane {
    pub(super) const ALL: [Self; 3] = [Self::State, Self::Events, Self::Cause];

    const fn next(self) -> Self {
        match self {
            Self::State => Self::Events,
            Self::Events => Self::Cause,
            Self::Cause => Self::State,
        }
    }

    const fn previous(self) -> Self {
        self.next().next()
    }
}

/// What somebody is asked to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Jump,
    Search,
    Break,
}

impl Question {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Jump => "jump to a record or a time",
            Self::Search => "search a text",
            Self::Break => "break on a condition",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Mode {
    #[default]
    Walk,
    Ask(Question, String),
    Help,
    /// Something runs through the log, which Esc breaks off.
    Run {
        what: &'static str,
        at: Seq,
    },
}

/// What the log is asked for.
#[derive(Debug)]
pub(super) enum Action {
    Quit,
    By(i64),
    First,
    Last,
    To(When),
    Search { forwards: bool },
    Break { forwards: bool },
}

impl Action {
    /// Whether it may want records behind the last one that is known.
    pub(super) const fn goes_on(&self, here: Seq, last: Seq) -> bool {
        match self {
            Self::By(by) => *by > 0 && here.0.saturating_add_signed(*by) > last.0,
            Self::To(When::Seq(seq)) => seq.0 > last.0,
            Self::Last | Self::To(_) => true,
            Self::Search { forwards } | Self::Break { forwards } => *forwards,
            Self::Quit | Self::First => false,
        }
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    #[default]
    Plain,
    Bad,
}

/// From where to where the log goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) first: Seq,
    pub(super) last: Seq,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

#[derive(Debug)]
pub(super) struct Model {
    /// The name of the log.
    pub(super) place: String,
    pub(super) span: Span,
    pub(super) rates: Rates,
    /// Why what follows the last record cannot be read.
    pub(super) broken: Option<String>,
    /// Whether the rates are those of all of the log.
    pub(super) is_counted: bool,
    pub(super) panes: Panes,
    pub(super) pane: Pane,
    /// How many lines of each pane are above its top.
    pub(super) scrolled: [u16; 3],
    pub(super) mode: Mode,
    /// Whether what takes long was broken off to go.
    pub(super) is_left: bool,
    pub(super) message: (Tone, String),
    pub(super) text: Option<String>,
    pub(super) condition: Option<Condition>,
}

impl Model {
    pub(super) fn new(place: String, span: Span) -> Self {
        Self {
            place,
            span,
            rates: Rates::default(),
            broken: None,
            is_counted: false,
            panes: Panes::default(),
            pane: Pane::default(),
            scrolled: [0; 3],
            mode: Mode::Walk,
            is_left: false,
            message: (Tone::Plain, "? shows the keys".to_owned()),
            text: None,
            condition: None,
        }
    }

    /// Another record is shown, from its top.
    pub(super) fn show(&mut self, panes: Panes) {
        if self.panes.seq != panes.seq {
            self.scrolled = [0; 3];
        }
        self.panes = panes;
    }

    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.message = (Tone::Plain, text.into());
    }

    pub(super) fn complain(&mut self, text: impl Into<String>) {
        self.message = (Tone::Bad, text.into());
    }

    /// Somebody writes to the log. What is new was not counted.
    pub(super) fn has_grown_to(&mut self, last: Seq) {
        self.span.last = last;
        self.is_counted = false;
    }

    /// Whether a key breaks off what takes long.
    pub(super) fn breaks_off(&mut self, key: KeyEvent) -> bool {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        self.is_left |= key.code == KeyCode::Char('q');
        self.is_left || key.code == KeyCode::Esc || (is_control && key.code == KeyCode::Char('c'))
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Option<Action> {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if is_control && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return Some(Action::Quit);
        }
        match &mut self.mode {
            Mode::Ask(question, written) => match key.code {
                KeyCode::Esc => self.mode = Mode::Walk,
                KeyCode::Enter => {
                    let (question, written) = (*question, std::mem::take(written));
                    self.mode = Mode::Walk;
                    return self.answer(question, written.trim());
                }
                KeyCode::Backspace => {
                    written.pop();
                }
                KeyCode::Char('u') if is_control => written.clear(),
                KeyCode::Char(c) if !is_control => written.push(c),
                _ => {}
            },
            Mode::Help => self.mode = Mode::Walk,
            Mode::Run { .. } => {}
            Mode::Walk => return self.walking(key.code),
        }
        None
    }

    fn walking(&mut self, code: KeyCode) -> Option<Action> {
        self.message = (Tone::Plain, String::new());
        match code {
            KeyCode::Char('q') => return Some(Action::Quit),
            KeyCode::Left | KeyCode::Char('h') => return Some(Action::By(-1)),
            KeyCode::Right | KeyCode::Char('l' | ' ') => return Some(Action::By(1)),
            KeyCode::PageUp => return Some(Action::By(-PAGE)),
            KeyCode::PageDown => return Some(Action::By(PAGE)),
            KeyCode::Home => return Some(Action::First),
            KeyCode::End => return Some(Action::Last),
            KeyCode::Char('n' | 'N') if self.text.is_none() => {
                self.complain("nothing was searched yet; / asks for a text");
            }
            KeyCode::Char('n') => return Some(Action::Search { forwards: true }),
            KeyCode::Char('N') => return Some(Action::Search { forwards: false }),
            KeyCode::Char('c' | 'B') if self.condition.is_none() => {
                self.complain("there is no condition yet; b asks for one");
            }
            KeyCode::Char('c') => return Some(Action::Break { forwards: true }),
            KeyCode::Char('B') => return Some(Action::Break { forwards: false }),
            KeyCode::Char('g') => self.ask(Question::Jump),
            KeyCode::Char('/') => self.ask(Question::Search),
            KeyCode::Char('b') => self.ask(Question::Break),
            KeyCode::Char('?') => self.mode = Mode::Help,
            KeyCode::Tab => self.pane = self.pane.next(),
            KeyCode::BackTab => self.pane = self.pane.previous(),
            KeyCode::Up | KeyCode::Char('k') => self.scroll(-1),
            KeyCode::Down | KeyCode::Char('j') => self.scroll(1),
            _ => {}
        }
        None
    }

    fn ask(&mut self, question: Question) {
        self.mode = Mode::Ask(question, String::new());
    }

    /// As far as there are lines; long ones take more than one on the screen.
    fn scroll(&mut self, by: i32) {
        let lines = u16::try_from(self.panes.of(self.pane).len()).unwrap_or(u16::MAX);
        let scrolled = &mut self.scrolled[self.pane as usize];
        let wanted = u16::try_from((i32::from(*scrolled) + by).max(0)).unwrap_or(u16::MAX);
        *scrolled = wanted.min(lines.saturating_sub(1));
    }

    fn answer(&mut self, question: Question, written: &str) -> Option<Action> {
        match question {
            Question::Break if written.is_empty() && self.condition.is_some() => {
                return Some(Action::Break { forwards: true });
            }
            _ if written.is_empty() => {}
            Question::Jump => match parse_when(written) {
                Ok(when) => return Some(Action::To(when)),
                Err(why) => self.complain(format!("'{written}' {why}")),
            },
            Question::Search => {
                self.text = Some(written.to_owned());
                return Some(Action::Search { forwards: true });
            }
            Question::Break => match Condition::parse(written) {
                Ok(condition) => {
                    self.condition = Some(condition);
                    return Some(Action::Break { forwards: true });
                }
                Err(error) => self.complain(format!("{written}: {error}")),
            },
        }
        None
    }
}
