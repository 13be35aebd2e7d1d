//! The form of rows and marks: MessagePack maps with field names, as in records, so that a field that is added later reads
//! as its default.

use model::{AppVersion, Row};
use serde::Deserialize;
use state::RowKey;

use crate::{Mark, SnapshotError};

/// The version of the form that this code writes, of snapshots and of baselines.
pub const FORMAT: u32 = 1;

/// A column family for each table.
pub(crate) const TABLES: [&str; 11] = [
    "header",
    "agents",
    "apps",
    "definitions",
    "tasks",
    "offers",
    "deployments",
    "frameworks",
    "filters",
    "profiles",
    "modules",
];
/// The family of what says which state it is.
pub(crate) const META: &str = "meta";
pub(crate) const FORMAT_KEY: &[u8] = b"format";
pub(crate) const MARK_KEY: &[u8] = b"mark";

/// The table's family and the key in it. Keys are in the order of the table.
pub(crate) fn place(key: &RowKey) -> (&'static str, Vec<u8>) {
    match key {
        RowKey::Header => ("header", Vec::new()),
        RowKey::Agent(id) => ("agents", id.0.to_be_bytes().into()),
        RowKey::App(id) => ("apps", id.as_str().as_bytes().into()),
        RowKey::Definition(id, AppVersion(at)) => {
            // No app id has a zero byte.
            ("definitions", [id.as_str().as_bytes(), &[0], &at.0.to_be_bytes()].concat())
        }
        RowKey::Task(id) => ("tasks", id.as_str().as_bytes().into()),
        RowKey::Offer(id) => ("offers", id.0.to_be_bytes().into()),
        RowKey::Deployment(id) => ("deployments", id.as_str().as_bytes().into()),
        RowKey::Framework(id) => ("frameworks", id.0.to_be_bytes().into()),
        RowKey::Filter(agent, framework) => ("filters", [agent.0.to_be_bytes(), framework.0.to_be_bytes()].concat()),
        RowKey::Profile(name) => ("profiles", name.as_bytes().into()),
        RowKey::Module(name) => ("modules", name.as_bytes().into()),
    }
}

pub(crate) fn write_row(bytes: &mut Vec<u8>, row: &Row) {
    rmp_serde::encode::write_named(bytes, row).expect("rows are plain data");
}

/// Reads one row off the front.
pub(crate) fn read_row(bytes: &mut &[u8]) -> Result<Row, SnapshotError> {
    let mut reader = rmp_serde::Deserializer::new(bytes);
    Row::deserialize(&mut reader).map_err(|error| damaged("a row", &error))
}

pub(crate) fn mark_bytes(mark: &Mark) -> Vec<u8> {
    rmp_serde::to_vec_named(mark).expect("a mark is plain data")
}

pub(crate) fn read_mark(bytes: &[u8]) -> Result<Mark, SnapshotError> {
    rmp_serde::from_slice(bytes).map_err(|error| damaged("its mark", &error))
}

pub(crate) fn damaged(what: &str, error: &dyn std::fmt::Display) -> SnapshotError {
    SnapshotError::Damaged { reason: format!("{what} cannot be read: {error}") }
}
