use std::path::{Path, PathBuf};

use clap::Parser;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::*;
use crate::cli::replay::Replay;
use crate::cli::{Cli, Command};
use crate::commands::replay::fixture;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// A run of `bayplan dev` and a second agent, with names of its own, anonymised.
const FIXTURE: &str = "tests/fixtures/two-agents.log";
/// Where the queries are: in the page with this heading.
const HEADING: &str = "## Export, anonymise, import";

/// Runs the command, and gives the file that it has made.
async fn export(log: &Path, folder: &Path, name: &str, more: &[&str]) -> PathBuf {
    let out = folder.join(name);
    let (log, to) = (log.display().to_string(), out.display().to_string());
    let line = ["bayplan", "replay", "export", "--no-cache", "--log", &log, "--out", &to];
    let cli = Cli::try_parse_from(line.into_iter().chain(more.iter().copied())).expect("a command line");
    let export = wanted(cli.command);
    let mut told = Output::new(cli.global.color, true);
    run(export, &cli.global, &mut told).await.unwrap_or_else(|failure| panic!("{failure}"));
    out
}

fn wanted(command: Command) -> Export {
    let Command::Replay(command) = command else { panic!("another command") };
    let Replay::Export(export) = *command else { panic!("another command") };
    export
}

fn fixture() -> PathBuf {
    Path::new(ROOT).join(FIXTURE)
}

fn number(database: &Connection, query: &str) -> i64 {
    database.query_row(query, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{query}: {error}"))
}

fn page() -> String {
    let pages = std::fs::read_dir(Path::new(ROOT).join("docs")).expect("the documents");
    let mut pages = pages.filter_map(|entry| std::fs::read_to_string(entry.expect("an entry").path()).ok());
    pages.find(|page| page.contains(HEADING)).expect("a page with the queries")
}

/// What stands between the fences of a language.
fn blocks(page: &str) -> Vec<&str> {
    let parts = page.split("```sql\n").skip(1);
    parts.map(|part| part.split("```").next().unwrap_or_default()).collect()
}

#[tokio::test]
async fn a_database_has_what_the_log_has_and_every_query_of_the_page_finds_something() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = export(&fixture(), folder.path(), "all.db", &["--format", "sqlite"]).await;
    let found = fixture::check(&fixture()).await.expect("it is sound");
    let database = Connection::open(file).expect("a database");
    assert_eq!(number(&database, "SELECT count(*) FROM records"), found.records as i64);
    assert_eq!(number(&database, "SELECT sum(events) FROM records"), number(&database, "SELECT count(*) FROM events"));
    let launched = "SELECT count(*) FROM events WHERE kind = 'task_launched'";
    assert_eq!(number(&database, "SELECT count(*) FROM tasks"), number(&database, launched));
    assert_eq!(number(&database, "SELECT count(*) FROM events WHERE task IS NOT NULL AND app IS NULL"), 0);
    assert_eq!(number(&database, "SELECT count(*) FROM tasks WHERE state = 'TASK_RUNNING' AND running_ms IS NULL"), 0);
    assert_eq!(number(&database, "SELECT count(*) FROM offers WHERE outcome IS NULL"), 0);

    let page = page();
    let queries = blocks(&page);
    assert!(queries.len() >= 5, "the page has {} queries", queries.len());
    for query in queries {
        let mut statement = database.prepare(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        let rows = statement.query_map([], |row| row.get::<_, Value>(0)).expect("it runs").count();
        assert!(rows > 0, "nothing is found by {query}");
    }
}

#[tokio::test]
async fn a_slice_opens_like_any_log_and_begins_with_the_state_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let more = ["--from", "20", "--to", "50"];
    let slice = export(&fixture(), folder.path(), "slice.log", &more).await;
    let found = fixture::check(&slice).await.expect("it is sound");
    assert_eq!((found.from_seq, found.to_seq, found.records), (20, 50, 31));
    assert_eq!(found.decided_otherwise, 0, "{:#?}", found.otherwise);

    // A slice of it, in other words once more.
    let again = export(&slice, folder.path(), "again.log", &["--from", "30", "--anonymise"]).await;
    let found = fixture::check(&again).await.expect("it is sound");
    assert_eq!((found.from_seq, found.to_seq, found.decided_otherwise), (30, 50, 0), "{:#?}", found.otherwise);
    assert_eq!(found.state_hashes, 1, "the last record has one");

    let database = export(&slice, folder.path(), "slice.db", &["--format", "sqlite"]).await;
    let database = Connection::open(database).expect("a database");
    assert!(number(&database, "SELECT count(*) FROM tasks WHERE launched_seq IS NULL") > 0, "of before the slice");
    assert_eq!(number(&database, "SELECT min(seq) FROM records"), 20);
}

#[tokio::test]
async fn json_lines_are_records() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = export(&fixture(), folder.path(), "all.jsonl", &["--format", "jsonl", "--to", "9"]).await;
    let lines = std::fs::read_to_string(file).expect("the lines");
    let records: Vec<model::Record> = lines.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
    assert_eq!(records.iter().map(|record| record.seq.0).collect::<Vec<_>>(), (1..=9).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_cannot_be_exported_is_said_before_a_file_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    for (more, reason) in [
        (["--out", "-"].as_slice(), "takes --format jsonl only"),
        (&["--out", "/dev/null"], "is there already"),
        (&["--out", "missing/folder/x.log"], "is in a folder that is not there"),
        (&["--from", "50", "--to", "20", "--out", "x.log"], "nothing between them"),
    ] {
        let log = fixture().display().to_string();
        let line = ["bayplan", "replay", "export", "--no-cache", "--log", &log];
        let cli = Cli::try_parse_from(line.into_iter().chain(more.iter().copied())).expect("a command line");
        let mut export = wanted(cli.command);
        if export.out == Path::new("x.log") {
            export.out = folder.path().join("x.log");
        }
        let mut told = Output::new(cli.global.color, true);
        let failure = run(export, &cli.global, &mut told).await.expect_err(reason);
        assert!(failure.to_string().contains(reason), "{failure}");
    }
    assert!(!folder.path().join("x.log").exists());
}
