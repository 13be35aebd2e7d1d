//! A log in a file: what `export` and `backup` write.
//!
//! It begins with `bayplan-log 1` and a line feed. Frames follow: a letter, a number and a length, both of 8 bytes,
//! big-endian, and so many bytes. `B`, at most once and first, is a baseline, its number the position of the message that
//! holds its last record; `M` is a message, its number the position that it had; `E` ends the file, its number that of the
//! messages, its bytes the BLAKE3 hash of all before it.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use eventlog::{Message, Messages, NextChunk, ReadError, Source};
use model::{CodecError, Position};

use crate::failure::Failure;

const MAGIC: &[u8] = b"bayplan-log 1\n";
/// What every version begins a file with; the number of the format and a line feed follow.
const MAGIC_OF_ALL: &[u8] = b"bayplan-log ";
const FORMAT: u64 = 1;
/// So many digits are looked at.
const FORMAT_DIGITS: usize = 20;
/// A length beyond it is damage, not data.
const MAX_FRAME_BYTES: u64 = 4 << 30;

const NO_FILE: &str = "is no file of `bayplan log export` or `backup`";
/// A letter, a number and a length.
const HEAD_BYTES: u64 = 17;
const READ_AHEAD_BYTES: usize = 256 << 10;
/// What a reader hands out at a time: at most this many messages, and no further one after this many bytes.
const CHUNK_MESSAGES: usize = 256;
const FIRST_CHUNK_MESSAGES: usize = 8;
const CHUNK_BYTES: usize = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Baseline = b'B' as isize,
    Message = b'M' as isize,
    End = b'E' as isize,
}

impl Kind {
    fn of(letter: u8) -> anyhow::Result<Self> {
        Ok(match letter {
            b'B' => Self::Baseline,
            b'M' => Self::Message,
            b'E' => Self::End,
            _ => return Err(anyhow!("it has a frame of an unknown kind")),
        })
    }
}

pub(crate) struct Writer {
    path: PathBuf,
    out: BufWriter<File>,
    hasher: blake3::Hasher,
    messages: u64,
    pub(crate) bytes: u64,
}

impl Writer {
    /// Makes the file, which must not be there, for this user only: the log holds secrets.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
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

    pub(crate) fn baseline(&mut self, position: Position, bytes: &[u8]) -> anyhow::Result<()> {
        self.frame(Kind::Baseline, position.0, &[bytes])
    }

    pub(crate) fn message(&mut self, message: &Message) -> anyhow::Result<()> {
        self.messages += 1;
        let pieces: Vec<&[u8]> = message.content.pieces().collect();
        self.frame(Kind::Message, message.position.0, &pieces)
    }

    /// Ends the file, and makes sure that it is on the disk.
    pub(crate) fn finish(mut self) -> anyhow::Result<(u64, u64)> {
        let hash = self.hasher.finalize();
        self.frame(Kind::End, self.messages, &[hash.as_bytes()])?;
        let written = self.out.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all());
        written.with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok((self.messages, self.bytes))
    }
}

/// Said before the log is folded, which may take long.
pub(crate) fn check_new(path: &Path) -> Result<(), Failure> {
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

/// Why a file that begins otherwise is not read: it may come from a newer version.
fn no_file(path: &Path) -> anyhow::Error {
    let name = path.display();
    match format_of(path) {
        Some(format) if format > FORMAT => anyhow!(
            "{name} was written by a newer bayplan: it has format {format}, but this version reads {FORMAT}: use a newer bayplan"
        ),
        _ => anyhow!("{name} {NO_FILE}"),
    }
}

/// The number of the format that a file says to have.
fn format_of(path: &Path) -> Option<u64> {
    let mut beginning = Vec::new();
    let length = MAGIC_OF_ALL.len() + FORMAT_DIGITS + 1;
    File::open(path).ok()?.take(length as u64).read_to_end(&mut beginning).ok()?;
    let number = beginning.strip_prefix(MAGIC_OF_ALL)?;
    let end = number.iter().position(|byte| *byte == b'\n')?;
    str::from_utf8(&number[..end]).ok()?.parse().ok()
}

/// Whoever broke off leaves no half a file.
pub(crate) fn discard(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!(%error, "an unfinished file stays");
    }
}

/// Reads a file from its beginning, and checks all of it, or some of its messages.
pub(crate) struct Reader {
    input: BufReader<File>,
    /// None when it does not begin at the beginning.
    hasher: Option<blake3::Hasher>,
    messages: u64,
    ended: bool,
    /// Read to find out whether it is a baseline.
    ahead: Option<(Position, Vec<u8>)>,
    /// The last message.
    last: Position,
    /// What is before the first of these, or behind the second, is left out.
    wanted: (Position, Position),
    /// What comes next, when something good was handed out before it.
    failed: Option<ReadError>,
    /// How many the next chunk may have: whoever looks for something reads little of what is there.
    chunk_messages: usize,
}

impl Reader {
    /// Opens a file, and gives its baseline if it has one.
    pub(super) fn open(path: &Path) -> anyhow::Result<(Self, Option<Vec<u8>>)> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let mut reader = Self {
            input: BufReader::new(file),
            hasher: Some(blake3::Hasher::new()),
            messages: 0,
            ended: false,
            ahead: None,
            last: Position(0),
            wanted: (Position(0), Position(u64::MAX)),
            failed: None,
            chunk_messages: FIRST_CHUNK_MESSAGES,
        };
        if !reader.take(MAGIC.len()).is_ok_and(|magic| magic == MAGIC) {
            return Err(no_file(path));
        }
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

    /// The messages from one position to another. The first of them is not before the frame that begins at `begins_at`.
    pub(crate) fn at(path: &Path, begins_at: u64, from: Position, last: Position) -> anyhow::Result<Self> {
        let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        file.seek(SeekFrom::Start(begins_at))?;
        Ok(Self {
            input: BufReader::with_capacity(READ_AHEAD_BYTES, file),
            hasher: None,
            messages: 0,
            ended: false,
            ahead: None,
            last: Position(from.0.saturating_sub(1)),
            wanted: (from, last),
            failed: None,
            chunk_messages: FIRST_CHUNK_MESSAGES,
        })
    }

    fn take(&mut self, length: usize) -> anyhow::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.input.read_exact(&mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => anyhow!("it ends too early"),
            _ => anyhow!(error),
        })?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&bytes);
        }
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
        let hash = self.hasher.as_ref().map(blake3::Hasher::finalize);
        let kind = Kind::of(self.take(1)?[0])?;
        let (number, length) = (self.number()?, self.number()?);
        ensure!(length <= MAX_FRAME_BYTES, "it has a frame of {length} bytes");
        let bytes = self.take(usize::try_from(length)?)?;
        if kind != Kind::End {
            self.messages += u64::from(kind == Kind::Message);
            return Ok(Some((kind, number, bytes)));
        }
        if let Some(hash) = hash {
            ensure!(number == self.messages, "it has {} messages, but {number} were written", self.messages);
            ensure!(bytes == hash.as_bytes(), "its checksum is not that of its bytes");
        }
        ensure!(self.input.read(&mut [0])? == 0, "something follows its end");
        self.ended = true;
        Ok(None)
    }

    fn message(&mut self) -> Option<Result<Message, ReadError>> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        let (from, upto) = self.wanted;
        loop {
            if self.last >= upto {
                return None;
            }
            let frame = match self.ahead.take() {
                Some((position, bytes)) => Ok(Some((Kind::Message, position.0, bytes))),
                None => self.frame(),
            };
            let position = self.last.next();
            let damaged = |reason: String| Some(Err(ReadError::damaged(position, CodecError::Storage(reason))));
            match frame {
                Ok(None) => return None,
                Ok(Some((Kind::Message, position, _))) if Position(position) < from => {}
                Ok(Some((Kind::Message, position, bytes))) => {
                    self.last = Position(position);
                    return Some(Message::decode(self.last, &bytes));
                }
                Ok(Some(_)) => return damaged("a baseline comes behind a message".to_owned()),
                Err(error) => return damaged(format!("the file is damaged: {error:#}")),
            }
        }
    }

    pub(crate) fn messages(self) -> Messages {
        Messages::new(self)
    }
}

impl Source for Reader {
    fn next_chunk(&mut self) -> NextChunk<'_> {
        Box::pin(async {
            let (mut chunk, mut bytes) = (Vec::new(), 0);
            let most = self.chunk_messages;
            self.chunk_messages = (2 * most).min(CHUNK_MESSAGES);
            while chunk.len() < most && bytes < CHUNK_BYTES {
                match self.message() {
                    Some(Ok(message)) => {
                        bytes += message.content.size_bytes();
                        chunk.push(message);
                    }
                    // What is good is handed out first.
                    Some(Err(error)) if chunk.is_empty() => return Some(Err(error)),
                    Some(Err(error)) => {
                        self.failed = Some(error);
                        break;
                    }
                    None => break,
                }
            }
            (!chunk.is_empty()).then_some(Ok(chunk))
        })
    }
}

/// A frame, its bytes not read yet.
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) number: u64,
    /// Where it begins in the file.
    pub(crate) begins_at: u64,
    length: u64,
}

/// Goes from frame to frame, and looks at no more than it must.
pub(crate) struct Frames {
    input: BufReader<File>,
    at: u64,
    file_bytes: u64,
    messages: u64,
    ended: bool,
}

impl Frames {
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let file_bytes = file.metadata()?.len();
        let mut input = BufReader::with_capacity(READ_AHEAD_BYTES, file);
        let mut magic = [0; MAGIC.len()];
        if input.read_exact(&mut magic).is_err() || magic != *MAGIC {
            return Err(no_file(path));
        }
        Ok(Self { input, at: MAGIC.len() as u64, file_bytes, messages: 0, ended: false })
    }

    /// The next frame but the end; None at the end.
    pub(crate) fn next(&mut self) -> anyhow::Result<Option<Frame>> {
        if self.ended {
            return Ok(None);
        }
        let mut head = [0; HEAD_BYTES as usize];
        self.input.read_exact(&mut head).map_err(|_| anyhow!("it ends too early"))?;
        let kind = Kind::of(head[0])?;
        let field = |at: usize| head[at..at + 8].iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let (number, length, begins_at) = (field(1), field(9), self.at);
        ensure!(length <= MAX_FRAME_BYTES, "it has a frame of {length} bytes");
        self.at += HEAD_BYTES + length;
        ensure!(self.at <= self.file_bytes, "it ends too early");
        self.input.seek_relative(i64::try_from(length)?)?;
        if kind == Kind::End {
            self.ended = true;
            ensure!(number == self.messages, "it has {} messages, but {number} were written", self.messages);
            ensure!(self.at == self.file_bytes, "something follows its end");
            return Ok(None);
        }
        self.messages += u64::from(kind == Kind::Message);
        Ok(Some(Frame { kind, number, begins_at, length }))
    }

    /// The bytes of the frame that was given last.
    pub(crate) fn read(&mut self, frame: &Frame) -> anyhow::Result<Vec<u8>> {
        let length = i64::try_from(frame.length)?;
        self.input.seek_relative(-length)?;
        let mut bytes = vec![0; usize::try_from(frame.length)?];
        self.input.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// Compares the bytes of a whole file with the checksum at its end.
pub(crate) fn check_checksum(path: &Path) -> anyhow::Result<()> {
    let name = || path.display().to_string();
    let mut file = File::open(path).with_context(name)?;
    let bytes = file.metadata().with_context(name)?.len();
    let end = HEAD_BYTES + blake3::OUT_LEN as u64;
    ensure!(bytes > end, "{} ends too early", name());
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut Read::by_ref(&mut file).take(bytes - end), &mut hasher).with_context(name)?;
    let mut last = Vec::new();
    file.read_to_end(&mut last).with_context(name)?;
    let written = last.get(HEAD_BYTES as usize..).unwrap_or_default();
    ensure!(written == hasher.finalize().as_bytes(), "{} is damaged: its checksum is not that of its bytes", name());
    Ok(())
}
