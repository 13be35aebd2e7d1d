//! RecordIO: each message is led by its length in decimal and a line feed.

/// How long a message may be for a reader.
const LONGEST: usize = 256 << 20;
/// How many digits a length may have.
const DIGITS: usize = 12;

/// A message with its length in front.
#[must_use]
pub fn frame(message: &[u8]) -> Vec<u8> {
    let mut framed = message.len().to_string().into_bytes();
    framed.push(b'\n');
    framed.extend_from_slice(message);
    framed
}

/// Takes messages out of a stream of bytes, however that is cut.
#[derive(Debug, Default)]
pub struct RecordIo {
    buffer: Vec<u8>,
    taken: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a message must be led by its length in decimal, at most {LONGEST}, not by {0:?}")]
pub struct RecordIoError(String);

impl RecordIo {
    pub fn push(&mut self, bytes: &[u8]) {
        if self.taken > 0 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message; None until more bytes come.
    pub fn take(&mut self) -> Result<Option<&[u8]>, RecordIoError> {
        let rest = &self.buffer[self.taken..];
        let head = &rest[..rest.len().min(DIGITS + 1)];
        let Some(digits) = head.iter().position(|byte| *byte == b'\n') else {
            return if head.len() > DIGITS { Err(not_a_length(head)) } else { Ok(None) };
        };
        let text = std::str::from_utf8(&head[..digits]).ok();
        let length = text.and_then(|text| text.parse::<usize>().ok()).filter(|length| *length <= LONGEST);
        let length = length.ok_or_else(|| not_a_length(&head[..digits]))?;
        let from = self.taken + digits + 1;
        if self.buffer.len() < from + length {
            return Ok(None);
        }
        self.taken = from + length;
        Ok(Some(&self.buffer[from..from + length]))
    }
}

fn not_a_length(bytes: &[u8]) -> RecordIoError {
    RecordIoError(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_as_they_went_in_wherever_the_stream_is_cut() {
        let messages: [&[u8]; 4] = [b"", b"{}", b"12\n34", &[b'x'; 300]];
        let stream: Vec<u8> = messages.iter().flat_map(|message| frame(message)).collect();
        for cut in 1..40 {
            let mut reader = RecordIo::default();
            let mut read: Vec<Vec<u8>> = Vec::new();
            for part in stream.chunks(cut) {
                reader.push(part);
                while let Some(message) = reader.take().expect("well formed") {
                    read.push(message.to_vec());
                }
            }
            assert_eq!(read, messages, "cut every {cut} bytes");
        }
    }

    #[test]
    fn what_is_no_length_is_refused() {
        for bytes in ["x\n", "-1\n", "99999999999\n", "1234567890123"] {
            let mut reader = RecordIo::default();
            reader.push(bytes.as_bytes());
            assert!(reader.take().is_err(), "{bytes}");
        }
    }
}
