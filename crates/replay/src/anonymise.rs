//! A log in other words, in which the same happens: what it tells of its cluster is gone, and every decision stays.
//!
//! Two rounds. A [`Survey`] is shown all that is to be told: the state before, and every record. Then [`Anonymised`] tells it
//! again, with pseudonyms that have the order of what they stand for, so that whatever is decided by the order of names
//! is decided the same way:
//!
//! - **What is kept is a positive list**, `kept.rs`: words of Bayplan's own, random ids, numbers. Any other text gets a pseudonym.
//!   Times, amounts, ports and ids that the cluster counts are kept: they are what a placement is made of.
//! - **Nothing is forgotten**, `retell.rs`: every struct is taken apart field by field, so a new one does not compile until
//!   somebody has said what becomes of it.
//! - **Constraints are resolved**, `pseudonyms.rs`: an expression becomes one that names the pseudonyms of what it matched.
//! - **Ids of tasks stay what they are**, `apps.rs`: of an app's id, the command's and a number, so that deciding again makes them again.
//! - **Hashes are made anew**: the chain, and the state's wherever a record has one, and in the last one.
//!
//! Texts for people that came from outside, such as what an engine said of a failure, become numbered words. Deciding again
//! may say one that the log had; [`decide_again`] does not compare these. A module's code goes along without its sections
//! for tools; the code itself may still hold texts.

mod again;
mod apps;
mod kept;
mod module;
mod names;
mod pattern;
mod pseudonyms;
mod retell;
mod survey;

use model::{Event, Record, SealedRecord, Tip};
use state::State;

use pseudonyms::Pseudonyms;
use survey::Texts;

pub use again::decide_again;

/// The first round: finds out which names there are.
#[derive(Debug, Default)]
pub struct Survey(Texts);

impl Survey {
    /// What was before the first record.
    pub fn state(&mut self, state: &State) {
        for row in state.rows() {
            retell::row(&mut self.0, &row);
        }
    }

    pub fn record(&mut self, record: &Record) {
        retell::record(&mut self.0, record);
    }

    /// How many modules go along with their code.
    #[must_use]
    pub fn modules(&self) -> usize {
        self.0.modules.len()
    }
}

/// The second round: tells what the first has seen.
pub struct Anonymised {
    names: Pseudonyms,
    state: State,
    tip: Tip,
}

/// Where an anonymised log begins that does not begin with record 1: a state, and the record that it ends with.
pub struct Before {
    pub state: State,
    pub last: SealedRecord,
}

impl Anonymised {
    #[must_use]
    pub fn new(Survey(texts): Survey) -> Self {
        Self { names: Pseudonyms::of(texts), state: State::default(), tip: Tip::default() }
    }

    /// Begins with this state, and not with nothing. `last` is the record that it ends with.
    pub fn begin(&mut self, state: &State, last: &Record) -> Before {
        let rows = state.rows().map(|row| retell::row(&mut self.names, &row));
        let rows: Vec<Event> = rows.map(|row| Event::Restored { row: Box::new(row) }).collect();
        self.state = State::from_baseline(state.seq, state.epoch, state.at, &rows);
        // What is before it is not told, so it names no record.
        let last = retell::record(&mut self.names, last).seal();
        self.tip = Tip { seq: state.seq, epoch: state.epoch, hash: last.hash };
        Before { state: self.state.clone(), last }
    }

    /// The next record. The last one says which state there has to be.
    pub fn record(&mut self, record: &Record, is_last: bool) -> SealedRecord {
        let told = retell::record(&mut self.names, record);
        self.state.apply(&told);
        let has_hash = is_last || record.state_hash.is_some();
        let state_hash = has_hash.then(|| self.state.kept_hash());
        let sealed = Record { previous: self.tip.hash, state_hash, ..told }.seal();
        self.tip = Tip { seq: record.seq, epoch: record.epoch, hash: sealed.hash };
        sealed
    }

    /// After the last record that was told.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    #[must_use]
    pub const fn tip(&self) -> Tip {
        self.tip
    }
}
