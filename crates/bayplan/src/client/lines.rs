//! An answer in lines, read as they arrive.

use bytes::{Buf, BytesMut};
use reqwest::Response;

use super::{MasterUrl, broken};
use crate::failure::Failure;

/// A longer line is not one of ours.
const LINE_LIMIT_BYTES: usize = 64 << 20;

pub(crate) struct Lines {
    master: MasterUrl,
    response: Response,
    buffer: BytesMut,
    /// How much of the buffer has no end of line in it.
    searched: usize,
}

impl Lines {
    pub(crate) fn new(master: MasterUrl, response: Response) -> Self {
        Self { master, response, buffer: BytesMut::new(), searched: 0 }
    }

    /// The next line that is not empty; None at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            while let Some(at) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(self.searched + at);
                self.buffer.advance(1);
                self.searched = 0;
                if !line.trim_ascii().is_empty() {
                    return Ok(Some(line.to_vec()));
                }
            }
            self.searched = self.buffer.len();
            if self.searched > LINE_LIMIT_BYTES {
                return Err(Failure::failed(format!("{} sends a line that does not end", self.master)));
            }
            match self.response.chunk().await.map_err(|error| broken(&self.master, &error))? {
                Some(bytes) => self.buffer.extend_from_slice(&bytes),
                None => return Ok(None),
            }
        }
    }
}
