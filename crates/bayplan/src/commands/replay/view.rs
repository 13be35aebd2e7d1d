//! `bayplan replay view`: keys come in, the log is asked, and the screen is drawn. The terminal is left as it was, also by a panic.

mod draw;
mod foot;
mod model;
mod panes;
mod timeline;
mod walk;

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use ::model::Seq;
use ratatui::Terminal;
use ratatui::backend::Backend;
use ratatui::crossterm::event::{self, Event, KeyEvent, KeyEventKind};

use self::model::{Action, Mode, Model, Span};
use crate::cli::Global;
use crate::cli::log::LogPlace;
use crate::cli::past::LogSource;
use crate::cli::replay::View;
use crate::cli::when::When;
use crate::failure::Failure;
use crate::past::PastLog;
use panes::Panes;
use walk::{Ended, Text, Walk};

/// So often a long run shows how far it is.
const DRAW_EVERY: Duration = Duration::from_millis(100);

pub(super) async fn run(wish: View, global: &Global) -> Result<(), Failure> {
    let is_terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    if !is_terminal || global.json {
        let reason =
            if is_terminal { "is for people, and has no --json" } else { "wants a terminal, and there is none" };
        return Err(Failure::Usage(format!(
            "replay view {reason}; `bayplan replay history` and `bayplan replay grep` tell the same as text, or with --json"
        )));
    }
    let place = name(&wish.log.log);
    let walk = Walk::new(PastLog::open(&wish.log).await?).await?;
    let begin = match &wish.at {
        Some(at) => walk.past().seq_of(at).await?,
        None => walk.bounds().first,
    };
    let bounds = walk.bounds();
    let span = Span { first: bounds.first, last: bounds.last, from: bounds.first_at, to: bounds.last_at };
    let mut model = Model::new(place, span);
    model.condition = wish.condition;
    let terminal = ratatui::try_init().map_err(|error| Failure::failed(format!("cannot use the terminal: {error}")))?;
    let mut screen = Screen { terminal, model, walk, drawn_at: Instant::now() };
    let ended = screen.show(begin).await;
    ratatui::restore();
    ended
}

fn name(log: &LogSource) -> String {
    match log {
        LogSource::Path(path) => path.display().to_string(),
        LogSource::Place(LogPlace::Folder) => "the master's folder".to_owned(),
        // Without names and passwords.
        LogSource::Place(LogPlace::Nats(servers)) => {
            let hosts: Vec<_> = servers.iter().map(|url| url.rsplit(['@', '/']).next().unwrap_or_default()).collect();
            format!("NATS {}", hosts.join(", "))
        }
    }
}

struct Screen<B: Backend> {
    terminal: Terminal<B>,
    model: Model,
    walk: Walk,
    /// When it last showed how far it is.
    drawn_at: Instant,
}

impl<B: Backend> Screen<B> {
    async fn show(&mut self, begin: Seq) -> Result<(), Failure> {
        self.begin(begin).await;
        while !self.model.is_left {
            self.draw()?;
            let Event::Key(key) = event::read().map_err(lost)? else { continue };
            if key.kind != KeyEventKind::Release && self.press(key).await.is_break() {
                break;
            }
        }
        Ok(())
    }

    async fn begin(&mut self, begin: Seq) {
        let counted = self.count().await;
        if self.model.is_left {
            return;
        }
        let _going_on = self.act(Action::To(When::Seq(begin))).await;
        if let Err(error) = counted {
            self.model.broken = Some(error.to_string());
            self.model.complain(error.to_string());
        }
    }

    fn draw(&mut self) -> Result<(), Failure> {
        let Self { terminal, model, .. } = self;
        terminal.draw(|frame| draw::draw(frame, model)).map(drop).map_err(lost)
    }

    async fn press(&mut self, key: KeyEvent) -> ControlFlow<()> {
        match self.model.key(key) {
            Some(action) => self.act(action).await,
            None => ControlFlow::Continue(()),
        }
    }

    /// The timeline. What can be read is shown, and what cannot be is said.
    async fn count(&mut self) -> Result<(), Failure> {
        let Self { terminal, model, walk, drawn_at } = self;
        let (rates, ended) = walk.rates(&mut |at| progress(terminal, model, drawn_at, "counting", at)).await;
        model.mode = Mode::Walk;
        model.rates = rates;
        model.is_counted = ended? == Ended::Found;
        Ok(())
    }

    async fn act(&mut self, action: Action) -> ControlFlow<()> {
        let Self { terminal, model, walk, drawn_at } = self;
        let here = walk.state().seq;
        if action.goes_on(here, walk.bounds().last)
            && let Ok(true) = walk.look_again().await
        {
            model.has_grown_to(walk.bounds().last);
        }
        let ended = match action {
            Action::Quit => return ControlFlow::Break(()),
            Action::By(by) => {
                let seq = Seq(here.0.saturating_add_signed(by));
                walk.go(seq, &mut |at| progress(terminal, model, drawn_at, "folding", at)).await
            }
            Action::First => walk.go(Seq(0), &mut |at| progress(terminal, model, drawn_at, "folding", at)).await,
            Action::Last => walk.go(Seq(u64::MAX), &mut |at| progress(terminal, model, drawn_at, "folding", at)).await,
            Action::To(when) => match walk.past().seq_of(&when).await {
                Ok(seq) => walk.go(seq, &mut |at| progress(terminal, model, drawn_at, "folding", at)).await,
                Err(error) => Err(error),
            },
            Action::Search { forwards } => match Text::new(model.text.as_deref().unwrap_or_default()) {
                Ok(text) => {
                    walk.search(&text, forwards, &mut |at| progress(terminal, model, drawn_at, "searching", at)).await
                }
                Err(error) => Err(error),
            },
            Action::Break { forwards } => {
                let Some(condition) = model.condition.clone() else { return ControlFlow::Continue(()) };
                let mut go_on = |at| progress(terminal, model, drawn_at, "running", at);
                match forwards {
                    true => walk.run_to(&condition, &mut go_on).await,
                    false => walk.run_back_to(&condition, &mut go_on).await,
                }
            }
        };
        model.mode = Mode::Walk;
        model.show(Panes::new(walk.state(), walk.record().map(AsRef::as_ref)));
        tell(model, walk, here, ended, &action);
        if model.is_left { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// What came of it.
fn tell(model: &mut Model, walk: &Walk, here: Seq, ended: Result<Ended, Failure>, action: &Action) {
    match (ended, action) {
        (Err(error), _) => model.complain(error.to_string()),
        (Ok(Ended::BrokenOff), _) => model.complain(format!("broken off at record {}", walk.state().seq)),
        (Ok(Ended::Nowhere), Action::Search { forwards }) => {
            let text = model.text.clone().unwrap_or_default();
            model.complain(format!("no record {} this has '{text}'", side(*forwards)));
        }
        (Ok(Ended::Nowhere), Action::Break { forwards }) => {
            let condition = model.condition.as_ref().map(ToString::to_string).unwrap_or_default();
            model.complain(format!("begins to hold nowhere {} this: {condition}", side(*forwards)));
        }
        // It went to the nearest one.
        (Ok(Ended::Found), Action::To(When::Seq(wanted))) if *wanted != walk.state().seq => {
            let mut text =
                format!("there is no record {wanted}: the log has {} to {}", model.span.first, model.span.last);
            if let Some(broken) = model.broken.as_ref().filter(|_| *wanted > model.span.last) {
                text = format!("{text}; {broken}");
            }
            model.complain(text);
        }
        (Ok(Ended::Nowhere), _) => model.complain(format!("the log ends with record {}", walk.state().seq)),
        (Ok(Ended::Found), Action::Break { .. }) => {
            let worth = model.condition.as_ref().map(|of| of.worth(walk.state(), walk.record().map(AsRef::as_ref)));
            let worth = worth.unwrap_or_default().into_iter().map(|of| format!("{}: {}", of.part, of.value));
            model.say(format!("stopped here; {}", worth.collect::<Vec<_>>().join(", ")));
        }
        (Ok(_), Action::By(1..) | Action::Last) if model.broken.is_some() && walk.state().seq == model.span.last => {
            model.complain(model.broken.clone().unwrap_or_default());
        }
        (Ok(Ended::Found), Action::By(1..)) if walk.state().seq == here => model.say("this is the last record"),
        (Ok(Ended::Found), Action::By(_)) if walk.state().seq == here => model.say("this is the first record"),
        (Ok(Ended::Found), _) => {}
    }
}

const fn side(forwards: bool) -> &'static str {
    if forwards { "after" } else { "before" }
}

/// Shows how far it is; a key may break off. A terminal that is gone does too.
fn progress<B: Backend>(
    terminal: &mut Terminal<B>,
    model: &mut Model,
    drawn_at: &mut Instant,
    what: &'static str,
    at: Seq,
) -> ControlFlow<()> {
    if drawn_at.elapsed() >= DRAW_EVERY {
        model.mode = Mode::Run { what, at };
        if terminal.draw(|frame| draw::draw(frame, model)).is_err() {
            return ControlFlow::Break(());
        }
        *drawn_at = Instant::now();
    }
    while event::poll(Duration::ZERO).unwrap_or(false) {
        match event::read() {
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release && model.breaks_off(key) => {
                return ControlFlow::Break(());
            }
            Err(_) => return ControlFlow::Break(()),
            Ok(_) => {}
        }
    }
    ControlFlow::Continue(())
}

fn lost(error: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("lost the terminal: {error}"))
}

#[cfg(test)]
mod tests;
