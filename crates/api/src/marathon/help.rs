//! `/help`: what can be asked here, with examples that work as they are. One text, shown as a page or as plain text.

use std::fmt::Write;

use axum::http::header;
use axum::http::uri::Authority;
use axum::response::{Html, IntoResponse, Response};
use protocol::marathon::shapes;

use super::call::{Call, Wanted};

pub(super) struct Section {
    title: &'static str,
    text: &'static str,
    examples: &'static [Example],
}

pub(super) struct Example {
    about: &'static str,
    /// With [`HERE`] for this server.
    command: &'static str,
}

/// Stands for the host and port under which the reader asked.
const HERE: &str = "HERE";
const DEFAULT_HOST: &str = "localhost:8080";
const TITLE: &str = "Bayplan: apps under Marathon's REST API";
const STYLE: &str = include_str!("help.css");

pub(super) fn page(call: &Call) -> Response {
    let host = call.head.header(header::HOST).filter(|host| host.parse::<Authority>().is_ok()).unwrap_or(DEFAULT_HOST);
    match call.head.wanted(&[Wanted::Text, Wanted::Html]) {
        Wanted::Html => Html(as_page(host)).into_response(),
        _ => as_text(host).into_response(),
    }
}

pub(super) const SECTIONS: &[Section] = &[
    Section {
        title: "Deploy an app",
        text: "An app is a command or an image, and how many instances of it should run. Without a container it is a plain \
               process. Every instance gets a port of its agent: $PORT0, and $HOST, $PORTS, $MESOS_SANDBOX, \
               $MESOS_TASK_ID, $MARATHON_APP_ID beside it. Left out, cpus are 1, mem is 128 MB and instances are 1. The \
               answer is the app in full, with status 201; the same id again is a 409.",
        examples: &[
            Example {
                about: "a process",
                command: r#"curl -X POST -H "Content-Type: application/json" HERE/v2/apps -d '{
  "id": "/hello", "cmd": "python3 -m http.server $PORT0", "cpus": 0.1, "mem": 32, "instances": 2}'"#,
            },
            Example {
                about: "a Docker container, with its port 80 published on a port of the agent",
                command: r#"curl -X POST -H "Content-Type: application/json" HERE/v2/apps -d '{
  "id": "/shop/web", "cpus": 0.1, "mem": 64,
  "container": {"type": "DOCKER", "docker": {"image": "nginx"},
                "portMappings": [{"containerPort": 80, "hostPort": 0, "name": "http"}]},
  "networks": [{"mode": "container/bridge"}]}'"#,
            },
            Example {
                about: "the same in the form of 2014: options go to the engine, the network is a bridge with one \
                        published port; the answer is in the modern form",
                command: r#"curl -X POST -H "Content-Type: application/json" HERE/v2/apps -d '{
  "container": {"image": "docker:///libmesos/ubuntu", "options": ["--privileged"]},
  "cpus": 0.5, "cmd": "sleep 500", "id": "docker-tester", "instances": 1, "mem": 300}'"#,
            },
        ],
    },
    Section {
        title: "Look",
        text: "The list takes cmd, id (parts of them) and label (a==b, a!=b, a in (b,c), a notin (b), or just a; commas \
               mean and), and embed=apps.tasks or apps.lastTaskFailure. Tasks are also shown as plain text, for load \
               balancers. The queue says why instances are not started: processedOffersSummary.reason.",
        examples: &[
            Example { about: "all apps, or some", command: "curl 'HERE/v2/apps?id=shop&embed=apps.tasks'" },
            Example { about: "one app with its tasks and its last failure", command: "curl HERE/v2/apps/hello" },
            Example { about: "its tasks, and where they listen", command: "curl HERE/v2/apps/hello/tasks" },
            Example {
                about: "every running task, for a load balancer",
                command: r#"curl -H "Accept: text/plain" HERE/v2/tasks"#,
            },
            Example { about: "changes under way", command: "curl HERE/v2/deployments" },
            Example { about: "what waits, and why", command: "curl HERE/v2/queue" },
        ],
    },
    Section {
        title: "Change an app",
        text: "PUT changes the fields that the body has and leaves the others as they are; partialUpdate=false replaces \
               all. An app that is not there is created. Anything but instances, dependencies, backoff and the kill \
               grace period replaces the running tasks, one for one. While a change is under way the app is locked, a \
               409, unless force=true; but it can always be scaled, unless the change is of other apps too. A version in the body makes the change depend on it.",
        examples: &[
            Example {
                about: "scale",
                command: r#"curl -X PUT -H "Content-Type: application/json" HERE/v2/apps/hello -d '{"instances": 3}'"#,
            },
            Example {
                about: "change the environment and where instances may run: UNIQUE, CLUSTER, GROUP_BY, LIKE, UNLIKE, MAX_PER \
                        or IS of hostname, @region, @zone or an attribute",
                command: r#"curl -X PUT -H "Content-Type: application/json" 'HERE/v2/apps/hello?force=true' -d '{
  "env": {"GREETING": "hi"}, "constraints": [["hostname", "LIKE", ".*"]]}'"#,
            },
            Example {
                about: "several apps in one deployment; the one that others depend on starts first",
                command: r#"curl -X PUT -H "Content-Type: application/json" HERE/v2/apps -d '[
  {"id": "/blog/db", "cmd": "sleep 500", "cpus": 0.1, "mem": 32},
  {"id": "/blog/web", "cmd": "sleep 500", "cpus": 0.1, "mem": 32, "dependencies": ["/blog/db"]}]'"#,
            },
        ],
    },
    Section {
        title: "Restart, kill, destroy",
        text: "A killed task is replaced; with scale=true the app gets one instance less instead.",
        examples: &[
            Example { about: "replace all tasks", command: "curl -X POST 'HERE/v2/apps/hello/restart?force=true'" },
            Example { about: "kill all tasks of an app", command: "curl -X DELETE HERE/v2/apps/hello/tasks" },
            Example {
                about: "kill some tasks by their ids",
                command: r#"curl -X POST -H "Content-Type: application/json" HERE/v2/tasks/delete -d '{"ids": ["hello.some-task"]}'"#,
            },
            Example { about: "destroy an app", command: "curl -X DELETE HERE/v2/apps/hello" },
        ],
    },
    Section {
        title: "Errors",
        text: "400: not JSON, or a parameter that makes no sense. 401: the cluster has a token; send 'Authorization: \
               Bearer TOKEN'. 404: no such app, task or route. 409: the id is taken, or a deployment holds the app. 422: \
               a field is wrong, unknown or not built yet; details names every one. 503: no change can be made right \
               now, for example because the disk is full; Retry-After says when to try again. Nothing has changed in \
               any of these cases.",
        examples: &[],
    },
    Section {
        title: "This server",
        text: "/ping answers pong, /v2/info says what runs here. The operator's API and metrics are on port 5050.",
        examples: &[
            Example { about: "is it there?", command: "curl HERE/ping" },
            Example { about: "what is it?", command: "curl HERE/v2/info" },
        ],
    },
];

fn as_text(host: &str) -> String {
    let mut text = format!("{TITLE}\n");
    for Section { title, text: about, examples } in SECTIONS {
        let _infallible = write!(text, "\n{}\n{}\n", title.to_uppercase(), wrapped(about, 100));
        for Example { about, command } in *examples {
            let _infallible =
                write!(text, "\n{}\n{}\n", wrapped(&format!("# {about}"), 100), command.replace(HERE, host));
        }
    }
    let _infallible = write!(text, "\nFIELDS\n");
    for shape in shapes() {
        let _infallible = writeln!(text, "{}", wrapped(&format!("{}: {}", shape.name, shape.built.join(", ")), 100));
        if !shape.not_built.is_empty() {
            let line = format!("  not built yet: {}", shape.not_built.join(", "));
            let _infallible = writeln!(text, "{}", wrapped(&line, 100));
        }
    }
    text
}

fn as_page(host: &str) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{TITLE}</title><style>{STYLE}</style><main><h1>{TITLE}</h1><nav>"
    );
    for Section { title, .. } in SECTIONS {
        let _infallible = write!(page, "<a href=\"#{0}\">{title}</a> ", anchor(title));
    }
    page.push_str("<a href=\"#fields\">Fields</a></nav>");
    for Section { title, text, examples } in SECTIONS {
        let _infallible = write!(page, "<section id=\"{}\"><h2>{title}</h2><p>{}</p>", anchor(title), escaped(text));
        for Example { about, command } in *examples {
            let command = escaped(&command.replace(HERE, host));
            let _infallible =
                write!(page, "<figure><figcaption>{}</figcaption><pre>{command}</pre></figure>", escaped(about));
        }
        page.push_str("</section>");
    }
    page.push_str("<section id=\"fields\"><h2>Fields</h2><table><tr><th>of<th>built<th>not built yet</tr>");
    for shape in shapes() {
        let codes = |names: &[&str]| names.iter().map(|name| format!("<code>{name}</code> ")).collect::<String>();
        let (built, not_built) = (codes(shape.built), codes(shape.not_built));
        let _infallible = write!(page, "<tr><td>{}<td>{built}<td>{not_built}</tr>", shape.name);
    }
    page.push_str("</table></section></main></html>\n");
    page
}

fn anchor(title: &str) -> String {
    title.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Broken into lines between words; the indentation of the first is kept.
fn wrapped(text: &str, width: usize) -> String {
    let indent: String = text.chars().take_while(|c| *c == ' ').collect();
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => *line = format!("{indent}{word}"),
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_page_name_the_asked_host_and_let_no_markup_in() {
        let text = as_text("cluster:9080");
        assert!(text.contains("curl cluster:9080/v2/queue") && !text.contains(HERE));
        assert!(text.lines().filter(|line| !line.starts_with("curl")).all(|line| line.len() <= 110), "{text}");
        let page = as_page("a\"><script>");
        assert!(!page.contains("<script>") && page.contains("a&quot;&gt;&lt;script&gt;/v2/queue"));
    }
}
