//! Makes a failing history smaller, while it fails.

use crate::faults::Faults;
use crate::history::Report;
use crate::settings::Settings;
use crate::sweeping::{TWICE, checked};

/// How many histories are tried at most.
const TRIES: u32 = 60;

/// The smallest history found that breaks the same invariant: with fewer commands, fewer kinds of faults, fewer agents and
/// masters.
#[must_use]
pub fn shrink(failed: Report) -> Report {
    let Some(invariant) = failed.violations.first().map(|violation| violation.invariant) else { return failed };
    let mut best = failed;
    let mut tries = 0;
    loop {
        let smaller = candidates(&best).into_iter().find_map(|settings| {
            if tries >= TRIES {
                return None;
            }
            tries += 1;
            let report = checked(&settings, invariant == TWICE);
            let fails = report.violations.first().is_some_and(|violation| violation.invariant == invariant);
            fails.then_some(report)
        });
        match smaller {
            Some(report) => best = report,
            None => return best,
        }
    }
}

/// What to try next, the largest steps first.
fn candidates(report: &Report) -> Vec<Settings> {
    let settings = &report.settings;
    let mut all = Vec::new();
    let sent = u32::try_from(report.commands).unwrap_or(u32::MAX).min(settings.commands);
    for commands in [sent / 8, sent / 2, sent * 3 / 4, sent.saturating_sub(1)] {
        if (1..settings.commands).contains(&commands) {
            all.push(Settings { commands, ..settings.clone() });
        }
    }
    if settings.faults != Faults::default() {
        all.push(Settings { faults: Faults::default(), ..settings.clone() });
    }
    all.extend(
        settings.faults.iter().map(|fault| Settings { faults: settings.faults.without(fault), ..settings.clone() }),
    );
    if settings.agents > 1 {
        all.push(Settings { agents: settings.agents - 1, ..settings.clone() });
    }
    if settings.masters > 1 {
        all.push(Settings { masters: settings.masters - 1, ..settings.clone() });
    }
    all
}
