//! Formats for ever: what earlier versions wrote is read and folded as it was meant.
//!
//! Each `schemas/golden/NAME.log` holds sealed records and parts, one after the other, as a version of Bayplan wrote them in a real
//! cluster; `NAME.ndjson` beside it says what they mean, a record per line. Files are added and never changed. A
//! change of the code that makes one of these tests fail would make people's logs unreadable.

use std::path::PathBuf;

use model::{CodecError, NEWEST_FORMAT, PartsSoFar, Sealed, SealedRecord, Tip};
use serde_json::Value;
use state::State;

fn golden() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas/golden");
    let entries =
        std::fs::read_dir(folder).expect("there are golden records").map(|entry| entry.expect("readable").path());
    let mut files: Vec<PathBuf> = entries.filter(|file| file.extension().is_some_and(|kind| kind == "log")).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// The records of a file, those that are in parts joined, and how many parts there are.
fn read(file: &PathBuf) -> (Vec<SealedRecord>, usize) {
    let bytes = std::fs::read(file).expect("readable");
    let (mut rest, mut records, mut parts, mut so_far) = (&bytes[..], Vec::new(), 0, PartsSoFar::default());
    while !rest.is_empty() {
        let (sealed, taken) = Sealed::open(rest).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        rest = &rest[taken..];
        match sealed {
            Sealed::Record(record) => records.push(record),
            Sealed::Part(part) => {
                parts += 1;
                records.extend(so_far.take(&part.part).unwrap_or_else(|error| panic!("{file:?}: {error}")).whole);
            }
        }
    }
    (records, parts)
}

fn records(file: &PathBuf) -> Vec<SealedRecord> {
    read(file).0
}

#[test]
fn parts_are_among_them() {
    assert!(golden().iter().any(|file| read(file).1 > 2));
}

#[test]
fn old_records_mean_what_they_meant() {
    for file in golden() {
        let read: Vec<Value> = records(&file)
            .iter()
            .map(|sealed| serde_json::to_value(sealed.record.as_ref()).expect("plain data"))
            .collect();
        let told = std::fs::read_to_string(file.with_extension("ndjson")).expect("it says what they mean");
        let meant: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(read.len(), meant.len(), "{file:?}");
        for (read, meant) in read.iter().zip(&meant) {
            assert_eq!(read, meant, "{file:?}");
        }
    }
}

#[test]
fn old_logs_fold_to_sound_states() {
    for file in golden() {
        let (mut state, mut tip) = (State::default(), Tip::default());
        for sealed in records(&file) {
            tip = tip.accept(&sealed).unwrap_or_else(|void| panic!("{file:?}, {}: {void}", sealed.record.seq));
            state.apply(&sealed.record);
            assert!(!state.differs_from(sealed.record.state_hash), "{file:?}, {}", sealed.record.seq);
            assert_eq!(state.check(), vec![], "{file:?}, {}", sealed.record.seq);
        }
        assert_eq!((state.seq, state.epoch), (tip.seq, tip.epoch));
        assert!(state.header.totals.tasks_launched > 0, "{file:?}");
    }
}

#[test]
fn records_of_a_version_to_come_are_refused_and_named() {
    let mut bytes = std::fs::read(&golden()[0]).expect("readable");
    assert!((1..=NEWEST_FORMAT).contains(&bytes[1]), "the format stands in front");
    bytes[1] = NEWEST_FORMAT + 1;
    let refused = SealedRecord::open_batch(&bytes).expect_err("refused");
    assert_eq!(refused, CodecError::NewerFormat { found: NEWEST_FORMAT + 1 });
    assert!(refused.to_string().contains("use a newer bayplan"), "{refused}");
}
