//! What `bayplan dev` says once the cluster is up: where to look, what to try, how to end it.

use model::AppId;
use serde::Serialize;

use super::{count, one_line};
use crate::cli::DEFAULT_MASTER;
use crate::output::{BOLD, BUSY, DIM, GOOD, styled};

/// How many addresses of an app are shown.
const SHOWN_ADDRESSES: usize = 6;

#[derive(Debug, Serialize)]
pub(crate) struct Ready {
    pub(crate) version: &'static str,
    pub(crate) operator: String,
    pub(crate) marathon: String,
    pub(crate) agent: String,
    pub(crate) folder: String,
    /// The stream on the NATS servers that has the log; None where it is in the folder.
    pub(crate) log: Option<String>,
    /// How the user calls this program, when that is not just its name.
    pub(crate) program: Option<String>,
    /// That were deployed at the start.
    pub(crate) apps: Vec<ReadyApp>,
    /// How many others the log has brought back.
    pub(crate) other_apps: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct ReadyApp {
    pub(crate) id: AppId,
    pub(crate) instances: u32,
    pub(crate) running: u32,
    /// Why it is not as wanted yet.
    pub(crate) held_back: Option<String>,
    pub(crate) addresses: Vec<Address>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Address {
    pub(crate) task: String,
    pub(crate) url: String,
    /// Whether something accepts connections there.
    pub(crate) answers: bool,
}

pub(crate) fn ready(ready: &Ready) -> String {
    let mut text = format!("\n{} {} is up: a cluster on this machine\n\n", styled(BOLD, "Bayplan"), ready.version);
    for app in &ready.apps {
        section(&mut text, app.id.as_str(), &app_lines(app));
    }
    if ready.other_apps > 0 {
        let others = format!("{} came back from the log", count(ready.other_apps as u64, "app"));
        section(&mut text, "more", &[others]);
    }
    section(&mut text, "try", &things_to_try(ready));
    section(
        &mut text,
        "look",
        &[
            format!("{}/help    {}", ready.marathon, styled(DIM, "Marathon's API, with examples")),
            format!("{}/metrics {}", ready.operator, styled(DIM, "for Prometheus")),
        ],
    );
    let kept = match &ready.log {
        None => "the log, and the tasks' output".to_owned(),
        Some(stream) => format!("the tasks' output; the log is the stream {stream} on the NATS servers"),
    };
    section(&mut text, "folder", &[format!("{} {}", one_line(&ready.folder), styled(DIM, &kept))]);
    section(
        &mut text,
        "stop",
        &["Ctrl-C ends the cluster and its tasks; the next start brings the apps back".to_owned()],
    );
    text.push('\n');
    text
}

fn section(text: &mut String, name: &str, lines: &[String]) {
    for (index, line) in lines.iter().enumerate() {
        let name = if index == 0 { name } else { "" };
        text.push_str(&format!("  {}  {line}\n", styled(BOLD, &format!("{name:<8}"))));
    }
}

fn app_lines(app: &ReadyApp) -> Vec<String> {
    let running = format!("{} of {} running", app.running, count(app.instances.into(), "instance"));
    let mut lines = vec![match &app.held_back {
        None => styled(GOOD, &running),
        Some(reason) => styled(BUSY, &format!("{running}; {}", one_line(reason))),
    }];
    for address in app.addresses.iter().take(SHOWN_ADDRESSES) {
        let silent = if address.answers { String::new() } else { styled(BUSY, "  nothing answers there yet") };
        lines.push(format!("{}{silent}", address.url));
    }
    if app.addresses.len() > SHOWN_ADDRESSES {
        lines.push(format!("and {} more: see `bayplan task list`", app.addresses.len() - SHOWN_ADDRESSES));
    }
    lines
}

fn things_to_try(ready: &Ready) -> Vec<String> {
    let mut lines = Vec::new();
    let app = ready.apps.first();
    lines.extend(app.and_then(|app| app.addresses.first()).map(|address| format!("curl {}", address.url)));
    lines.extend(ready.program.as_ref().map(|program| format!("alias bayplan={program}")));
    if ready.operator != DEFAULT_MASTER {
        lines.push(format!("export BAYPLAN_MASTER={}", ready.operator));
    }
    match app {
        Some(app) => {
            let name = app.id.as_str().trim_start_matches('/');
            lines.push(format!("bayplan app scale {name} {} --wait", app.instances.saturating_add(2)));
        }
        None => lines.push("bayplan app deploy examples/hello.json --wait".to_owned()),
    }
    lines.extend(["bayplan task list", "bayplan events --follow"].map(str::to_owned));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::plain;

    #[test]
    fn says_where_to_look() {
        let address = |port: u16, answers| Address {
            task: format!("hello.{port}"),
            url: format!("http://localhost:{port}"),
            answers,
        };
        let text = ready(&Ready {
            version: "1.2.3",
            operator: "http://127.0.0.1:5050".into(),
            marathon: "http://127.0.0.1:8080".into(),
            agent: "http://127.0.0.1:5051".into(),
            folder: "/var/x".into(),
            log: None,
            program: Some("/opt/bayplan".into()),
            apps: vec![ReadyApp {
                id: AppId::parse("hello").expect("an id"),
                instances: 3,
                running: 2,
                held_back: Some("1 instance waits".into()),
                addresses: vec![address(31000, true), address(31001, false)],
            }],
            other_apps: 1,
        });
        let expected = "
Bayplan 1.2.3 is up: a cluster on this machine

  /hello    2 of 3 instances running; 1 instance waits
            http://localhost:31000
            http://localhost:31001  nothing answers there yet
  more      1 app came back from the log
  try       curl http://localhost:31000
            alias bayplan=/opt/bayplan
            bayplan app scale hello 5 --wait
            bayplan task list
            bayplan events --follow
  look      http://127.0.0.1:8080/help    Marathon's API, with examples
            http://127.0.0.1:5050/metrics for Prometheus
  folder    /var/x the log, and the tasks' output
  stop      Ctrl-C ends the cluster and its tasks; the next start brings the apps back

";
        assert_eq!(plain(&text), expected);
    }
}
