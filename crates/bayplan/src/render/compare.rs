//! `bayplan placement compare`: where two profiles part, and what they come to.

use std::fmt::Write as _;

use super::explanation::{candidates, filters, host_of};
use super::{Align, Cell, Table, one_line};
use crate::commands::compare::{Compared, Parted, Side};
use crate::output::{BOLD, styled};

/// So many candidates of each are shown.
const SHOWN: usize = 5;

pub(crate) fn compared(compared: &Compared, width: Option<usize>) -> String {
    let [a, b] = [0, 1].map(|side: usize| one_line(&compared.profiles[side].profile));
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = match &compared.first_difference {
        None if compared.decisions == 0 => writeln!(text, "Nothing in the log was placed."),
        None => writeln!(text, "{a} and {b} decide all {} launches alike.\n", compared.decisions),
        Some(parted) => write!(text, "{}", difference(parted, [&a, &b], width)),
    };
    let _ = write!(text, "{}", sums(compared, [&a, &b], width));
    text
}

fn difference(parted: &Parted, names: [&str; 2], width: Option<usize>) -> String {
    let mut text = format!("They part in record {}, at task {}:\n", parted.seq, styled(BOLD, parted.task.as_str()));
    for ((name, agent), account) in names.iter().zip(parted.agents).zip(&parted.accounts) {
        let place = match (agent, account) {
            (Some(agent), Some(account)) => format!("places it on {}", host_of(account, agent)),
            (Some(agent), None) => format!("places it on {agent}"),
            (None, _) => "has no room for it".to_owned(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n{} {place}", styled(BOLD, name));
        if let Some(account) = account {
            let _ = write!(text, "{}{}", candidates(account, SHOWN, width), filters(account));
        }
    }
    text.push('\n');
    text
}

fn sums(compared: &Compared, names: [&str; 2], width: Option<usize>) -> String {
    let [a, b] = names.map(|name| (name.to_uppercase(), Align::Right));
    let mut table = Table::new(&[("SUM".to_owned(), Align::Left), a, b]);
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    let mut row = |what: &str, of: &dyn Fn(&Side) -> String| {
        let [a, b] = [0, 1].map(|side: usize| Cell::new(of(&compared.profiles[side])));
        table.row([what.into(), a, b]);
    };
    row("placed", &|side| side.placed.to_string());
    row("not placed", &|side| side.not_placed.to_string());
    row("agents in use", &|side| format!("{} of {}", side.packing.agents_in_use, side.packing.agents));
    row("cpus taken", &|side| percent(side.packing.cpus));
    row("memory taken", &|side| percent(side.packing.mem));
    row("disk taken", &|side| percent(side.packing.disk));
    row("GPUs taken", &|side| percent(side.packing.gpus));
    row("free GPUs in useless pieces", &|side| percent(side.packing.fragmented));
    let agreed = match compared.decisions {
        0 => String::new(),
        decisions => format!(", {:.1} %", compared.agreed as f64 * 100.0 / decisions as f64),
    };
    format!(
        "{}They agree on {} of {}{agreed}. {:.0} decisions per second were made.\n",
        table.render(width),
        compared.agreed,
        compared.decisions,
        compared.decisions_per_s
    )
}

#[cfg(test)]
mod tests {
    use protocol::operator::PackingView;

    use super::*;
    use crate::render::plain;

    fn side(profile: &str, placed: u64, agents_in_use: u32) -> Side {
        let packing =
            PackingView { agents: 9, agents_in_use, cpus: 0.5, mem: 0.25, disk: 0.0, gpus: 0.0, fragmented: 0.0 };
        Side { profile: profile.to_owned(), placed, not_placed: 10 - placed, packing }
    }

    #[test]
    fn sums_stand_side_by_side() {
        let mut both = Compared {
            decisions: 10,
            agreed: 10,
            first_difference: None,
            profiles: [side("best-fit", 10, 4), side("spread", 9, 9)],
            decisions_per_s: 1_000.0,
        };
        let text = plain(&compared(&both, None));
        for expected in [
            "best-fit and spread decide all 10 launches alike.",
            "SUM                          BEST-FIT   SPREAD",
            "not placed                          0        1",
            "agents in use                  4 of 9   9 of 9",
            "They agree on 10 of 10, 100.0 %. 1000 decisions per second were made.",
        ] {
            assert!(text.contains(expected), "{expected} in\n{text}");
        }
        let task = model::TaskId::new("web.1");
        let app = model::AppId::parse("web").expect("an id");
        let agents = [Some(model::AgentId(3)), None];
        both.first_difference = Some(Parted { seq: model::Seq(7), task, app, agents, accounts: [None, None] });
        let text = plain(&compared(&both, None));
        for expected in
            ["They part in record 7, at task web.1:", "best-fit places it on S3", "spread has no room for it"]
        {
            assert!(text.contains(expected), "{expected} in\n{text}");
        }
    }
}
