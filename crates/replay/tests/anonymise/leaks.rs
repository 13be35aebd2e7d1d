//! No text of a log is in the same log in other words.

use std::collections::BTreeSet;

use model::{Event, Record};
use proptest::prelude::*;
use replay::anonymise::{Anonymised, Survey};
use serde_json::{Value, json};

use crate::any::{Maker, SECRET};
use crate::dice::Dice;

/// What the schema allows is not always what the code takes.
const ATTEMPTS: u32 = 200;

fn record(command: &Value, events: &Value) -> Result<Record, serde_json::Error> {
    let zeros = "0".repeat(64);
    serde_json::from_value(json!({
        "seq": 1, "epoch": 1, "previous": zeros, "events": events,
        "cause": { "id": "1".repeat(32), "at": 7, "seed": 9, "principal": format!("{SECRET}-principal"), "kind": command },
    }))
}

fn told_again(record: &Record) -> String {
    let mut survey = Survey::default();
    survey.record(record);
    let sealed = Anonymised::new(survey).record(record, true);
    let bytes = String::from_utf8_lossy(&sealed.bytes).into_owned();
    format!("{bytes}{}", serde_json::to_string(&*sealed.record).expect("plain data"))
}

/// Every variant in turn, so that none of them is left out by chance.
fn check(seed: u64) {
    let (mut maker, mut dice) = (Maker::new(), Dice::new(seed));
    let (commands, events) = (maker.variants("CommandKind"), maker.variants("Event"));
    let rows = maker.variants("Row");
    let commands = commands.iter().map(|schema| (schema, true));
    let events = events.iter().map(|schema| (schema, false));
    for (schema, is_command) in commands.chain(events) {
        let mut make = |maker: &mut Maker| {
            let made = maker.make(schema, &mut dice);
            if is_command { record(&made, &json!([])) } else { record(&json!("allocate"), &json!([made])) }
        };
        let found = (0..ATTEMPTS).find_map(|_| make(&mut maker).ok());
        let found = found.unwrap_or_else(|| panic!("nothing is made of {schema}"));
        assert!(!told_again(&found).contains(SECRET), "of {found:#?}\n{}", told_again(&found));
    }
    for schema in rows {
        let mut make =
            || record(&json!("allocate"), &json!([{ "restored": { "row": maker.make(&schema, &mut dice) } }]));
        let found = (0..ATTEMPTS).find_map(|_| make().ok());
        let found = found.unwrap_or_else(|| panic!("nothing is made of {schema}"));
        assert!(!told_again(&found).contains(SECRET), "of {found:#?}\n{}", told_again(&found));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_text_of_any_command_event_or_row_is_told(seed in any::<u64>()) {
        check(seed);
    }
}

/// The generator reaches what it is for: were nothing renamed, every text would be found.
#[test]
fn every_event_with_a_text_has_a_secret_in_it() {
    let (mut maker, mut dice) = (Maker::new(), Dice::new(1));
    let mut without = BTreeSet::new();
    for schema in maker.variants("Event") {
        let made = (0..ATTEMPTS).map(|_| maker.make(&schema, &mut dice));
        let events = made.filter_map(|made| serde_json::from_value::<Event>(made).ok());
        let texts: Vec<(String, &str)> =
            events.map(|event| (serde_json::to_string(&event).expect("plain data"), event.name())).collect();
        assert!(!texts.is_empty(), "nothing is made of {schema}");
        if texts.iter().all(|(text, _)| !text.contains(SECRET)) {
            without.insert(texts[0].1);
        }
    }
    let of_numbers = [
        "agent_disconnected",
        "agent_removed",
        "framework_disconnected",
        "framework_removed",
        "offer_timeout_chosen",
        "offers_closed",
        "offers_held_back",
        "offers_made",
        "offers_revived",
        "offers_suppressed",
    ];
    assert_eq!(without.into_iter().collect::<Vec<_>>(), of_numbers);
}
