//! A slice as an SQLite database: `schema.sql` says what is in it.
//!
//! Tables of tasks, apps, agents and offers follow the events one by one in SQL, so that a slice of any size takes little memory,
//! and tasks are in them that a state has forgotten. Must not know where records come from.

use std::path::Path;

use anyhow::Context;
use model::{Record, Resources, Row, Scalar, Timestamp};
use rusqlite::{Connection, params};
use serde::Serialize;
use state::State;

use super::about::About;
use crate::render::time::moment;

mod fold;

const SCHEMA: &str = include_str!("schema.sql");
const INDEXES: &str = include_str!("indexes.sql");
/// Statements that are kept prepared: more than there are kinds of them.
const STATEMENTS_KEPT: usize = 64;
/// Counts the changes of the schema that a query could notice; it is in `PRAGMA user_version`.
const SCHEMA_VERSION: u32 = 1;

pub(super) struct Database {
    connection: Connection,
}

impl Database {
    /// Makes the file. Until it is finished it is worth nothing, so nothing is synced before.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let connection = Connection::open(path).with_context(|| format!("cannot make {}", path.display()))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        connection.pragma_update(None, "journal_mode", "OFF")?;
        connection.pragma_update(None, "synchronous", "OFF")?;
        connection.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        connection.execute_batch("BEGIN")?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection })
    }

    /// What was there before the first record.
    pub(super) fn state(&mut self, state: &State) -> anyhow::Result<()> {
        state.rows().try_for_each(|row| self.row(&row))
    }

    pub(super) fn record(&mut self, record: &Record) -> anyhow::Result<()> {
        let cause = &record.cause;
        self.run(
            "INSERT INTO records VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                number(record.seq.0),
                number(record.epoch.0),
                moment(cause.at),
                ms(cause.at),
                &*cause.principal.0,
                cause.kind.name(),
                number(record.events.len() as u64),
                cause.id.to_string(),
                cause.seed.to_string(),
                record.state_hash.map(|hash| hash.to_string()),
                json(&cause.kind)?,
            ],
        )?;
        for (ordinal, event) in record.events.iter().enumerate() {
            self.event(record, event)?;
            let ids = fold::ids(event);
            let task = ids.task.map(ToString::to_string);
            self.run(
                "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, coalesce(?6, (SELECT app FROM tasks WHERE id = ?5)), \
                 ?7, ?8, ?9, ?10)",
                params![
                    number(record.seq.0),
                    number(ordinal as u64),
                    ms(cause.at),
                    event.name(),
                    task,
                    ids.app.map(ToString::to_string),
                    ids.agent.map(|agent| agent.to_string()),
                    ids.framework.map(|framework| framework.to_string()),
                    ids.deployment.map(ToString::to_string),
                    json(event)?,
                ],
            )?;
        }
        Ok(())
    }

    pub(super) fn finish(self, about: &About) -> anyhow::Result<()> {
        let mut meta = serde_json::to_value(about)?;
        for (key, value) in meta.as_object_mut().into_iter().flatten() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            self.run("INSERT INTO meta VALUES (?1, ?2)", params![key, value])?;
        }
        self.connection.execute_batch(INDEXES)?;
        self.connection.execute_batch("COMMIT; ANALYZE")?;
        self.connection.close().map_err(|(_, error)| error).context("cannot write the database")?;
        Ok(())
    }

    fn run(&self, statement: &str, params: impl rusqlite::Params) -> anyhow::Result<()> {
        self.connection.prepare_cached(statement)?.execute(params).context("cannot write the database")?;
        Ok(())
    }

    fn row(&mut self, row: &Row) -> anyhow::Result<()> {
        match row {
            Row::Agent(agent) => {
                let ms = ms(agent.registered_at);
                self.agent(agent.id, &agent.description, None, ms, agent.is_connected())
            }
            Row::App(app) => self.app(&app.spec, app.version, None, app.waiting.as_ref()),
            Row::Task(task) => self.known_task(task),
            Row::Offer(offer) => {
                self.offer((offer.id, offer.framework, offer.agent), &offer.resources, None, offer.made_at)
            }
            Row::Header(_)
            | Row::Definition(..)
            | Row::Deployment(_)
            | Row::Framework(_)
            | Row::Filter(_)
            | Row::Profile(_)
            | Row::Module(_) => Ok(()),
        }
    }
}

/// SQLite's integers have a sign; no number of a log comes near it.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn ms(at: Timestamp) -> i64 {
    number(at.0)
}

fn json<T: Serialize>(value: &T) -> anyhow::Result<String> {
    Ok(serde_json::to_string(value)?)
}

fn amounts(Resources { cpus, mem, disk, gpus, .. }: &Resources) -> [f64; 4] {
    [*cpus, *mem, *disk, *gpus].map(Scalar::as_f64)
}
