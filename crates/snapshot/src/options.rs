//! What may be chosen about snapshots, and how RocksDB is set up: small rows that change often and are all read at once.

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DEFAULT_COLUMN_FAMILY_NAME, InfoLogger,
    LogLevel, Options as DbOptions,
};

/// What may be chosen about a [`crate::Snapshotter`].
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How many records lie between two checkpoints at least; so many are folded in half a second.
    pub checkpoint_interval: u64,
    /// How many checkpoints are kept; the oldest go first. 0 makes none.
    pub checkpoints_kept: usize,
    /// How many changed rows may wait for a disk that does not take them. Beyond it the snapshot stays as it is until the
    /// next start, which then takes longer.
    pub max_pending_rows: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { checkpoint_interval: 50_000, checkpoints_kept: 16, max_pending_rows: 1_000_000 }
    }
}

const WRITE_BUFFER_BYTES: usize = 16 << 20;
const MAX_WAL_BYTES: u64 = 64 << 20;
const WAL_STEP_BYTES: usize = 1 << 20;
const BLOCK_BYTES: usize = 32 << 10;
/// Rows are read all at once or not at all, so a cache would hold what nobody asks for again.
const BLOCK_CACHE_BYTES: usize = 2 << 20;
const MAX_OPEN_FILES: i32 = 128;
const MAX_BACKGROUND_JOBS: i32 = 2;
/// So that a load reads ahead what it is going to need.
const TABLE_BYTES: u64 = 32 << 20;

pub(crate) fn database() -> DbOptions {
    let mut options = DbOptions::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    // Rows and mark are in different families and must never come apart.
    options.set_atomic_flush(true);
    options.set_max_total_wal_size(MAX_WAL_BYTES);
    options.set_max_open_files(MAX_OPEN_FILES);
    options.set_max_background_jobs(MAX_BACKGROUND_JOBS);
    // No info log of RocksDB's own: it grows, and on a full disk it is the first to fail. Warnings go to ours.
    options.set_info_logger(InfoLogger::new_callback_logger(LogLevel::Warn, say));
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options
}

pub(crate) fn families(names: &[&'static str]) -> Vec<ColumnFamilyDescriptor> {
    let cache = Cache::new_lru_cache(BLOCK_CACHE_BYTES);
    let family = |name: &&'static str| {
        let mut options = DbOptions::default();
        options.set_write_buffer_size(WRITE_BUFFER_BYTES);
        options.set_target_file_size_base(TABLE_BYTES);
        options.set_compression_type(DBCompressionType::None);
        let mut table = BlockBasedOptions::default();
        table.set_block_size(BLOCK_BYTES);
        table.set_block_cache(&cache);
        options.set_block_based_table_factory(&table);
        ColumnFamilyDescriptor::new(*name, options)
    };
    // Nothing is in the default family, but its write buffer says how much of the disk is taken in advance for each
    // write-ahead log.
    let mut unused = DbOptions::default();
    unused.set_write_buffer_size(WAL_STEP_BYTES);
    let unused = ColumnFamilyDescriptor::new(DEFAULT_COLUMN_FAMILY_NAME, unused);
    names.iter().map(family).chain([unused]).collect()
}

fn say(level: LogLevel, text: &str) {
    match level {
        LogLevel::Warn => tracing::warn!(target: "snapshot::rocksdb", "{}", text.trim_end()),
        LogLevel::Error | LogLevel::Fatal => tracing::error!(target: "snapshot::rocksdb", "{}", text.trim_end()),
        _ => tracing::debug!(target: "snapshot::rocksdb", "{}", text.trim_end()),
    }
}
