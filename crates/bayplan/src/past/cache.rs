//! Keeps states while a log is folded, so that the next look at it begins nearby. It may take a fifth of the time and no more.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use master::Cursor;
use snapshot::{Cache, Mark};

/// Folding for a shorter time is not worth a file.
const LEAST_BETWEEN: Duration = Duration::from_millis(250);
/// Folding takes so many times as long as keeping.
const SHARE: u32 = 4;

/// The folder of all clusters' states.
pub(crate) fn folder() -> PathBuf {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    cache.unwrap_or_else(std::env::temp_dir).join("bayplan").join("replay")
}

/// Decides when a state is kept.
pub(crate) struct Keeping {
    /// None when nothing is to be kept, or cannot be.
    cache: Option<Cache>,
    since: Instant,
    /// How long the last one took.
    took: Duration,
}

impl Keeping {
    pub(crate) fn new(cache: Option<Cache>) -> Self {
        Self { cache, since: Instant::now(), took: Duration::ZERO }
    }

    /// Keeps the state when it is time to.
    pub(crate) fn look(&mut self, cursor: &mut Cursor) {
        let Some(cache) = &self.cache else { return };
        if self.since.elapsed() < LEAST_BETWEEN.max(self.took * SHARE) {
            return;
        }
        let began = Instant::now();
        let (tip, position) = (cursor.tip(), cursor.position());
        let state = cursor.state_mut();
        let state_hash = state.kept_hash();
        let mark = Mark { state_hash, ..Mark::of(state, tip, position) };
        if let Err(error) = cache.put(state, &mark) {
            tracing::debug!(%error, "no state is kept in the cache");
            self.cache = None;
        }
        (self.since, self.took) = (Instant::now(), began.elapsed());
    }
}
