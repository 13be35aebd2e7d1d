//! What must hold whatever happens. One file for each invariant; each looks at what can be seen from outside: answers that
//! clients got, lists that agents got, tasks that containerizers started, and the records that are in the log.

mod acknowledged;
mod conserved;
mod old_list;
mod one_end;
mod overcommit;
mod replay;
mod stale_leader;
mod started_once;
mod truth;
pub(crate) mod wanted;

use eventlog::Content;
use model::{Hash, PartsSoFar, Resources, SealedRecord, TaskId};
use protocol::agent::{Desired, Mark};

pub(crate) use acknowledged::Answer;
pub(crate) use overcommit::Load;
pub(crate) use truth::Truth;

/// An invariant's name, and in what way it does not hold.
pub(crate) type Found<T = ()> = Result<T, (&'static str, String)>;

#[derive(Default)]
pub(crate) struct Invariants {
    pub(crate) truth: Truth,
    written: Joined,
    acknowledged: acknowledged::Acknowledged,
    conserved: conserved::Conserved,
    old_list: old_list::OldList,
    one_end: one_end::OneEnd,
    overcommit: overcommit::Overcommit,
    shown: replay::Shown,
    started_once: started_once::StartedOnce,
}

impl Invariants {
    /// The log took a message.
    pub(crate) fn on_written(&mut self, content: &Content) -> Found {
        for sealed in &self.written.join(content)? {
            if !self.truth.accept(sealed) {
                continue;
            }
            let record = &sealed.record;
            self.acknowledged.on_record(record)?;
            for event in &record.events {
                self.one_end.on_event(event)?;
                self.overcommit.on_event(event)?;
                self.conserved.on_event(event)?;
            }
        }
        Ok(())
    }

    /// Records that do not count, those among them that were never finished.
    pub(crate) fn void(&self) -> u64 {
        self.truth.void + self.written.unfinished
    }

    /// A client sent a command, for the `attempt`th time of all clients.
    pub(crate) fn on_attempt(&mut self, attempt: u64) {
        self.acknowledged.on_attempt(attempt);
    }

    pub(crate) fn on_answer(&mut self, attempt: u64, answer: &Answer) -> Found {
        stale_leader::on_answer(&self.truth, answer)?;
        self.acknowledged.on_answer(&self.truth, attempt, answer)
    }

    /// Somebody was shown the state after record `mark.seq`.
    pub(crate) fn on_state(&mut self, who: &str, mark: Mark, hash: Hash) -> Found {
        stale_leader::on_mark(&self.truth, who, mark)?;
        self.shown.on_state(who, mark, hash)
    }

    /// A desired list has come to a machine whose agent has `durable` on its disk.
    pub(crate) fn on_list(&mut self, machine: u8, list: &Desired, durable: Mark) -> Found {
        stale_leader::on_mark(&self.truth, "an agent", list.mark)?;
        self.old_list.on_list(machine, list, durable);
        Ok(())
    }

    /// A report was acknowledged to an agent.
    pub(crate) fn on_acknowledgement(&self, mark: Mark) -> Found {
        stale_leader::on_mark(&self.truth, "an agent", mark)
    }

    /// A containerizer is about to start a task beside what runs on its machine.
    pub(crate) fn on_start(&mut self, machine: u8, task: &TaskId, load: &Load<'_>) -> Found {
        self.started_once.on_start(machine, task)?;
        stale_leader::on_start(&self.truth, machine, task)?;
        self.old_list.on_start(machine, task)?;
        overcommit::on_start(machine, task, load)
    }

    /// A containerizer was told to stop a task.
    pub(crate) fn on_stop(&mut self, machine: u8, task: &TaskId) -> Found {
        self.old_list.on_stop(machine, task)
    }

    /// An agent's disk was lost, so that it knows nothing of its tasks any more.
    pub(crate) fn on_disk_loss(&mut self, machine: u8) {
        self.old_list.on_disk_loss(machine);
    }

    /// The history is over; `log` holds every message from the first.
    pub(crate) fn at_the_end(&self, log: &[Content]) -> Found {
        let replayed = replay::at_the_end(&self.truth, &self.shown, log)?;
        self.acknowledged.at_the_end(&replayed.attempts)?;
        self.conserved.at_the_end(&replayed.state)
    }
}

/// The records of a log, message by message: those in parts where their last part is.
#[derive(Default)]
struct Joined {
    parts: PartsSoFar,
    /// Records that will never be whole.
    unfinished: u64,
}

impl Joined {
    fn join(&mut self, content: &Content) -> Found<Vec<SealedRecord>> {
        match content {
            Content::Records(records) => {
                self.unfinished += u64::from(self.parts.give_up().is_some());
                Ok(records.to_vec())
            }
            Content::Part(part) => {
                let step = self.parts.take(&part.part);
                let step = step.map_err(|error| ("parts are what they say", error.to_string()))?;
                self.unfinished += u64::from(step.given_up.is_some());
                Ok(step.whole.into_iter().collect())
            }
        }
    }
}

/// Resources without their ports, which are counted apart.
fn quantities(resources: &Resources) -> [i64; 4] {
    [resources.cpus.0, resources.mem.0, resources.disk.0, resources.gpus.0]
}
