//! A stale leader has no effect: whatever anybody is answered, shown, told to do, and whatever is started, follows from
//! records that were durable before, and that count.

use model::TaskId;
use protocol::agent::Mark;

use super::Found;
use super::acknowledged::Answer;
use super::truth::Truth;

const NAME: &str = "a stale leader has no effect";

pub(super) fn on_answer(truth: &Truth, answer: &Answer) -> Found {
    match answer {
        Answer::Done { seq, epoch } | Answer::NothingToDo { seq, epoch } => {
            on_mark(truth, "a client", Mark { epoch: *epoch, seq: *seq })
        }
        Answer::Refused(_) => Ok(()),
    }
}

pub(super) fn on_mark(truth: &Truth, who: &str, mark: Mark) -> Found {
    if truth.has(mark) {
        return Ok(());
    }
    let Mark { epoch, seq } = mark;
    Err((NAME, format!("{who} was told of record {seq} of epoch {epoch}, but the log has no such record")))
}

pub(super) fn on_start(truth: &Truth, machine: u8, task: &TaskId) -> Found {
    if truth.launched.contains(task) {
        return Ok(());
    }
    Err((NAME, format!("machine {machine} starts task {task}, but the log has not launched it")))
}
