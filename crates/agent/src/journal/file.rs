//! The journal's file in a work folder.

use std::fmt;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::folder::write_durably;

/// Where the journal's bytes are kept. What returns `Ok` is durable: it survives the loss of power.
pub trait JournalFile: fmt::Debug + Send {
    /// For messages to people.
    fn path(&self) -> &Path;

    /// All of it; nothing when there is no file yet.
    fn read(&mut self) -> io::Result<Vec<u8>>;

    /// Puts `content` in the place of what is there. Whatever happens, the one or the other is there afterwards, whole.
    fn replace(&mut self, content: &[u8]) -> io::Result<()>;

    /// Writes `bytes` at `at`, and drops what a failed append may have left there. Called after [`JournalFile::replace`].
    fn append(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;
}

#[derive(Debug)]
pub(crate) struct FolderFile {
    path: PathBuf,
    file: Option<File>,
    /// A failed append may have left something behind the whole part.
    torn: bool,
}

impl FolderFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, file: None, torn: false }
    }
}

impl JournalFile for FolderFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        match std::fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read,
        }
    }

    fn replace(&mut self, content: &[u8]) -> io::Result<()> {
        write_durably(&self.path, content)?;
        let mut file = File::options().write(true).open(&self.path)?;
        file.seek(SeekFrom::End(0))?;
        self.file = Some(file);
        self.torn = false;
        Ok(())
    }

    fn append(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let file = self.file.as_mut().ok_or_else(|| io::Error::other("the journal was not opened"))?;
        if self.torn {
            file.set_len(at)?;
            file.seek(SeekFrom::Start(at))?;
        }
        self.torn = true;
        file.write_all(bytes)?;
        file.sync_data()?;
        if file.metadata()?.nlink() == 0 {
            // What nobody can read again is not durable.
            let message =
                format!("{} was deleted while the agent ran; stop the agent, and start it again", self.path.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        self.torn = false;
        Ok(())
    }
}
