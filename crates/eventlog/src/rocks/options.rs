//! How RocksDB is set up: large values that come in the order of their keys and are read in that order.

use std::time::Duration;

use rocksdb::{
    BlockBasedOptions, Cache, DBCompressionType, DBRecoveryMode, InfoLogger, LogLevel, Options as DbOptions,
    WriteOptions,
};

/// What may be chosen about a [`crate::RocksLog`].
#[derive(Debug, Clone)]
pub struct Options {
    /// The largest message. Readers hold one in memory.
    pub max_message_bytes: usize,
    /// With less free space than this on the log's disk, appends are refused as [`crate::AppendError::Full`] before
    /// anything fails. Flushing what is in memory needs some. 0 relies on the disk's own errors.
    pub min_free_bytes: u64,
    /// How much RocksDB collects in memory before it writes a table; it holds up to `WRITE_BUFFERS` times that.
    pub write_buffer_bytes: usize,
    /// After a failure that lasts, how long appends fail at once before the next one tries to open the database again.
    pub retry_interval: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_message_bytes: 16 << 20,
            min_free_bytes: 64 << 20,
            write_buffer_bytes: 16 << 20,
            retry_interval: Duration::from_secs(1),
        }
    }
}

/// One is being filled while the others are written to tables.
const WRITE_BUFFERS: i32 = 3;
const BLOCK_BYTES: usize = 64 << 10;
/// Readers go through the log once, so a cache would hold what nobody asks for again.
const BLOCK_CACHE_BYTES: usize = 4 << 20;
const MAX_OPEN_FILES: i32 = 128;
const MAX_BACKGROUND_JOBS: i32 = 2;
const MAX_MANIFEST_BYTES: usize = 4 << 20;
const TABLE_BYTES: u64 = 64 << 20;

impl Options {
    pub(super) fn database(&self) -> DbOptions {
        let mut options = DbOptions::default();
        options.create_if_missing(true);
        // What was acknowledged is never rolled back: damage is an error.
        options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
        options.set_track_and_verify_wals_in_manifest(true);

        options.set_write_buffer_size(self.write_buffer_bytes);
        options.set_max_write_buffer_number(WRITE_BUFFERS);
        options.set_max_total_wal_size(u64::try_from(2 * self.write_buffer_bytes).unwrap_or(u64::MAX));
        options.set_max_open_files(MAX_OPEN_FILES);
        options.set_max_background_jobs(MAX_BACKGROUND_JOBS);
        options.set_max_manifest_file_size(MAX_MANIFEST_BYTES);

        // Tables never overlap, so compaction only moves them down a level and rewrites nothing.
        options.set_target_file_size_base(TABLE_BYTES);
        options.set_compression_type(DBCompressionType::None);
        let mut table = BlockBasedOptions::default();
        table.set_block_size(BLOCK_BYTES);
        table.set_block_cache(&Cache::new_lru_cache(BLOCK_CACHE_BYTES));
        options.set_block_based_table_factory(&table);

        // No info log of RocksDB's own: it grows, and on a full disk it is the first to fail. Warnings go to ours.
        options.set_info_logger(InfoLogger::new_callback_logger(LogLevel::Warn, say));
        options.set_stats_dump_period_sec(0);
        options.set_stats_persist_period_sec(0);
        options
    }
}

fn say(level: LogLevel, text: &str) {
    match level {
        LogLevel::Warn => tracing::warn!(target: "eventlog::rocksdb", "{}", text.trim_end()),
        LogLevel::Error | LogLevel::Fatal => tracing::error!(target: "eventlog::rocksdb", "{}", text.trim_end()),
        _ => tracing::debug!(target: "eventlog::rocksdb", "{}", text.trim_end()),
    }
}

/// Every write is on the disk before it counts as done.
pub(super) fn synced() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(true);
    options
}
