//! Tells a record, a row, and all that is in them again, with every text in other words.
//!
//! Nothing may slip through. So every struct and enum is taken apart field by field, without `..`: a field that is added to
//! the model does not compile here until somebody has said what becomes of it. What is copied is [`Copy`]: numbers and
//! words of the model, which hold no text.

mod commands;
mod events;
mod rows;
mod specs;

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Command, Principal, Record};

use super::names::{Kind, Names};

/// A value that can hold no text.
const fn bits<T: Copy>(value: &T) -> T {
    *value
}

/// The record in other words; its place in the chain and its hash of the state are not said, as they are others now.
pub(super) fn record(names: &mut dyn Names, record: &Record) -> Record {
    let Record { seq, epoch, previous: _, cause, events, state_hash: _ } = record;
    let Command { id, at, seed, principal, kind } = cause;
    let cause = Command {
        id: bits(id),
        at: bits(at),
        seed: bits(seed),
        principal: Principal::new(names.text(Kind::Principal, &principal.0)),
        kind: commands::kind(names, kind),
    };
    let events = events.iter().map(|event| events::event(names, event)).collect();
    Record { seq: bits(seq), epoch: bits(epoch), previous: model::Hash::default(), cause, events, state_hash: None }
}

pub(super) use events::event;
pub(super) use rows::row;

fn shared(names: &mut dyn Names, kind: Kind, text: &Arc<str>) -> Arc<str> {
    names.text(kind, text).into()
}

fn optional(names: &mut dyn Names, kind: Kind, text: Option<&String>) -> Option<String> {
    text.map(|text| names.text(kind, text))
}

fn all(names: &mut dyn Names, kind: Kind, texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| names.text(kind, text)).collect()
}

fn pairs(
    names: &mut dyn Names,
    (key, value): (Kind, Kind),
    pairs: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    pairs.iter().map(|(own, text)| (names.text(key, own), names.text(value, text))).collect()
}
