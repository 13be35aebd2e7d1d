//! docs/replay.md is run: every command of its `console` blocks has to print what stands below it. With `BAYPLAN_WRITE_DOCS=1` the page
//! is written anew with what they print.

use std::path::{Path, PathBuf};
use std::process::Command;

const PAGE: &str = "docs/replay.md";
const BEGIN: &str = "```console";
const END: &str = "```";
const PROMPT: &str = "$ ";
/// Fewer would mean that the blocks are not found.
const LEAST_COMMANDS: usize = 15;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What a command prints, both streams as they come on a terminal that is none.
fn run(command: &str, cache: &Path) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_bayplan")).parent().expect("it is in a folder");
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new("sh")
        .args(["-c", &format!("{{ {command}; }} 2>&1")])
        .current_dir(root())
        .env("PATH", path)
        .env("XDG_CACHE_HOME", cache)
        .output()
        .expect("a shell");
    String::from_utf8(output.stdout).expect("text")
}

/// The page with what its commands print now, and how many those are.
fn anew(page: &str, run: impl Fn(&str) -> String) -> (String, usize) {
    let (mut text, mut commands, mut in_block) = (String::new(), 0, false);
    for line in page.lines() {
        match line.strip_prefix(PROMPT) {
            Some(command) if in_block => {
                commands += 1;
                text += &format!("{line}\n{}", run(command));
            }
            _ if line == BEGIN => {
                in_block = true;
                text += &format!("{line}\n");
            }
            _ if in_block && line == END => {
                in_block = false;
                text += &format!("{line}\n");
            }
            // What was printed before.
            _ if in_block => {}
            _ => text += &format!("{line}\n"),
        }
    }
    (text, commands)
}

#[test]
fn every_command_of_the_page_prints_what_the_page_shows() {
    let page = root().join(PAGE);
    let cache = tempfile::tempdir().expect("a folder");
    let shown = std::fs::read_to_string(&page).expect(PAGE);
    let (now, commands) = anew(&shown, |command| run(command, cache.path()));
    assert!(commands >= LEAST_COMMANDS, "only {commands} commands were found");
    if std::env::var("BAYPLAN_WRITE_DOCS").is_ok() {
        return std::fs::write(&page, now).expect(PAGE);
    }
    for (shown, now) in shown.lines().zip(now.lines()) {
        assert_eq!(shown, now, "{PAGE} shows something else; BAYPLAN_WRITE_DOCS=1 writes it anew");
    }
    assert_eq!(shown.lines().count(), now.lines().count(), "{PAGE} has other lines");
}
