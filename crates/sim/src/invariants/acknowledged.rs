//! Nothing acknowledged is lost: what a client was told to be done is in the log, once, and stays there; what it was told to
//! have been refused is not there, and never will be.

use std::collections::BTreeMap;

use model::{Epoch, Record, Seq};

use super::Found;
use super::truth::{Truth, attempt_of};

const NAME: &str = "nothing acknowledged is lost";

/// What a client was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Done {
        seq: Seq,
        epoch: Epoch,
    },
    /// There was nothing to do, as of this record.
    NothingToDo {
        seq: Seq,
        epoch: Epoch,
    },
    /// It was not carried out, and has changed nothing.
    Refused(String),
}

#[derive(Default)]
pub(super) struct Acknowledged {
    attempts: BTreeMap<u64, Attempt>,
}

#[derive(Default)]
struct Attempt {
    answer: Option<Answer>,
    written_at: Option<Seq>,
}

impl Acknowledged {
    pub(super) fn on_attempt(&mut self, attempt: u64) {
        self.attempts.insert(attempt, Attempt::default());
    }

    pub(super) fn on_record(&mut self, record: &Record) -> Found {
        let Some(number) = attempt_of(record) else { return Ok(()) };
        let attempt = self.attempts.entry(number).or_default();
        if let Some(before) = attempt.written_at.replace(record.seq) {
            return Err((
                NAME,
                format!("attempt {number} was carried out twice: by record {before} and {}", record.seq),
            ));
        }
        if let Some(Answer::Refused(why)) = &attempt.answer {
            return Err((
                NAME,
                format!("attempt {number} was refused ({why}), but record {} carries it out", record.seq),
            ));
        }
        Ok(())
    }

    pub(super) fn on_answer(&mut self, truth: &Truth, number: u64, answer: &Answer) -> Found {
        let attempt = self.attempts.entry(number).or_default();
        attempt.answer = Some(answer.clone());
        match answer {
            Answer::Done { seq, .. } if truth.record(*seq).is_none_or(|known| known.attempt != Some(number)) => {
                Err((NAME, format!("attempt {number} was told to be record {seq}, but that is not in the log")))
            }
            Answer::Refused(why) if attempt.written_at.is_some() => {
                Err((NAME, format!("attempt {number} was refused ({why}), but the log has it")))
            }
            _ => Ok(()),
        }
    }

    /// `records` are those of the log that count, read again.
    pub(super) fn at_the_end(&self, records: &BTreeMap<Seq, Option<u64>>) -> Found {
        for (number, attempt) in &self.attempts {
            if let Some(Answer::Done { seq, .. }) = &attempt.answer
                && records.get(seq) != Some(&Some(*number))
            {
                return Err((NAME, format!("attempt {number} was done by record {seq}, which is not there any more")));
            }
        }
        Ok(())
    }
}
