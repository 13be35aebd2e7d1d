//! `bayplan replay import`: a file of a log becomes a test fixture.

use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use super::fixture::{self, Fixture};
use crate::cli::Global;
use crate::cli::replay::Import;
use crate::failure::Failure;
use crate::output::{Output, note};
use crate::render::count;

#[derive(Serialize)]
struct Imported {
    file: String,
    bytes: u64,
    #[serde(flatten)]
    fixture: Fixture,
}

pub(super) async fn run(import: Import, global: &Global, out: &mut Output) -> Result<(), Failure> {
    check_name(&import.name)?;
    if !import.file.is_file() {
        let file = import.file.display();
        return Err(Failure::NotFound(format!(
            "{file} is no file; `bayplan replay export --out FILE` makes one of a log"
        )));
    }
    let to = import.into.join(format!("{}.log", import.name));
    if to.symlink_metadata().is_ok() {
        return Err(Failure::Refused(format!("{} is there already: choose another name, or remove it", to.display())));
    }
    let fixture = fixture::check(&import.file).await?;
    if let Some(first) = fixture.otherwise.first() {
        let told = format!(
            "{} of {} would be decided otherwise by this version, first record {}: {}.",
            fixture.decided_otherwise,
            count(fixture.records, "record"),
            first.seq,
            first.difference
        );
        if import.strict {
            return Err(Failure::failed(format!("{told} Nothing was written (--strict).")));
        }
        note(global.color, &told);
    }
    let bytes = copy(&import.file, &to)?;
    let text = format!(
        "{} is a fixture: {}, {} to {}, {}, {bytes} bytes. `cargo test -p bayplan fixture` checks it from now on.\n",
        to.display(),
        count(fixture.records, "record"),
        fixture.from_seq,
        fixture.to_seq,
        match fixture.decided_otherwise {
            0 => "all decided as recorded".to_owned(),
            otherwise => format!("{otherwise} of them decided otherwise"),
        }
    );
    if out.is_json() {
        out.document(&Imported { file: to.display().to_string(), bytes, fixture })
    } else {
        out.text(&text)
    }
}

/// It becomes the name of a file, and stands in tests.
fn check_name(name: &str) -> Result<(), Failure> {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.is_empty() && name.chars().all(is_allowed) && !name.starts_with('-') {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "--as '{name}': use lowercase letters, digits and '-', and begin with none of these last"
    )))
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<u64> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let bytes = std::fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    std::fs::write(to, &bytes).with_context(|| format!("cannot write {}", to.display()))?;
    Ok(bytes.len() as u64)
}
