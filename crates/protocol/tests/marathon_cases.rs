//! Bodies and what becomes of them, one per file in `tests/marathon/`.
//!
//! A file has parts, each begun by a line `--- name`: `present` is the app's definition before (a body of its own),
//! `body` what is sent, `replace` says that it replaces the whole. Then follows either `answer`, the definition in
//! the modern form, or `problems`, a line for each. `BAYPLAN_BLESS=1` writes the last part anew.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use model::{AppId, AppSpec, Constraint};
use protocol::marathon::{self, Problems, Update};
use serde_json::Value;

/// Stands for placement's own rule.
fn rule(constraint: &Constraint) -> Result<(), String> {
    match &constraint.value {
        Some(value) if value.contains("[unclosed") => Err(format!("'{value}' is not a regular expression")),
        _ => Ok(()),
    }
}

struct Case {
    parts: Vec<(String, String)>,
}

impl Case {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("readable");
        let mut parts: Vec<(String, String)> = Vec::new();
        for line in text.lines() {
            match (line.strip_prefix("--- "), parts.last_mut()) {
                (Some(name), _) => parts.push((name.to_owned(), String::new())),
                (None, Some((_, content))) => writeln!(content, "{line}").expect("a text"),
                (None, None) => parts.push(("about".to_owned(), format!("{line}\n"))),
            }
        }
        Self { parts }
    }

    fn part(&self, name: &str) -> Option<&str> {
        self.parts.iter().find(|(found, _)| found == name).map(|(_, content)| content.as_str())
    }

    fn json(&self, name: &str) -> Option<Value> {
        self.part(name).map(|text| serde_json::from_str(text).expect("JSON"))
    }
}

fn outcome(case: &Case) -> Result<AppSpec, Problems> {
    let body = case.json("body").expect("a body");
    let Some(present) = case.json("present") else { return marathon::create(body, &rule) };
    let mut present = marathon::create(present, &rule).expect("a good definition");
    // As the scheduler does.
    for (port, chosen) in present.ports.iter_mut().filter(|port| port.service_port == 0).zip(10_000..) {
        port.service_port = chosen;
    }
    let how = if case.part("replace").is_some() { Update::Replace } else { Update::Merge };
    let id: AppId = present.id.clone();
    marathon::update(&id, Some(&present), body, how, &rule)
}

fn shown(outcome: &Result<AppSpec, Problems>) -> (&'static str, String) {
    match outcome {
        Ok(spec) => {
            let answer = serde_json::to_string_pretty(&marathon::definition_of(spec)).expect("plain data");
            ("answer", answer + "\n")
        }
        Err(problems) => {
            let mut lines = String::new();
            for detail in problems.clone().into_details() {
                for reason in detail.errors {
                    writeln!(lines, "{} {reason}", detail.path).expect("a text");
                }
            }
            ("problems", lines)
        }
    }
}

#[test]
fn bodies_become_what_their_files_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/marathon");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("one").path()).collect();
    paths.sort();
    assert!(paths.len() >= 10, "the cases are there");
    let mut wrong = Vec::new();
    for path in paths {
        let case = Case::read(&path);
        let (kind, content) = shown(&outcome(&case));
        if case.part(kind) == Some(&content) {
            continue;
        }
        if std::env::var_os("BAYPLAN_BLESS").is_some() {
            let kept = case.parts.iter().filter(|(name, _)| name != "answer" && name != "problems");
            let mut text = String::new();
            for (name, content) in kept {
                let lead = if name == "about" { String::new() } else { format!("--- {name}\n") };
                write!(text, "{lead}{content}").expect("a text");
            }
            write!(text, "--- {kind}\n{content}").expect("a text");
            fs::write(&path, text).expect("written");
        } else {
            wrong.push(format!("{}:\n--- {kind}\n{content}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
