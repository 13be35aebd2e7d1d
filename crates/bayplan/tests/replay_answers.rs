//! What commands that look back say to wishes that cannot be met, or hardly: on the log that is part of the source.

use std::path::Path;
use std::process::{Command, Output, Stdio};

const LOG: &str = "examples/replay/harbour.log";

fn bayplan(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bayplan"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    command.args(arguments).args(["--log", LOG, "--no-cache"]);
    command
}

/// Both streams.
fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[track_caller]
fn assert_says(arguments: &[&str], status: i32, parts: &[&str]) -> String {
    let output = bayplan(arguments).output().expect("the binary runs");
    let said = said(&output);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
    for part in parts {
        assert!(said.contains(part), "{arguments:?} does not say '{part}': {said}");
    }
    said
}

#[test]
fn an_agent_that_nobody_describes_is_not_added() {
    let what_if = |agent| ["replay", "what-if", "--fork", "1", "--add-agent", agent];
    for agent in ["hostname:h9", "hostname:h9;cpus:8", "hostname:h9;mem:512;rack:r1"] {
        assert_says(&what_if(agent), 2, &["--add-agent h9", "no agent at the fork", "hostname:h9;cpus:8;mem:16384"]);
    }
    assert_says(&what_if("hostname:h9;cpus:8;mem:16384"), 0, &["h9"]);
}

#[test]
fn two_changes_of_one_agent_are_named() {
    let resized = |agent, resources| ["--resize-agent".to_owned(), format!("{agent}={resources}")];
    let removed = |agent: &str| ["--remove-agent".to_owned(), agent.to_owned()];
    let cases = [
        ([removed("S3"), resized("crane4", "cpus:1")], "by --remove-agent and --resize-agent"),
        ([resized("crane4", "cpus:8"), resized("S3", "mem:512")], "by --resize-agent twice"),
        ([removed("S3"), removed("S3")], "by --remove-agent twice"),
    ];
    for (changes, flags) in cases {
        let changes: Vec<&str> = changes.iter().flatten().map(String::as_str).collect();
        let arguments = [&["replay", "what-if", "--fork", "100"], changes.as_slice()].concat();
        assert_says(&arguments, 2, &["agent S3 (crane4)", flags, "one change"]);
    }
}

#[test]
fn a_new_agent_is_not_called_as_another_one_is() {
    let what_if = |more: &[&'static str]| [&["replay", "what-if", "--fork", "200"], more].concat();
    let taken = ["--add-agent", "hostname:crane4;cpus:8"];
    assert_says(&what_if(&taken), 2, &["--add-agent crane4: agent S3 is", "--resize-agent S3=", "--remove-agent S3"]);
    let twice = ["--add-agent", "hostname:h9", "--add-agent", "hostname:h9;cpus:8"];
    assert_says(&what_if(&twice), 2, &["--add-agent names h9 twice", "of its own"]);
    let instead = ["--add-agent", "hostname:crane4;cpus:8", "--remove-agent", "crane4"];
    assert_says(&what_if(&instead), 0, &["without crane4 (S3)", "with crane4:"]);
    assert_says(
        &what_if(&["--add-agent", "hostname:h9", "--add-agent", "hostname:h10"]),
        0,
        &["with h9:", "with h10:"],
    );
}

#[test]
fn a_picture_that_cannot_be_written_is_refused_before_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    for (svg, reason) in [(path("none/a.svg"), "is in a folder that is not there"), (path("."), "is a folder")] {
        let said = assert_says(&["replay", "what-if", "--fork", "100", "--svg", &svg], 2, &["--svg", &svg, reason]);
        assert!(!said.contains("From record"), "{said}");
    }
    let svg = path("a.svg");
    assert_says(&["replay", "what-if", "--fork", "999", "--svg", &svg], 4, &[]);
    assert!(!Path::new(&svg).exists(), "a refused run leaves nothing");
    for _ in 0..2 {
        assert_says(&["replay", "what-if", "--fork", "200", "--svg", &svg], 0, &["From record 200"]);
        assert!(std::fs::read_to_string(&svg).expect("a picture").ends_with("</svg>\n"));
    }
}

#[test]
fn before_the_first_record_there_is_no_time_and_nobody_leads() {
    let nothing = "before the first record";
    let cases: &[(&[&str], &[&str])] = &[
        (&["--at", "0", "leader"], &["As before the first record.", "nobody leads yet"]),
        (&["--at", "0", "status"], &["As before the first record.", "nobody leads yet", "no records yet"]),
        (&["--at", "0", "leader", "--json"], &["\"leader\": null"]),
        (&["replay", "diff", "0", "1"], &["From before the first record to record 1 (2026-03-02T08:00:00.000Z)\n"]),
        (&["replay", "diff", "1", "0"], &["to before the first record\n"]),
        (&["replay", "bisect", "--condition", "app(\"/web\") == null"], &[nothing]),
        (&["replay", "what-if", "--fork", "0"], &["From before the first record, 240 records in 5m10s"]),
    ];
    for (arguments, parts) in cases {
        let said = assert_says(arguments, 0, parts);
        let has_no_time = !said.contains("1970") && !said.contains("epoch 0") && !said.contains("apart");
        assert!(has_no_time, "{arguments:?}: {said}");
    }
    let said = assert_says(&["replay", "what-if", "--fork", "0", "--json"], 0, &["as_it_was"]);
    let document: serde_json::Value = serde_json::from_str(&said[said.find('{').expect("a document")..]).expect("JSON");
    assert_eq!(document["from"], 1_772_438_400_000_u64);
    assert_eq!(document["points"][0]["at"], document["from"]);
}

#[test]
fn a_search_that_ends_before_it_begins_is_refused() {
    let bisect = |from, until| ["replay", "bisect", "--condition", "seq > 300", "--from", from, "--until", until];
    for (from, until, named) in [
        ("100", "50", ["record 100", "record 50"]),
        ("100", "100", ["record 100", "record 100"]),
        ("08:01:00", "08:00:00", ["record 126", "record 1"]),
    ] {
        assert_says(&bisect(from, until), 2, &["--from", "--until", named[0], named[1]]);
    }
    // Every record from one on may be looked at, however few there are.
    assert_says(&bisect("239", "240"), 1, &["none of records 240 to 240"]);
}

/// `head` has enough of it.
#[test]
fn an_output_that_is_closed_is_no_failure() {
    for more in [&["--from", "1"][..], &["--anonymise"]] {
        let arguments = [&["replay", "export", "--format", "jsonl", "--out", "-"], more].concat();
        let mut exporting = bayplan(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        // Nobody reads what it writes.
        drop(exporting.stdout.take());
        let output = exporting.wait_with_output().expect("it ends");
        assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()), "{more:?}");
    }
}

#[test]
fn a_time_before_the_log_is_named_with_its_date() {
    let begins = "begins with record 1, at 2026-03-02T08:00:00.000Z";
    assert_says(&["--at", "07:59", "status"], 4, &[begins, "2026-03-02T07:59:00.000Z is before that"]);
    // After the log's last record it is a time of the day before.
    assert_says(&["--at", "08:06:00", "status"], 4, &[begins, "2026-03-01T08:06:00.000Z is before that"]);
    assert_says(&["replay", "diff", "-10m", "end"], 4, &[begins, "2026-03-02T07:55:10.000Z is before that"]);
}

#[test]
fn a_story_is_told_of_nobody_else() {
    for framework in ["F1", "spark"] {
        let said = assert_says(&["replay", "history", framework], 4, &["F1 is a framework (spark)", "grep --id F1"]);
        assert!(!said.contains("The story of"), "{said}");
    }
    // Its task may be meant by the beginning of the task's id.
    assert_says(&["replay", "history", "F1."], 0, &["The story of task F1.O69.stage-1"]);
    // The beginnings of ids of several kinds.
    assert_says(&["replay", "history", "crane"], 4, &["several: agent S0, agent S1, agent S2"]);
    assert_says(&["replay", "history", "t"], 4, &["several: app /thumbs, app /train, task thumbs.instance-"]);
    assert_says(&["replay", "history", "gpu"], 0, &["The story of agent S4"]);
}

/// The log has no broken invariant; what takes its place here stays once it holds, or comes and goes.
#[test]
fn asking_less_often_finds_the_first_record_of_what_stays() {
    let bisect = |condition, every| {
        let wish = ["replay", "bisect", "--condition", condition, "--check-every", every, "--json"];
        let output = bayplan(&wish).output().expect("the binary runs");
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (output.status.code(), told["turn"]["seq"].as_u64(), told["asked"].as_u64().expect("a number"))
    };
    for condition in ["launches > 60", "failures > 40", "agents.connected > 4", "launches > 0"] {
        let (status, first, often) = bisect(condition, "1");
        assert!(status == Some(0) && first.is_some(), "{condition}");
        for every in ["7", "64", "1000"] {
            let (_, found, asked) = bisect(condition, every);
            assert_eq!(found, first, "{condition}, {every}");
            assert!(asked <= often + 1, "{condition}, {every}: {asked} of {often}");
        }
    }
    let nothing = "violations > 0";
    let ((status, _, often), (same, _, seldom)) = (bisect(nothing, "1"), bisect(nothing, "64"));
    // After 64, 128, 192, and the last.
    assert_eq!((status, same, often, seldom), (Some(1), Some(1), 240, 4));
    // Of what comes and goes, only what lasts is found.
    let briefly = "agents.connected == 4 && launches > 20";
    assert!(bisect(briefly, "1").1.is_some());
    assert_eq!(bisect(briefly, "1000").1, None);
    let wish = ["replay", "bisect", "--condition", "task_launched", "--check-every", "64"];
    assert_says(&wish, 2, &["--check-every 64", "task_launched", "leave it out"]);
}
