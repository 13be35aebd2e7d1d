//! `bayplan status`

use protocol::operator::ClusterStatus;

use super::leader::NOBODY_YET;
use super::time::{age, moment};
use super::{count, one_line, quantity, waiting};
use crate::output::{BAD, BOLD, BUSY, GOOD, styled};

pub(crate) fn status(status: &ClusterStatus) -> String {
    let cluster = status.cluster.as_ref().map_or("without a name", |cluster| cluster.as_str());
    let mut text = format!("{} {}\n", styled(BOLD, "cluster"), one_line(cluster));
    let mut line = |name: &str, value: String| text.push_str(&format!("  {name:<10} {value}\n"));
    let led = format!("for {}, epoch {}", age(status.led_since, status.now), status.epoch);
    line(
        "leader",
        match status.leader.as_str() {
            "" => NOBODY_YET.to_owned(),
            leader => format!("{}, {led}", one_line(leader)),
        },
    );
    if let Some(master) = &status.answered_by {
        line("", format!("this is what {} knows, which follows", one_line(master)));
    }
    line(
        "log",
        match status.seq.0 {
            0 => "no records yet".to_owned(),
            records => format!("{}, the last at {}", count(records, "record"), moment(status.at)),
        },
    );
    if let Some(reason) = &status.unwritable {
        line("", styled(BAD, &format!("takes no changes: {}", one_line(reason))));
    }
    line("placement", status.placement_policy.clone());
    line("agents", agents(status));
    line("cpus", format!("{} used", quantity::cpus_of(&status.resources)));
    line("memory", format!("{} used", quantity::mem_of(&status.resources)));
    line("disk", format!("{} used", quantity::disk_of(&status.resources)));
    line("tasks", tasks(status));
    line("apps", apps(status));
    if status.waiting.is_empty() {
        return text;
    }
    text.push_str(&format!("{}\n", styled(BOLD, "waiting")));
    for app in &status.waiting {
        let reason = waiting::reason(&app.waiting, app.last_failure.as_ref(), status.now);
        text.push_str(&format!("  {}: {}\n", app.app, styled(BUSY, &reason)));
    }
    text
}

fn agents(status: &ClusterStatus) -> String {
    let connected = format!("{} connected", status.agents.connected);
    match status.agents.disconnected {
        0 => connected,
        away => format!("{connected}, {}", styled(BAD, &format!("{away} away"))),
    }
}

fn tasks(status: &ClusterStatus) -> String {
    let counts: Vec<_> = status.tasks.iter().map(|(state, tasks)| format!("{tasks} {}", state.name())).collect();
    if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
}

fn apps(status: &ClusterStatus) -> String {
    let apps = &status.apps;
    let settled = format!("{} of {} as wanted", apps.settled, apps.total);
    let colour = if apps.settled == apps.total { GOOD } else { BUSY };
    let deployments = if apps.deployments == 0 {
        String::new()
    } else {
        format!(", {} under way", count(apps.deployments.into(), "deployment"))
    };
    format!("{}{deployments}", styled(colour, &settled))
}
