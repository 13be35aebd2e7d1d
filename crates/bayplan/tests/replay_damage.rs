//! What commands that look back say to a log that cannot be read to its end: the one that is part of the source, cut.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const LOG: &str = "examples/replay/harbour.log";
/// Records 1 to 129 are whole then.
const CUT_BYTES: usize = 70_000;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn harbour() -> Vec<u8> {
    std::fs::read(root().join(LOG)).expect("it is part of the source")
}

struct Damaged {
    _folder: tempfile::TempDir,
    file: String,
}

impl Damaged {
    fn of(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("cut.log");
        std::fs::write(&file, bytes).expect("written");
        Self { file: file.display().to_string(), _folder: folder }
    }

    fn cut() -> Self {
        Self::of(&harbour()[..CUT_BYTES])
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bayplan"));
        command.current_dir(root()).args(arguments).args(["--log", &self.file, "--no-cache"]);
        command.output().expect("the binary runs")
    }

    #[track_caller]
    fn assert_says(&self, arguments: &[&str], status: i32, parts: &[&str]) -> String {
        let output = self.run(arguments);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{arguments:?} does not say '{part}': {said}");
        }
        said
    }
}

/// Both streams.
fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[test]
fn a_file_of_a_newer_format_is_told_from_what_is_no_log() {
    let of = |header: &[u8]| {
        let whole = harbour();
        let frames = whole.strip_prefix(b"bayplan-log 1\n").expect("its header");
        Damaged::of(&[header, frames].concat())
    };
    let newer = "was written by a newer bayplan: it has format 2, but this version reads 1";
    let (two, twelve) = (of(b"bayplan-log 2\n"), of(b"bayplan-log 12\n"));
    two.assert_says(&["status"], 1, &[newer]);
    two.assert_says(&["replay", "verify"], 1, &[newer]);
    twelve.assert_says(&["status"], 1, &["it has format 12"]);
    for nothing in [&b"bayplan-log two\n"[..], b"bayplan-log 0\n", b"bayplan-log 2", b"bayplan"] {
        of(nothing).assert_says(&["status"], 1, &["is no file of `bayplan log export`"]);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("master").display().to_string();
    for take in [["import", "--dir", &dir, "--from"], ["restore", "--dir", &dir, "--from"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bayplan"));
        let output = command.arg("log").args(take).arg(&two.file).output().expect("the binary runs");
        assert!(output.status.code() == Some(1) && said(&output).contains(newer), "{take:?}: {}", said(&output));
    }
}

const WHERE: &str = "cannot be read from record 130 on";
const WHY: &str = "it ends too early";

#[test]
fn a_range_that_ends_before_the_damage_is_whole() {
    let cut = Damaged::cut();
    let whole = Damaged::of(&harbour());
    let ranges: [&[&str]; 6] = [
        &["replay", "stats", "--until", "129"],
        &["replay", "history", "/web", "--until", "129"],
        &["replay", "grep", "--event", "task_launched", "--until", "129"],
        &["replay", "bisect", "--condition", "launches > 20", "--until", "129"],
        &["replay", "what-if", "--fork", "100", "--until", "129", "--remove-agent", "S3", "--json"],
        &["--at", "129", "events", "--last", "3"],
    ];
    for range in ranges {
        let [of_cut, of_whole] = [&cut, &whole].map(|log| {
            let mut output = log.run(range);
            let status = output.status.code();
            // How fast it went differs.
            if let Ok(mut document) = serde_json::from_slice::<serde_json::Value>(&output.stdout) {
                document.as_object_mut().expect("an object").remove("records_per_s");
                output.stdout = document.to_string().into();
            }
            (status, said(&output))
        });
        assert!(of_cut == of_whole && of_cut.0 == Some(0), "{range:?}: {of_cut:?}, and of the whole log {of_whole:?}");
    }
    cut.assert_says(&["--at", "129", "events", "--from", "130"], 0, &["As after record 129"]);
}

#[test]
fn what_wants_more_than_can_be_read_is_refused_with_the_way_out() {
    let cut = Damaged::cut();
    let until = "what was before can be looked at: --until 129";
    let refused: [(&[&str], &str); 18] = [
        (&["replay", "stats"], until),
        (&["replay", "stats", "--until", "end"], until),
        (&["replay", "stats", "--until", "130"], until),
        (&["replay", "stats", "--until", "2026-03-02T08:05"], until),
        (&["replay", "grep", "--event", "task_launched", "--from", "140"], until),
        (&["replay", "grep", "--event", "task_launched", "--from", "end"], until),
        (&["replay", "history", "/web"], until),
        (&["replay", "history", "/web", "--until", "240"], until),
        (&["replay", "what-if", "--fork", "100", "--remove-agent", "S3"], until),
        (&["replay", "what-if", "--fork", "100", "--until", "200", "--remove-agent", "S3"], until),
        (&["replay", "what-if", "--fork", "135", "--remove-agent", "S3"], until),
        (&["replay", "bisect", "--condition", "false", "--from", "129"], until),
        (&["replay", "bisect", "--condition", "false", "--from", "200", "--until", "240"], until),
        (&["replay", "diff", "10", "end"], "looked at: record 129"),
        (&["replay", "diff", "10", "130"], "looked at: record 129"),
        (&["replay", "export", "--out", "-", "--format", "jsonl", "--to", "240"], "looked at: --to 129"),
        (&["--at", "end", "status"], "looked at: --at 129"),
        (&["--at", "130", "events"], "looked at: --at 129"),
    ];
    for (arguments, way_out) in refused {
        cut.assert_says(arguments, 1, &[WHERE, WHY, way_out]);
    }
    cut.assert_says(&["replay", "diff", "10", "129"], 0, &["to record 129"]);
}

/// Where the end cannot be read, nobody knows what is ten seconds before it.
#[test]
fn a_moment_that_counts_from_the_end_needs_the_end() {
    let cut = Damaged::cut();
    let asked: [&[&str]; 6] = [
        &["--at", "-10s", "status"],
        &["--at", "08:01", "status"],
        &["replay", "stats", "--from", "-1m", "--until", "129"],
        &["replay", "grep", "--event", "task_launched", "--until", "08:01"],
        &["replay", "diff", "-10s", "129"],
        &["replay", "export", "--out", "-", "--format", "jsonl", "--from", "-1m", "--to", "129"],
    ];
    for arguments in asked {
        cut.assert_says(arguments, 1, &[WHERE, WHY, "counts from the log's end", "up to 129, or a full date"]);
    }
    cut.assert_says(&["--at", "2026-03-02T08:00:30", "status"], 0, &["As after record"]);
}

#[test]
fn a_search_names_the_damage_unless_it_finds_something_before() {
    let cut = Damaged::cut();
    for until in [&[][..], &["--until", "240"], &["--until", "end"]] {
        let bisect = |condition| [&["replay", "bisect", "--condition", condition], until].concat();
        cut.assert_says(&bisect("false"), 1, &["after none of records 1 to 129: false", WHERE, WHY]);
        let found = cut.assert_says(&bisect("launches > 20"), 0, &["launches > 20"]);
        assert!(!found.contains("cannot be read"), "{found}");
        let told = |condition| -> serde_json::Value {
            let output = cut.run(&[bisect(condition), vec!["--json"]].concat());
            serde_json::from_slice(&output.stdout).expect("JSON")
        };
        let (not_found, found) = (told("false"), told("launches > 20"));
        assert!(not_found["damage"].as_str().is_some_and(|damage| damage.contains(WHERE)), "{not_found}");
        assert_eq!((&not_found["holds"], &not_found["last"]), (&false.into(), &129.into()));
        assert!(found.get("damage").is_none(), "{found}");
    }
    let said =
        cut.assert_says(&["replay", "bisect", "--condition", "false", "--until", "129"], 1, &["records 1 to 129"]);
    assert!(!said.contains("cannot be read"), "{said}");
}

#[test]
fn a_machine_is_told_the_first_bad_record() {
    let verified = |log: &Damaged| -> (Option<i32>, serde_json::Value) {
        let output = log.run(&["replay", "verify", "--json"]);
        (output.status.code(), serde_json::from_slice(&output.stdout).expect("a document"))
    };
    let (status, told) = verified(&Damaged::of(&harbour()));
    assert_eq!((status, &told["sound"], &told["records"]), (Some(0), &true.into(), &240.into()));

    let mut checksum = harbour();
    *checksum.last_mut().expect("it has bytes") ^= 1;
    let mut first = harbour();
    first[40] ^= 1;
    let nobody = serde_json::Value::Null;
    for (log, bad, reason) in [
        (Damaged::cut(), 130.into(), WHY),
        (Damaged::of(&first), 1.into(), "record 1 cannot be read"),
        (Damaged::of(&checksum), nobody, "checksum"),
    ] {
        let (status, told) = verified(&log);
        assert_eq!((status, &told["sound"], &told["first_bad_record"]), (Some(1), &false.into(), &bad), "{told}");
        let why = told["reason"].as_str().expect("a reason");
        log.assert_says(&["replay", "verify"], 1, &[reason, why]);
    }
}
