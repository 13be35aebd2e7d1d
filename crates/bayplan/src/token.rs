//! The cluster's token, read from its file.

use std::fmt;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::failure::Failure;

/// More is a mistake: another file was named.
const LIMIT_BYTES: u64 = 4096;
/// Shorter ones can be guessed.
const SHORTEST: usize = 16;

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Refuses a file that others may read, and what is no good token.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let refuse = |reason: String| Failure::Usage(format!("--token-file {shown}: {reason}"));
        let file = std::fs::File::open(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
        let about = file.metadata().map_err(|error| refuse(format!("cannot be read: {error}")))?;
        if !about.is_file() {
            return Err(refuse("is not a file".to_owned()));
        }
        let mode = about.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(refuse(format!("other users have access to it (mode {mode:03o}): chmod 600 {shown}")));
        }
        let mut text = String::new();
        file.take(LIMIT_BYTES + 1)
            .read_to_string(&mut text)
            .map_err(|error| refuse(format!("cannot be read: {error}")))?;
        Self::parse(&text).map_err(refuse)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let token = text.trim();
        if token.is_empty() {
            return Err("is empty; put a token in it: head -c 32 /dev/urandom | base64".to_owned());
        }
        if text.len() as u64 > LIMIT_BYTES || !token.chars().all(|c| c.is_ascii_graphic()) {
            return Err("must hold one line of printable characters without spaces".to_owned());
        }
        if token.len() < SHORTEST {
            return Err(format!("has a token of less than {SHORTEST} characters, which can be guessed"));
        }
        Ok(Self(token.to_owned()))
    }
}

/// Never the token itself: this ends up in logs.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(text: &str, mode: u32) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), text).expect("written");
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).expect("mode set");
        Token::read(file.path()).map(|token| token.reveal().to_owned()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn only_a_private_file_with_a_token_will_do() {
        assert_eq!(read("0123456789abcdef\n", 0o600), Ok("0123456789abcdef".to_owned()));
        assert!(read("0123456789abcdef\n", 0o644).expect_err("others may read it").contains("chmod 600"));
        assert!(read("0123456789abcdef\n", 0o620).expect_err("others may write it").contains("chmod 600"));
        assert!(read(" \n", 0o600).expect_err("empty").contains("is empty"));
        assert!(read("short", 0o600).expect_err("short").contains("guessed"));
        assert!(read("two words are no token", 0o600).expect_err("spaces").contains("without spaces"));
    }
}
