//! A file of a log as a test fixture: whether it is sound, and whether this version of the code decides as it was decided then.

use std::path::Path;

use model::Seq;
use replay::anonymise::decide_again;
use scheduler::{Again, World};
use serde::Serialize;

use crate::cli::past::{LogSource, ReplayLog};
use crate::commands::log::bar::Bar;
use crate::failure::Failure;
use crate::modules;
use crate::past::PastLog;

/// So many differing decisions are told.
const TOLD: usize = 10;

/// A sound file.
#[derive(Debug, Serialize)]
pub(super) struct Fixture {
    pub(super) from_seq: u64,
    pub(super) to_seq: u64,
    pub(super) records: u64,
    pub(super) state_hashes: u64,
    /// Of how many records this version would make others.
    pub(super) decided_otherwise: u64,
    /// The first of them.
    pub(super) otherwise: Vec<Otherwise>,
}

#[derive(Debug, Serialize)]
pub(super) struct Otherwise {
    pub(super) seq: u64,
    pub(super) difference: String,
}

/// Reads all of the file, folds it, compares its hashes, checks every invariant after each hash and at the end, and decides every
/// command again.
pub(super) async fn check(file: &Path) -> Result<Fixture, Failure> {
    let named = |reason: String| Failure::failed(format!("{}: {reason}", file.display()));
    let place = ReplayLog { log: LogSource::Path(file.to_owned()), cluster: "default".to_owned(), no_cache: true };
    let past = PastLog::open(&place).await?;
    past.check_file()?;
    let policies = modules::policies()?;
    let begun = past.beginning().await?;
    let (end, from) = (begun.end(), begun.state().seq.next());
    let mut world = World::of(begun.into_state());
    let mut records = past.records_from(from).await?;
    let mut bar = Bar::new("deciding again", end.0);
    let mut fixture = Fixture {
        from_seq: from.0,
        to_seq: 0,
        records: 0,
        state_hashes: 0,
        decided_otherwise: 0,
        otherwise: Vec::new(),
    };
    while let Some(record) = records.next().await? {
        if let Again::Otherwise(difference) = decide_again(&world, &record, &policies) {
            fixture.decided_otherwise += 1;
            if fixture.otherwise.len() < TOLD {
                fixture.otherwise.push(Otherwise { seq: record.seq.0, difference });
            }
        }
        world.apply(&record);
        if record.state_hash.is_some() {
            if world.state.differs_from(record.state_hash) {
                return Err(named(format!("the state after record {} has another hash than was recorded", record.seq)));
            }
            fixture.state_hashes += 1;
            invariants(&world, record.seq).map_err(named)?;
        }
        (fixture.records, fixture.to_seq) = (fixture.records + 1, record.seq.0);
        bar.at(records.position().0);
    }
    invariants(&world, Seq(fixture.to_seq)).map_err(named)?;
    Ok(fixture)
}

fn invariants(world: &World, seq: Seq) -> Result<(), String> {
    let of_state = world.state.check().into_iter().map(|violation| violation.to_string());
    match of_state.chain(world.view.check()).next() {
        Some(violation) => Err(format!("after record {seq} an invariant does not hold: {violation}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Where `bayplan replay import` puts fixtures.
    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures");
    /// When it is set, a fixture that is decided otherwise fails.
    const STRICT: &str = "BAYPLAN_FIXTURES_STRICT";

    fn fixtures() -> Vec<PathBuf> {
        let entries = std::fs::read_dir(FIXTURES).expect("the folder of fixtures");
        let files = entries.map(|entry| entry.expect("an entry").path());
        let mut fixtures: Vec<PathBuf> =
            files.filter(|file| file.extension().is_some_and(|extension| extension == "log")).collect();
        fixtures.sort();
        fixtures
    }

    #[tokio::test]
    async fn every_fixture_is_sound_and_says_when_it_would_be_decided_otherwise() {
        let fixtures = fixtures();
        assert!(!fixtures.is_empty(), "there is no fixture in {FIXTURES}");
        for file in fixtures {
            let found = check(&file).await.unwrap_or_else(|failure| panic!("{failure}"));
            assert!(found.records > 0, "{} is empty", file.display());
            let (otherwise, name) = (found.decided_otherwise, file.display());
            println!("{name}: {otherwise} of {} records are decided otherwise: {:#?}", found.records, found.otherwise);
            assert!(otherwise == 0 || std::env::var_os(STRICT).is_none(), "{name}: {:#?}", found.otherwise);
        }
    }
}
