//! Where results go: stdout, for people or for machines. Progress, hints and errors go to stderr.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::cli::ColorWhen;
use crate::failure::Failure;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BUSY: Style = AnsiColor::Yellow.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();

pub(crate) struct Output {
    stdout: AutoStream<io::Stdout>,
    json: bool,
    width: Option<usize>,
}

impl Output {
    pub(crate) fn new(color: ColorWhen, json: bool) -> Self {
        let width = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
        Self { stdout: AutoStream::new(io::stdout(), choice(&io::stdout(), color)), json, width }
    }

    /// Whether a machine reads.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// How many columns a line may have; None when it is not a terminal that shows it.
    pub(crate) const fn width(&self) -> Option<usize> {
        self.width
    }

    /// Text with ANSI styles, which are left out where they are not wanted.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.stdout.write_all(text.as_bytes())?;
        Ok(self.stdout.flush()?)
    }

    pub(crate) fn document<T: Serialize>(&mut self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?;
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// One of many documents, a line each.
    pub(crate) fn line<T: Serialize>(&mut self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(anyhow::Error::from)?;
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// Bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        Ok(stdout.flush()?)
    }
}

/// A file that a flag names. It is made before the work whose result it gets, so that nobody waits for it in vain.
pub(crate) struct ResultFile {
    named: String,
    file: fs::File,
}

impl ResultFile {
    pub(crate) fn create(flag: &str, path: &Path) -> Result<Self, Failure> {
        let named = format!("{flag} {}", path.display());
        match fs::File::create(path) {
            Ok(file) => Ok(Self { named, file }),
            Err(error) => Err(Failure::failed(format!("{named}: {error}"))),
        }
    }

    pub(crate) fn write(mut self, text: &str) -> Result<(), Failure> {
        let written = self.file.write_all(text.as_bytes());
        written.map_err(|error| Failure::failed(format!("{}: {error}", self.named)))
    }
}

/// A line for people on stderr.
pub(crate) fn note(color: ColorWhen, text: &str) {
    let mut stderr = AutoStream::new(io::stderr(), choice(&io::stderr(), color));
    // When even stderr is closed there is nobody left to tell.
    let _closed = writeln!(stderr, "{text}");
}

fn choice<S: anstream::stream::RawStream>(stream: &S, color: ColorWhen) -> ColorChoice {
    match color {
        ColorWhen::Always => ColorChoice::Always,
        ColorWhen::Auto if stream.is_terminal() => AutoStream::choice(stream),
        ColorWhen::Auto | ColorWhen::Never => ColorChoice::Never,
    }
}

pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
