//! The folders that tasks run in, with what they wrote to stdout and stderr.
//!
//! A task may do in its sandbox what it likes, so whatever the agent opens there is opened without following
//! links and must be a plain file. Sandboxes outlive their tasks, up to a number of them.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use model::TaskId;
use nix::fcntl::OFlag;
use protocol::agent::FileChunk;
use serde::{Deserialize, Serialize};

use crate::folder::task_name;

/// Sandboxes of ended tasks that are kept; the oldest go first.
pub(crate) const MAX_ENDED: usize = 500;
/// What one request for a piece of a file may return.
pub(crate) const MAX_CHUNK_BYTES: u64 = 1 << 20;

/// The two files that every sandbox has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Output {
    Stdout,
    Stderr,
}

impl Output {
    pub(crate) const fn file_name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

#[derive(Debug, Default)]
pub struct Sandboxes {
    /// None where tasks are only pretended, and leave nothing behind.
    root: Option<PathBuf>,
    /// Names of ended tasks' folders, the oldest first.
    ended: Mutex<VecDeque<String>>,
}

impl Sandboxes {
    /// Finds the sandboxes that an earlier life of the agent left; `live` tells which of them are in use.
    pub(crate) fn open(root: PathBuf, live: impl Fn(&str) -> bool) -> io::Result<Self> {
        let mut ended = Vec::new();
        for entry in std::fs::read_dir(&root)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !live(&name) {
                ended.push((entry.metadata()?.modified()?, name));
            }
        }
        ended.sort();
        let ended = ended.into_iter().map(|(_, name)| name).collect();
        Ok(Self { root: Some(root), ended: Mutex::new(ended) })
    }

    /// No sandboxes at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    pub(crate) fn path(&self, task: &TaskId) -> PathBuf {
        self.root.as_ref().map(|root| root.join(task_name(task))).unwrap_or_default()
    }

    pub(crate) fn create(&self, task: &TaskId) -> io::Result<PathBuf> {
        let path = self.path(task);
        if self.root.is_some() {
            std::fs::create_dir_all(&path)?;
        }
        Ok(path)
    }

    /// From now on the task's sandbox may be deleted, when it is one of too many.
    pub(crate) fn ended(&self, task: &TaskId) {
        if self.root.is_none() {
            return;
        }
        let name = task_name(task);
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if !ended.contains(&name) {
            ended.push_back(name);
        }
    }

    /// Deletes the oldest sandboxes above the limit.
    pub(crate) fn prune(&self) {
        let Some(root) = &self.root else { return };
        loop {
            let oldest = {
                let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
                if ended.len() <= MAX_ENDED {
                    return;
                }
                ended.pop_front()
            };
            let Some(name) = oldest else { return };
            match std::fs::remove_dir_all(root.join(&name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(sandbox = name, %error, "cannot delete an old sandbox");
                }
                _ => {}
            }
        }
    }

    /// A piece of a task's output, at most [`MAX_CHUNK_BYTES`] long.
    pub(crate) fn read(&self, task: &TaskId, output: Output, offset: u64, length: u64) -> io::Result<FileChunk> {
        let mut file = open_for_reading(&self.path(task), output)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(length.min(MAX_CHUNK_BYTES)).read_to_end(&mut bytes)?;
        Ok(chunk(offset, bytes))
    }
}

/// Text out of a piece of a file. A character that the piece cuts in two is left to the next piece; bytes that are
/// no text are shown as such.
fn chunk(offset: u64, mut bytes: Vec<u8>) -> FileChunk {
    if let Err(error) = std::str::from_utf8(&bytes)
        && error.error_len().is_none()
        && error.valid_up_to() > 0
    {
        bytes.truncate(error.valid_up_to());
    }
    let next_offset = offset + bytes.len() as u64;
    let data = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    FileChunk { data, offset, next_offset }
}

fn open_for_reading(sandbox: &Path, output: Output) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    open_plain(options, &sandbox.join(output.file_name()))
}

/// Opens an output file for appending; makes it when it is missing.
pub(crate) fn open_for_writing(sandbox: &Path, output: Output) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o644);
    open_plain(options, &sandbox.join(output.file_name()))
}

/// Neither follows a link nor waits at a pipe that the task put in the file's place.
fn open_plain(mut options: OpenOptions, path: &Path) -> io::Result<File> {
    options.custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits());
    let file = options.open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "the task replaced its output by something that is no file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_ends_between_characters_and_links_are_not_followed() {
        let root = tempfile::tempdir().expect("a folder");
        let sandboxes = Sandboxes::open(root.path().to_owned(), |_| false).expect("empty");
        let task = TaskId::new("t");
        let sandbox = sandboxes.create(&task).expect("a sandbox");
        std::fs::write(sandbox.join("stdout"), "äö\n").expect("written");
        let read = |offset, length| {
            let chunk = sandboxes.read(&task, Output::Stdout, offset, length).expect("readable");
            (chunk.data, chunk.next_offset)
        };
        assert_eq!(read(0, 3), ("ä".to_owned(), 2));
        assert_eq!(read(2, 100), ("ö\n".to_owned(), 5));
        assert_eq!(read(5, 100), (String::new(), 5));
        assert_eq!(read(0, 1), ("\u{fffd}".to_owned(), 1), "one byte of two must not stall a reader");

        std::os::unix::fs::symlink("/etc/hostname", sandbox.join("stderr")).expect("a link");
        assert!(sandboxes.read(&task, Output::Stderr, 0, 10).is_err());
        assert!(open_for_writing(&sandbox, Output::Stderr).is_err());
        nix::unistd::mkfifo(&sandbox.join("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        std::fs::rename(sandbox.join("pipe"), sandbox.join("stderr")).expect("in its place");
        assert!(sandboxes.read(&task, Output::Stderr, 0, 10).is_err());
    }

    #[test]
    fn the_newest_ended_sandboxes_are_kept() {
        let root = tempfile::tempdir().expect("a folder");
        let sandboxes = Sandboxes::open(root.path().to_owned(), |_| false).expect("empty");
        let live = sandboxes.create(&TaskId::new("live")).expect("a sandbox");
        for number in 0..MAX_ENDED + 2 {
            let task = TaskId::new(format!("t{number}"));
            sandboxes.create(&task).expect("a sandbox");
            sandboxes.ended(&task);
        }
        sandboxes.prune();
        let kept = |number: usize| sandboxes.path(&TaskId::new(format!("t{number}"))).exists();
        assert!(!kept(0) && !kept(1) && kept(2) && kept(MAX_ENDED + 1) && live.exists());
        let found = Sandboxes::open(root.path().to_owned(), |name| name == "live").expect("found again");
        assert_eq!(found.ended.lock().expect("no panic").len(), MAX_ENDED);
    }
}
