//! Keeps states while a log is folded, so that the next look at it begins nearby. They are written beside the fold, one at a time.

use std::io;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use master::Cursor;
use snapshot::{Cache, Mark};

/// Folding for a shorter time is not worth a file.
const BETWEEN: Duration = Duration::from_millis(250);
/// Nobody should have to fold for longer, however long a file takes.
const MOST_BETWEEN: Duration = Duration::from_millis(500);
/// Between the two, folding takes so many times as long as keeping.
const SHARE: u32 = 2;

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
    /// The last one, while it is written.
    writing: Option<JoinHandle<io::Result<Duration>>>,
    /// How long the last one took.
    took: Duration,
}

impl Keeping {
    pub(crate) fn new(cache: Option<Cache>) -> Self {
        Self { cache, since: Instant::now(), writing: None, took: Duration::ZERO }
    }

    /// Keeps the state when it is time to.
    pub(crate) fn look(&mut self, cursor: &mut Cursor) {
        if self.writing.as_ref().is_some_and(|writing| !writing.is_finished()) {
            return;
        }
        self.wait();
        if self.since.elapsed() < (self.took * SHARE).clamp(BETWEEN, MOST_BETWEEN) {
            return;
        }
        let Some(cache) = self.cache.clone() else { return };
        let (tip, position) = (cursor.tip(), cursor.position());
        let state = cursor.state_mut();
        let state_hash = state.kept_hash();
        let mark = Mark { state_hash, ..Mark::of(state, tip, position) };
        // A copy shares what does not change from here on.
        let copy = state.clone();
        let write = move || {
            let began = Instant::now();
            cache.put(&copy, &mark)?;
            Ok(began.elapsed())
        };
        match thread::Builder::new().name("keep".to_owned()).spawn(write) {
            Ok(writing) => self.writing = Some(writing),
            Err(error) => self.give_up(&error),
        }
        self.since = Instant::now();
    }

    fn wait(&mut self) {
        match self.writing.take().map(JoinHandle::join) {
            Some(Ok(Ok(took))) => self.took = took,
            Some(Ok(Err(error))) => self.give_up(&error),
            Some(Err(_)) | None => {}
        }
    }

    fn give_up(&mut self, error: &io::Error) {
        tracing::debug!(%error, "no state is kept in the cache");
        self.cache = None;
    }
}

/// A process that ends leaves no half of a file.
impl Drop for Keeping {
    fn drop(&mut self) {
        self.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use model::{ClusterId, Seq};
    use snapshot::CacheLimits;

    use super::*;
    use crate::past::tests::{look, messages, write};

    #[tokio::test]
    async fn a_state_is_kept_as_it_was_while_the_fold_goes_on() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), messages(1)).await;
        let log = look(folder.path()).await;
        let cache = Cache::new(&folder.path().join("cache"), &ClusterId::new("c"), CacheLimits::default());
        let kept = |cache: &Cache| cache.states().iter().map(|cached| cached.seq.0).collect::<Vec<_>>();
        let mut cursor = master::oldest(log.log().as_ref()).await.expect("the log is whole");
        let mut keeping = Keeping::new(Some(cache.clone()));
        let long_ago = || Instant::now().checked_sub(MOST_BETWEEN).expect("the machine runs for longer");
        for seq in [100, 200, 300] {
            cursor.advance(Seq(seq), |_| ControlFlow::Continue(())).await.expect("it is there");
            keeping.since = if seq == 100 { long_ago() } else { Instant::now() };
            keeping.look(&mut cursor);
        }
        drop(keeping);
        assert_eq!(kept(&cache), [100], "the others came too soon");
        let was = log.open_at(Seq(100)).await.expect("it is there").into_state();
        let loaded = cache.states()[0].load().expect("it is whole");
        assert_eq!((loaded.state.hash(), loaded.mark.tip.seq), (was.hash(), Seq(100)));
        let files = std::fs::read_dir(folder.path().join("cache").join("c")).expect("it is a folder");
        assert_eq!(files.count(), 1, "no half of a file is left");
    }
}
