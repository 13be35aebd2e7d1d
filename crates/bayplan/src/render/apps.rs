//! `bayplan app list` and `bayplan app show`

use protocol::operator::{AppList, AppView, TaskList};

use super::{Align, Cell, Table, count, one_line, quantity, tasks, waiting};
use crate::output::{BOLD, BUSY, GOOD, styled};

const COLUMNS: [(&str, Align); 5] = [
    ("APP", Align::Left),
    ("RUNNING", Align::Right),
    ("CPUS", Align::Right),
    ("MEMORY", Align::Right),
    ("STATE", Align::Left),
];

pub(crate) fn list(list: &AppList, width: Option<usize>) -> String {
    if list.apps.is_empty() {
        return "There are no apps; make one with `bayplan app deploy FILE`.\n".to_owned();
    }
    let mut table = Table::new(&COLUMNS);
    for app in &list.apps {
        let state = state(app, list.now);
        table.row([
            app.id.to_string().into(),
            format!("{}/{}", app.tasks.running, app.instances).into(),
            quantity::number(app.resources.cpus).into(),
            quantity::megabytes(app.resources.mem).into(),
            Cell::styled(state, if app.settled { GOOD } else { BUSY }),
        ]);
    }
    table.render(width)
}

/// How far an app is, in one line.
pub(crate) fn state(app: &AppView, now: model::Timestamp) -> String {
    if let Some(held) = &app.waiting {
        return waiting::reason(held, app.last_failure.as_ref(), now);
    }
    if app.settled {
        return if app.instances == 0 { "stopped".to_owned() } else { "as wanted".to_owned() };
    }
    let parts =
        [(app.tasks.starting, "starting"), (app.tasks.outdated, "to be replaced"), (app.tasks.ending, "ending")];
    let parts: Vec<_> = parts.iter().filter(|(tasks, _)| *tasks > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if parts.is_empty() { "deploying".to_owned() } else { parts.join(", ") }
}

pub(crate) fn show(app: &AppView, of_app: &TaskList, width: Option<usize>) -> String {
    let mut lines = vec![("runs", one_line(&app.command))];
    if let Some(image) = &app.image {
        lines.push(("image", one_line(image)));
    }
    let instances = format!("{} of {}", app.tasks.running, count(app.instances.into(), "instance"));
    let colour = if app.settled { GOOD } else { BUSY };
    lines.push(("running", format!("{instances}, {}", styled(colour, &state(app, of_app.now)))));
    lines.push(("each", quantity::summary(&app.resources)));
    let joined = |items: &[String]| one_line(&items.join(", "));
    let texts = |items: Vec<String>| if items.is_empty() { None } else { Some(joined(&items)) };
    let optional = [
        ("service port", texts(app.service_ports.iter().map(ToString::to_string).collect())),
        ("constraints", texts(app.constraints.clone())),
        ("needs", texts(app.dependencies.iter().map(ToString::to_string).collect())),
        ("deployment", texts(app.deployments.iter().map(ToString::to_string).collect())),
        ("version", Some(super::time::moment(app.version.0))),
        (
            "last failure",
            app.last_failure.as_ref().map(|failure| {
                format!("{} ago: {}", super::time::age(failure.at, of_app.now), waiting::failure(failure))
            }),
        ),
    ];
    lines.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let mut text = format!("{}\n", styled(BOLD, app.id.as_str()));
    for (name, value) in lines {
        text.push_str(&format!("  {name:<13} {value}\n"));
    }
    if !of_app.tasks.is_empty() {
        text.push('\n');
        text.push_str(&tasks::list(of_app, width));
    }
    text
}
