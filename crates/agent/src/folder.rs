//! The work folder: what an agent owns on the disk, and the lock that keeps a second agent out of it.
//!
//! ```text
//! lock          held while an agent runs on the folder
//! journal       identity, mark, intents, ends (see `journal`)
//! tasks/ID/     the sandboxes
//! runs/ID/      what the process containerizer and its supervising processes keep
//! ```

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use model::TaskId;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::AgentError;

/// The longest name that is taken over as it is; file systems allow 255 bytes.
const MAX_NAME_LEN: usize = 120;

#[derive(Debug)]
pub(crate) struct WorkFolder {
    root: PathBuf,
    _lock: Flock<File>,
}

impl WorkFolder {
    /// Makes the folder when it is missing, and locks it.
    pub(crate) fn open(root: &Path) -> Result<Self, AgentError> {
        let failed = |source: io::Error| AgentError::Folder { folder: root.to_owned(), source };
        std::fs::create_dir_all(root).map_err(failed)?;
        let root = root.canonicalize().map_err(failed)?;
        for part in ["tasks", "runs"] {
            std::fs::create_dir_all(root.join(part)).map_err(failed)?;
        }
        let file = File::options().create(true).truncate(false).write(true).open(root.join("lock")).map_err(failed)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Self { root, _lock: lock }),
            Err((_, Errno::EAGAIN)) => Err(AgentError::FolderInUse { folder: root }),
            Err((_, errno)) => Err(failed(errno.into())),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub(crate) fn sandboxes(&self) -> PathBuf {
        self.root.join("tasks")
    }

    pub(crate) fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }
}

/// A task's name as part of a path, a cgroup's and a container's name: the id itself where it can be one, else a
/// shortened form made unique by a hash.
pub(crate) fn task_name(task: &TaskId) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let id = task.as_str();
    if id.len() <= MAX_NAME_LEN && id.starts_with(|c: char| c.is_ascii_alphanumeric()) && id.chars().all(is_safe) {
        return id.to_owned();
    }
    let stem: String = id.chars().map(|c| if is_safe(c) { c } else { '_' }).take(MAX_NAME_LEN - 20).collect();
    let hash = blake3::hash(id.as_bytes()).to_hex();
    format!("t-{stem}-{}", &hash[..16])
}

/// Writes a file as a whole: under another name, then renamed, all of it on the disk before this returns.
pub(crate) fn write_durably(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    io::Write::write_all(&mut file, content)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    sync_folder_of(path)
}

/// Makes the names in the folder that `path` is in durable.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_agent_is_kept_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = WorkFolder::open(folder.path()).expect("the first agent");
        let second = WorkFolder::open(folder.path());
        assert!(matches!(second, Err(AgentError::FolderInUse { .. })), "{second:?}");
        drop(first);
        WorkFolder::open(folder.path()).expect("free again");
    }

    #[test]
    fn every_task_id_is_one_safe_name() {
        assert_eq!(task_name(&TaskId::new("shop_cart.3f2b")), "shop_cart.3f2b");
        for id in ["../../etc/passwd", ".hidden", "", "a b", &"x".repeat(500), "ü"] {
            let name = task_name(&TaskId::new(id));
            assert!(name.len() <= MAX_NAME_LEN && name.starts_with("t-") && !name.contains('/'), "{id}: {name}");
        }
        assert_ne!(task_name(&TaskId::new("a b")), task_name(&TaskId::new("a_b")));
        assert_ne!(task_name(&TaskId::new("a b")), task_name(&TaskId::new("a/b")));
    }
}
