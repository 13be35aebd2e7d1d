//! What can decide where tasks go, what does, and what a shadow has found.

use protocol::operator::{PackingView, PolicyList, ShadowReportView, ShadowView};

use super::{Align, Cell, Table, count, one_line};
use crate::output::{BAD, DIM, GOOD, styled};

/// How many differences are listed.
const DIFFERENCES_SHOWN: usize = 5;

pub(crate) fn list(list: &PolicyList, width: Option<usize>) -> String {
    let mut table =
        Table::new(&[("NAME", Align::Left), ("KIND", Align::Left), ("DECIDES", Align::Left), ("ABOUT", Align::Left)]);
    let mut row = |name: &str, kind: &str, about: String| {
        let users = users(list, name);
        let users = if users.is_empty() { Cell::new("") } else { Cell::styled(&users, GOOD) };
        table.row([name.to_owned().into(), kind.to_owned().into(), users, about.into()]);
    };
    for policy in &list.policies {
        row(&policy.name, "built in", one_line(&policy.description));
    }
    for profile in &list.profiles {
        row(&profile.name, "profile", one_line(&profile.to_string()));
    }
    for module in &list.modules {
        let about = match &module.disabled {
            Some(reason) => format!("disabled: {}", one_line(reason)),
            None => format!("{} bytes, hash {:.12}", module.bytes, module.hash.to_string()),
        };
        row(&module.name, "module", about);
    }
    table.render(width)
}

/// For whom something decides.
fn users(list: &PolicyList, name: &str) -> String {
    let cluster = (list.active == name).then(|| "the cluster".to_owned());
    let chosen = list.choices.users().filter(|(profile, _)| ***profile == *name).map(|(_, user)| one_line(&user));
    cluster.into_iter().chain(chosen).collect::<Vec<_>>().join(", ")
}

pub(crate) fn shadow(view: &ShadowView) -> String {
    let Some(profile) = &view.profile else {
        return "nothing decides in the shadow; `bayplan placement shadow PROFILE` begins\n".to_owned();
    };
    let (profile, active) = (one_line(profile), one_line(&view.active));
    let Some(report) = &view.report else { return format!("{profile} decides in the shadow of {active}\n") };
    let mut text = format!(
        "{profile} decides in the shadow of {active}, from record {} on; record {} is the last that it has seen\n",
        report.since.0 + 1,
        report.seq
    );
    if let Some(fault) = &report.fault {
        text += &format!("{}\n", styled(BAD, &format!("it decides nothing any more: {}", one_line(fault))));
    }
    text + &agreement(report) + &packing(report) + &differences(report)
}

fn agreement(report: &ShadowReportView) -> String {
    let ShadowReportView { decisions, agreed, nowhere, without_room, .. } = report;
    let share = match decisions {
        0 => String::new(),
        decisions => format!(", {:.1} %", *agreed as f64 * 100.0 / *decisions as f64),
    };
    let differed = decisions - agreed - nowhere;
    format!(
        "\n{}: agreed on {agreed}{share}, another agent for {differed}, none for {nowhere}\nin a cluster of its own: no room for {without_room}\n\n",
        count(*decisions, "decision")
    )
}

fn packing(report: &ShadowReportView) -> String {
    let mut table = Table::new(&[("", Align::Left), ("LIVE", Align::Right), ("SHADOW", Align::Right)]);
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    let in_use = |packing: &PackingView| format!("{} of {}", packing.agents_in_use, packing.agents);
    table.row(["agents in use".into(), in_use(&report.live).into(), in_use(&report.shadow).into()]);
    let mut shares = |name: &str, live: f64, shadow: f64| {
        table.row([name.to_owned().into(), percent(live).into(), percent(shadow).into()]);
    };
    let (live, shadow) = (&report.live, &report.shadow);
    shares("cpus taken", live.cpus, shadow.cpus);
    shares("memory taken", live.mem, shadow.mem);
    shares("disk taken", live.disk, shadow.disk);
    shares("GPUs taken", live.gpus, shadow.gpus);
    shares("free GPUs in useless pieces", live.fragmented, shadow.fragmented);
    table.render(None)
}

fn differences(report: &ShadowReportView) -> String {
    let shown = report.differences.iter().take(DIFFERENCES_SHOWN).map(|difference| {
        let shadow = difference.shadow.map_or_else(|| "nowhere".to_owned(), |agent| format!("on {agent}"));
        format!("  {} is on {}, the shadow had it {shadow}\n", one_line(difference.task.as_str()), difference.agent)
    });
    let lines: String = shown.collect();
    if lines.is_empty() { lines } else { format!("\n{}\n{lines}", styled(DIM, "the newest differences")) }
}
