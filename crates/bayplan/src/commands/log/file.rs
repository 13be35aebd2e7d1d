//! A log in a file: what `export` and `backup` write.
//!
//! It begins with `bayplan-log 1` and a line feed. Frames follow: a letter, a number and a length, both of 8 bytes,
//! big-endian, and so many bytes. `B`, at most once and first, is a baseline, its number the position of the message that
//! holds its last record; `M` is a message, its number the position that it had; `E` ends the file, its number that of the
//! messages, its bytes the BLAKE3 hash of all before it.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use eventlog::{Message, Messages, NextChunk, ReadError, Source};
use model::{CodecError, Position};

use crate::failure::Failure;

const MAGIC: &[u8] = b"bayplan-log 1\n";
/// A length beyond it is damage, not data.
const MAX_FRAME_BYTES: u64 = 4 << 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Baseline = b'B' as isize,
    Message = b'M' as isize,
    End = b'E' as isize,
}

pub(super) struct Writer {
    path: PathBuf,
    out: BufWriter<File>,
    hasher: blake3::Hasher,
    messages: u64,
    pub(super) bytes: u64,
}

impl Writer {
    /// Makes the file, which must not be there, for this user only: the log holds secrets.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        let made = File::options().write(true).create_new(true).mode(0o600).open(path);
        let file = made.with_context(|| format!("cannot make {}", path.display()))?;
        let out = BufWriter::new(file);
        let mut writer = Self { path: path.to_owned(), out, hasher: blake3::Hasher::new(), messages: 0, bytes: 0 };
        writer.write(MAGIC)?;
        Ok(writer)
    }

    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes).with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn frame(&mut self, kind: Kind, number: u64, pieces: &[&[u8]]) -> anyhow::Result<()> {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        self.write(&[kind as u8])?;
        self.write(&number.to_be_bytes())?;
        self.write(&(length as u64).to_be_bytes())?;
        pieces.iter().try_for_each(|piece| self.write(piece))
    }

    pub(super) fn baseline(&mut self, position: Position, bytes: &[u8]) -> anyhow::Result<()> {
        self.frame(Kind::Baseline, position.0, &[bytes])
    }

    pub(super) fn message(&mut self, message: &Message) -> anyhow::Result<()> {
        self.messages += 1;
        let pieces: Vec<&[u8]> = message.content.pieces().collect();
        self.frame(Kind::Message, message.position.0, &pieces)
    }

    /// Ends the file, and makes sure that it is on the disk.
    pub(super) fn finish(mut self) -> anyhow::Result<(u64, u64)> {
        let hash = self.hasher.finalize();
        self.frame(Kind::End, self.messages, &[hash.as_bytes()])?;
        let written = self.out.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all());
        written.with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok((self.messages, self.bytes))
    }
}

/// Said before the log is folded, which may take long.
pub(super) fn check_new(path: &Path) -> Result<(), Failure> {
    let bad = |reason: &str| Err(Failure::Usage(format!("--to: {} {reason}", path.display())));
    if path.symlink_metadata().is_ok() {
        return bad("is there already; name another file");
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        return bad("is in a folder that is not there");
    }
    Ok(())
}

/// Whoever broke off leaves no half a file.
pub(super) fn discard(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!(%error, "an unfinished file stays");
    }
}

pub(super) struct Reader {
    input: BufReader<File>,
    hasher: blake3::Hasher,
    messages: u64,
    ended: bool,
    /// Read to find out whether it is a baseline.
    ahead: Option<(Position, Vec<u8>)>,
}

impl Reader {
    /// Opens a file, and gives its baseline if it has one.
    pub(super) fn open(path: &Path) -> anyhow::Result<(Self, Option<Vec<u8>>)> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let mut reader =
            Self { input: BufReader::new(file), hasher: blake3::Hasher::new(), messages: 0, ended: false, ahead: None };
        let magic = reader.take(MAGIC.len()).ok().filter(|magic| magic == MAGIC);
        ensure!(magic.is_some(), "{} is no file of `bayplan log export` or `backup`", path.display());
        let first = reader.frame().with_context(|| format!("{} is damaged", path.display()))?;
        Ok(match first {
            Some((Kind::Baseline, _, bytes)) => (reader, Some(bytes)),
            Some((_, position, bytes)) => {
                reader.ahead = Some((Position(position), bytes));
                (reader, None)
            }
            None => (reader, None),
        })
    }

    fn take(&mut self, length: usize) -> anyhow::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.input.read_exact(&mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => anyhow!("it ends too early"),
            _ => anyhow!(error),
        })?;
        self.hasher.update(&bytes);
        Ok(bytes)
    }

    fn number(&mut self) -> anyhow::Result<u64> {
        Ok(u64::from_be_bytes(self.take(8)?.try_into().map_err(|_| anyhow!("it ends too early"))?))
    }

    /// None at the end, which must be where the file ends, and fit all before it.
    fn frame(&mut self) -> anyhow::Result<Option<(Kind, u64, Vec<u8>)>> {
        if self.ended {
            return Ok(None);
        }
        let hash = self.hasher.finalize();
        let kind = match self.take(1)?[..] {
            [b'B'] => Kind::Baseline,
            [b'M'] => Kind::Message,
            [b'E'] => Kind::End,
            _ => return Err(anyhow!("it has a frame of an unknown kind")),
        };
        let (number, length) = (self.number()?, self.number()?);
        ensure!(length <= MAX_FRAME_BYTES, "it has a frame of {length} bytes");
        let bytes = self.take(usize::try_from(length)?)?;
        if kind != Kind::End {
            self.messages += u64::from(kind == Kind::Message);
            return Ok(Some((kind, number, bytes)));
        }
        ensure!(number == self.messages, "it has {} messages, but {number} were written", self.messages);
        ensure!(bytes == hash.as_bytes(), "its checksum is not that of its bytes");
        ensure!(self.input.read(&mut [0])? == 0, "something follows its end");
        self.ended = true;
        Ok(None)
    }

    fn message(&mut self) -> Option<Result<Message, ReadError>> {
        let frame = match self.ahead.take() {
            Some((position, bytes)) => Ok(Some((Kind::Message, position.0, bytes))),
            None => self.frame(),
        };
        let damaged = |position, reason: String| {
            Some(Err(ReadError::Damaged { position, index: 0, error: CodecError::Malformed(reason) }))
        };
        match frame {
            Ok(None) => None,
            Ok(Some((Kind::Message, position, bytes))) => Some(Message::decode(Position(position), &bytes)),
            Ok(Some(_)) => damaged(Position(0), "a baseline comes behind a message".to_owned()),
            Err(error) => damaged(Position(0), format!("the file is damaged: {error:#}")),
        }
    }

    pub(super) fn messages(self) -> Messages {
        Messages::new(self)
    }
}

impl Source for Reader {
    fn next_chunk(&mut self) -> NextChunk<'_> {
        Box::pin(async { self.message().map(|message| message.map(|message| vec![message])) })
    }
}
