//! States that somebody has folded to look at them, and may want again: a file each, in a folder for each cluster.
//!
//! A file is a [`baseline`], named by the record that the state ends with. There are a bounded number, of a bounded size in all;
//! whoever does not find one folds. Several processes may use the same folder.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use model::{ClusterId, Hash, Seq};
use state::State;

use crate::{Loaded, Mark, SnapshotError, baseline};

const EXTENSION: &str = "state";

/// How much a cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// Of one cluster; those that lie closest to others go first.
    pub states: usize,
    /// Of all clusters together; those that were not used for the longest time go first.
    pub bytes: u64,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { states: 64, bytes: 1 << 30 }
    }
}

/// The states of one cluster.
#[derive(Debug, Clone)]
pub struct Cache {
    /// Of all clusters.
    root: PathBuf,
    folder: PathBuf,
    limits: CacheLimits,
}

/// A state in a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cached {
    pub seq: Seq,
    /// Of that record.
    pub hash: Hash,
    path: PathBuf,
}

impl Cached {
    fn parse(path: PathBuf) -> Option<Self> {
        let is_state = path.extension().is_some_and(|extension| extension == EXTENSION);
        let (seq, hash) = path.file_stem().filter(|_| is_state)?.to_str()?.split_once('-')?;
        Some(Self { seq: Seq(seq.parse().ok()?), hash: hash.parse().ok()?, path })
    }

    /// Reads it. One that is of no use any more should be [removed](Self::remove).
    pub fn load(&self) -> Result<Loaded, SnapshotError> {
        let bytes = fs::read(&self.path).map_err(|error| SnapshotError::unavailable(&error))?;
        let loaded = baseline::decode(&bytes)?;
        if loaded.mark.tip.seq != self.seq || loaded.mark.tip.hash != self.hash {
            let reason = format!("{} has record {}", self.path.display(), loaded.mark.tip.seq);
            return Err(SnapshotError::Damaged { reason });
        }
        // So that it counts as used. Where that fails, it goes sooner.
        let _touched =
            fs::File::options().append(true).open(&self.path).and_then(|f| f.set_modified(SystemTime::now()));
        Ok(loaded)
    }

    pub fn remove(&self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "a state that is of no use stays in the cache");
        }
    }
}

impl Cache {
    /// The cache of a cluster below `root`, which need not be there yet.
    #[must_use]
    pub fn new(root: &Path, cluster: &ClusterId, limits: CacheLimits) -> Self {
        // An id is made by a master, and yet it may come from a file that anybody wrote.
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
        let name: String = cluster.to_string().chars().filter(is_plain).take(64).collect();
        Self { root: root.to_owned(), folder: root.join(if name.is_empty() { "unnamed" } else { &name }), limits }
    }

    /// What is there, oldest record first; nothing when it cannot be read.
    #[must_use]
    pub fn states(&self) -> Vec<Cached> {
        let mut states: Vec<Cached> = files(&self.folder).into_iter().filter_map(Cached::parse).collect();
        states.sort_by_key(|cached| cached.seq);
        states
    }

    /// Keeps a state, and removes what is too much then.
    pub fn put(&self, state: &State, mark: &Mark) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let path = self.folder.join(format!("{:020}-{}.{EXTENSION}", mark.tip.seq.0, mark.tip.hash));
        if path.exists() {
            return Ok(());
        }
        let bytes = baseline::encode(state, mark);
        // Named by the process, so that two that do the same do not write into the same file; and one may write several.
        let unfinished = self.folder.join(format!("{}-{}.unfinished", std::process::id(), mark.tip.seq));
        let written = write_private(&unfinished, &bytes).and_then(|()| fs::rename(&unfinished, &path));
        if let Err(error) = written {
            let _gone = fs::remove_file(&unfinished);
            return Err(error);
        }
        self.thin(&path);
        self.shrink(&path);
        Ok(())
    }

    /// Of too many states of a cluster, that one goes which leaves the smallest gap.
    fn thin(&self, newest: &Path) {
        let mut states = self.states();
        while states.len() > self.limits.states.max(1) {
            let gap = |at: usize| {
                let before = at.checked_sub(1).map_or(0, |before| states[before].seq.0);
                states.get(at + 1).map_or(u64::MAX, |after| after.seq.0 - before)
            };
            let Some(at) = (0..states.len()).filter(|at| states[*at].path != newest).min_by_key(|at| gap(*at)) else {
                return;
            };
            states.remove(at).remove();
        }
    }

    /// Of too many bytes, the files go that were not used for the longest time.
    fn shrink(&self, newest: &Path) {
        let found = files(&self.root).into_iter().flat_map(|cluster| files(&cluster)).filter_map(|path| {
            let meta = path.metadata().ok()?;
            Some((meta.modified().ok()?, meta.len(), path))
        });
        let mut found: Vec<_> = found.collect();
        found.sort();
        let mut bytes: u64 = found.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, size, path) in found.iter().filter(|(_, _, path)| path != newest) {
            if bytes <= self.limits.bytes {
                return;
            }
            bytes -= size;
            // Somebody else may have been faster.
            let _gone = fs::remove_file(path);
        }
    }
}

/// The log holds secrets, and so do its states.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(bytes)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect()
}

#[cfg(test)]
mod tests {
    use model::{Epoch, Position, Timestamp, Tip};

    use super::*;

    fn put(cache: &Cache, seq: u64) {
        let tip = Tip { seq: Seq(seq), epoch: Epoch(1), hash: Hash([u8::try_from(seq % 251).unwrap_or(0); 32]) };
        let state = State::from_rows(tip.seq, tip.epoch, Timestamp(0), []);
        cache.put(&state, &Mark::of(&state, tip, Position(seq))).expect("it is written");
    }

    fn seqs(cache: &Cache) -> Vec<u64> {
        cache.states().iter().map(|cached| cached.seq.0).collect()
    }

    #[test]
    fn of_too_many_states_those_stay_that_lie_apart_and_the_newest() {
        let root = tempfile::tempdir().expect("a folder for the test");
        let limits = CacheLimits { states: 3, ..CacheLimits::default() };
        let cache = Cache::new(root.path(), &ClusterId::new("c"), limits);
        [100, 200, 210, 300, 400].into_iter().for_each(|seq| put(&cache, seq));
        let kept = seqs(&cache);
        assert_eq!((kept.len(), kept.last()), (3, Some(&400)));
        assert!(kept.windows(2).all(|pair| pair[1] - pair[0] >= 100), "{kept:?}");
        let loaded = cache.states()[0].load().expect("it is whole");
        assert_eq!(loaded.mark.tip.seq, cache.states()[0].seq);
    }

    #[test]
    fn of_too_many_bytes_the_longest_unused_go_of_whatever_cluster() {
        let root = tempfile::tempdir().expect("a folder for the test");
        let limits = CacheLimits { states: 10, bytes: 1 };
        let cache = |name| Cache::new(root.path(), &ClusterId::new(name), limits);
        put(&cache("a"), 5);
        put(&cache("b"), 6);
        assert_eq!((seqs(&cache("a")), seqs(&cache("b"))), (vec![], vec![6]), "the one just written stays");
    }

    #[test]
    fn a_damaged_state_is_refused_and_a_strange_name_stays_below_the_root() {
        let root = tempfile::tempdir().expect("a folder for the test");
        let cache = Cache::new(root.path(), &ClusterId::new("../../x"), CacheLimits::default());
        put(&cache, 7);
        assert_eq!(files(root.path()), [root.path().join("x")]);
        let cached = &cache.states()[0];
        let mut bytes = fs::read(&cached.path).expect("it is there");
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&cached.path, bytes).expect("it is written");
        assert!(cached.load().is_err_and(|error| error.is_useless()));
        cached.remove();
        assert_eq!(seqs(&cache), [0; 0]);
    }
}
