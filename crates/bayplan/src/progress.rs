//! Shows on stderr how far apps are: a bar each on a terminal, else a line whenever something changes.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::AppId;

const TICK: Duration = Duration::from_millis(100);
const TEMPLATE: &str = "{spinner} {prefix} [{bar:20}] {wide_msg}";

pub(crate) enum Progress {
    Bars { all: MultiProgress, bars: BTreeMap<AppId, ProgressBar> },
    Lines { shown: BTreeMap<AppId, String> },
}

/// The time that is left of a backoff changes all the time, from 1s to 900ms too; that alone is no news.
fn news(told: &str) -> String {
    told.split(' ').filter(|word| !word.starts_with(|c: char| c.is_ascii_digit())).collect::<Vec<_>>().join(" ")
}

impl Progress {
    pub(crate) fn new(apps: &[AppId]) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines { shown: BTreeMap::new() };
        }
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        let style = style.progress_chars("=> ");
        let bar = |app: &AppId| {
            let bar = all.add(ProgressBar::new(1).with_style(style.clone()).with_prefix(app.to_string()));
            bar.enable_steady_tick(TICK);
            (app.clone(), bar)
        };
        let bars = apps.iter().map(bar).collect();
        Self::Bars { all, bars }
    }

    pub(crate) fn show(&mut self, app: &AppId, done: u32, of: u32, told: &str) {
        match self {
            Self::Bars { bars, .. } => {
                if let Some(bar) = bars.get(app) {
                    bar.set_length(u64::from(of.max(1)));
                    bar.set_position(if of == 0 { 1 } else { done.into() });
                    bar.set_message(told.to_owned());
                }
            }
            Self::Lines { shown } => {
                let key = format!("{done}/{of} {}", news(told));
                if shown.get(app) != Some(&key) {
                    eprintln!("{app}: {told}");
                    shown.insert(app.clone(), key);
                }
            }
        }
    }

    /// Takes the bars away; what is left to say is said by the caller.
    pub(crate) fn finish(&mut self) {
        if let Self::Bars { all, bars } = self {
            for bar in bars.values() {
                bar.finish_and_clear();
            }
            // A terminal that is gone need not be cleared.
            let _gone = all.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_time_is_no_news_and_another_failure_is() {
        assert_eq!(news("1 instance waits 1s before"), news("1 instance waits 956ms before"));
        assert_ne!(news("waits 1s; last: web.a1 exited"), news("waits 1s; last: web.b2 exited"));
    }
}
