//! Messages as another log takes them.
//!
//! One log's messages may be larger than another's. A batch that is too large becomes several, a record that is too large goes
//! out in parts, and one that came in parts becomes whole where it fits. Parts of records that were never finished are left
//! out: they count for nothing.

use eventlog::{Content, Message};
use model::{PartsSoFar, SealedPart, SealedRecord};

use super::fold::failed;
use crate::failure::Failure;

pub(super) struct Fitting {
    limit_bytes: usize,
    parts: PartsSoFar,
    /// The records that the next message is to hold, and their size.
    batch: Vec<SealedRecord>,
    bytes: usize,
}

impl Fitting {
    pub(super) fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, parts: PartsSoFar::default(), batch: Vec::new(), bytes: 0 }
    }

    /// What becomes of the next message.
    pub(super) fn take(&mut self, Message { content, .. }: Message) -> Result<Vec<Content>, Failure> {
        let mut messages = Vec::new();
        match content {
            Content::Records(records) => {
                self.parts.give_up();
                for sealed in records.iter() {
                    self.add(sealed.clone(), &mut messages)?;
                }
            }
            Content::Part(sealed) => {
                let is_rest = sealed.part.index > 0 && self.parts.waiting().is_none();
                let step = self.parts.take(&sealed.part).map_err(failed)?;
                if let Some(record) = step.whole {
                    self.add(record, &mut messages)?;
                } else if is_rest {
                    // The log began in the middle of a record, with which its baseline ends.
                    self.check(sealed.bytes.len(), &sealed.part.place())?;
                    messages.push(Content::Part(sealed));
                }
            }
        }
        self.end_batch(&mut messages);
        Ok(messages)
    }

    fn add(&mut self, sealed: SealedRecord, messages: &mut Vec<Content>) -> Result<(), Failure> {
        let bytes = sealed.bytes.len();
        if self.bytes + bytes > self.limit_bytes {
            self.end_batch(messages);
        }
        if bytes <= self.limit_bytes {
            self.bytes += bytes;
            self.batch.push(sealed);
            return Ok(());
        }
        let Some(parts) = SealedPart::split(&sealed, self.limit_bytes) else {
            let (seq, limit) = (sealed.record.seq, SealedPart::max_record_bytes(self.limit_bytes));
            return Err(failed(format!("record {seq} has {bytes} bytes, but the log takes {limit} at most")));
        };
        messages.extend(parts.into_iter().map(Content::from));
        Ok(())
    }

    fn end_batch(&mut self, messages: &mut Vec<Content>) {
        if !self.batch.is_empty() {
            messages.push(std::mem::take(&mut self.batch).into());
        }
        self.bytes = 0;
    }

    fn check(&self, bytes: usize, what: &impl std::fmt::Display) -> Result<(), Failure> {
        if bytes <= self.limit_bytes {
            return Ok(());
        }
        let limit_bytes = self.limit_bytes;
        Err(failed(format!("{what} has {bytes} bytes, but the log takes {limit_bytes} at most")))
    }
}

#[cfg(test)]
mod tests {
    use eventlog::conformance::Chain;
    use model::Position;

    use super::*;

    fn fitted(limit_bytes: usize, contents: &[Content]) -> Vec<Content> {
        let mut fitting = Fitting::new(limit_bytes);
        let message = |content: &Content| Message { position: Position(1), content: content.clone() };
        contents.iter().flat_map(|content| fitting.take(message(content)).expect("it fits")).collect()
    }

    fn parts_of(sealed: &SealedRecord, limit_bytes: usize) -> Vec<Content> {
        let parts = SealedPart::split(sealed, limit_bytes).expect("it is not too large");
        parts.into_iter().map(Content::from).collect()
    }

    #[test]
    fn messages_are_cut_and_joined_as_the_log_takes_them() {
        let mut chain = Chain::default();
        let (start, small, large) = (vec![chain.start()], chain.batch(&[100; 6]), chain.record(4_000));
        let many = [vec![Content::from(start.clone()), small.clone().into()], parts_of(&large, 2_000)].concat();
        let one_each = |records: &[SealedRecord]| records.iter().map(|it| vec![it.clone()].into()).collect::<Vec<_>>();
        let whole = vec![start.into(), small.clone().into(), vec![large.clone()].into()];
        assert_eq!(fitted(10_000, &many), whole);
        let cut = [vec![whole[0].clone()], one_each(&small), parts_of(&large, 350)].concat();
        assert_eq!(fitted(350, &many), cut);
        assert_eq!(fitted(10_000, &cut).last(), whole.last());
    }

    #[test]
    fn what_was_never_finished_is_left_out_and_the_rest_of_a_trimmed_record_stays() {
        let mut chain = Chain::default();
        let parts = parts_of(&chain.record(4_000), 2_000);
        let after = Content::from(chain.batch(&[1]));
        assert!(parts.len() > 2);
        let kept = [&parts[..2], std::slice::from_ref(&after)].concat();
        assert_eq!(fitted(2_000, &kept), vec![after.clone()]);
        let kept = [&parts[1..], std::slice::from_ref(&after)].concat();
        assert_eq!(fitted(2_000, &kept), kept);
        let mut fitting = Fitting::new(500);
        let refused = fitting.take(Message { position: Position(1), content: parts[1].clone() });
        assert!(refused.is_err());
    }
}
