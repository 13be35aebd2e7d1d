//! The shipped log with planted faults: that it is what its generator makes, and what the crate finds in it.

#[path = "../examples/planted/cluster.rs"]
mod cluster;
#[path = "../examples/planted/file.rs"]
mod file;
#[path = "../examples/planted/scenario.rs"]
mod scenario;

const SHIPPED: &[u8] = include_bytes!("../../../examples/replay/harbour.log");

#[test]
fn the_shipped_log_is_what_its_generator_makes() {
    assert!(
        SHIPPED == file::bytes(records()),
        "examples/replay/harbour.log is not what its generator makes now: `cargo run -p replay --example planted` writes it, \
         and docs/replay.md shows what is in it"
    );
}

use std::sync::LazyLock;

use model::{Record, SealedRecord};
use replay::{Bisect, Condition, Search, Story, Teller, Turn};
use state::State;

fn records() -> &'static [SealedRecord] {
    static RECORDS: LazyLock<Vec<SealedRecord>> = LazyLock::new(scenario::records);
    &RECORDS
}

fn first(records: &[SealedRecord], condition: &str) -> Option<Turn> {
    let condition = Condition::parse(condition).expect(condition);
    let (mut before, mut after) = (State::default(), State::default());
    let mut bisect = Bisect::new(&condition);
    records.iter().find_map(|sealed| {
        after.apply(&sealed.record);
        let turn = bisect.see(&sealed.record, &after).then(|| Turn::of(&condition, &sealed.record, &before, &after));
        before.apply(&sealed.record);
        turn
    })
}

fn record(records: &[SealedRecord], turn: &Turn) -> Record {
    Record::clone(&records[turn.seq.0 as usize - 1].record)
}

fn story(records: &[SealedRecord], id: &str) -> Story {
    let state = State::default();
    let mut search = Search::new(id);
    records.iter().for_each(|sealed| search.see(&sealed.record));
    let mut teller = Teller::new(search.finish().expect(id), &state);
    records.iter().for_each(|sealed| teller.see(&sealed.record));
    teller.finish()
}

/// All that a story says, a line each, with what it says that it is because of.
fn lines(story: &Story) -> Vec<String> {
    let mut lines = Vec::new();
    for said in story.steps.iter().flat_map(|step| &step.said) {
        lines.push(said.text.clone());
        lines.extend(said.because.iter().map(|because| format!("  {}: {}", because.by, because.text)));
    }
    lines
}

#[track_caller]
fn assert_says(lines: &[String], parts: &[&str]) {
    let is_there = lines.iter().any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(is_there, "nothing says {parts:?}:\n{}", lines.join("\n"));
}

#[test]
fn a_bad_placement_is_told_with_who_chose_the_profile() {
    let records = records();
    let turn = first(records, "app(\"/train\").waiting > 0").expect("it waits");
    assert_eq!((turn.parts[0].before.as_str(), turn.parts[0].after.as_str()), ("0", "1"));
    let told = lines(&story(records, "/train"));
    assert_says(&told, &["1 instance waits: nothing fits (cpus on 5 agents)"]);
    assert_says(&told, &["launches train.instance-", "on S4 (gpu1)", "waited 2 min 17 s: nothing fits"]);
    // Who takes the GPUs' cpus, by which profile, and who chose that.
    let takes = first(records, "tasks.exists(t, t.app == '/thumbs' && t.hostname == 'gpu1')").expect("it is there");
    let launched = record(records, &takes);
    let task = launched.events.iter().find_map(|event| match event {
        model::Event::TaskLaunched { task } if task.agent.0 == 4 => Some(task.id.to_string()),
        _ => None,
    });
    let told = lines(&story(records, &task.expect("launched there")));
    assert_says(&told, &["launched on S4 (gpu1)", "by spread"]);
    assert_says(&told, &["token@10.0.0.34: choose_profile spread for role batch"]);
    assert_says(&told, &["asked to end: a user asks for it"]);
}

#[test]
fn an_app_that_a_constraint_holds_back_says_which() {
    let records = records();
    let told = lines(&story(records, "cart"));
    assert_says(&told, &["2 instances wait: nothing fits (zone:IS:eu-wst on 5 agents)"]);
    assert_says(&told, &["eu-wst", "->", "eu-west"]);
    assert_says(&told, &["waits no more; waited 2 min 14 s: nothing fits (zone:IS:eu-wst on 5 agents)"]);
}

#[test]
fn a_crash_loop_is_on_one_agent() {
    let records = records();
    let mut stats = replay::Stats::default();
    records.iter().for_each(|sealed| stats.see(&sealed.record, sealed.bytes.len() as u64));
    let told = stats.told();
    let failed: Vec<_> = told.agents.iter().filter(|(_, of)| of.failures > 0).map(|(id, _)| id.as_str()).collect();
    assert_eq!(failed, ["S3"]);
    assert_eq!(told.failures.keys().collect::<Vec<_>>(), [&"command_failed"]);
    let turn = first(records, "app(\"/mailer\").delay_ms > 2000").expect("it is slowed down");
    assert_eq!(record(records, &turn).cause.kind.name(), "update_status");
    let told = lines(&story(records, "/mailer"));
    assert_says(&told, &["on S3 (crane4) TASK_FAILED", "status 74", "after it ran for"]);
    assert_says(&told, &["starts nothing for 1.1 s, because its tasks end by themselves"]);
    assert_says(&told, &["launches mailer.instance-", "waited", "a pause, because its tasks end by themselves"]);
}

#[test]
fn a_double_report_is_found_and_told() {
    let records = records();
    let turn = first(records, "ignored_reports > 0").expect("it is there");
    let found = record(records, &turn);
    assert!(found.events.is_empty(), "{found:?}");
    let model::CommandKind::UpdateStatus { updates, .. } = &found.cause.kind else { panic!("{found:?}") };
    let told = lines(&story(records, updates[0].task.as_str()));
    assert_says(&told, &["S1 (crane2) reports TASK_KILLED", "again", "another report than that of record"]);
    assert_says(&told, &["asked to end: a user asks for it"]);
}

#[test]
fn an_offer_says_who_took_or_left_it() {
    let records = records();
    let outcome = |kind: &str| {
        let record = records.iter().find(|sealed| sealed.record.cause.kind.name() == kind).expect(kind);
        match &record.record.cause.kind {
            model::CommandKind::AcceptOffers { offers, .. } | model::CommandKind::DeclineOffers { offers, .. } => {
                lines(&story(records, &offers[0].to_string()))
            }
            other => panic!("{other:?}"),
        }
    };
    assert_says(&outcome("accept_offers"), &["accepted by F1 (spark), 2 s after it was made"]);
    assert_says(&outcome("accept_offers"), &["F1.O", "is launched out of it"]);
    assert_says(&outcome("decline_offers"), &["declined by F1 (spark)", "not offered to it again for 10 min"]);
}

#[test]
fn an_agent_that_was_silent_says_for_how_long() {
    let told = lines(&story(records(), "crane3"));
    assert_says(&told, &["it is silent, with"]);
    assert_says(&told, &["it is back, after 12.4 s"]);
}

#[test]
fn the_parts_of_the_state_that_an_event_changes_are_known() {
    let records = records();
    // Whatever a condition asks for: asked always, and asked only after what may change it, it holds after the same records.
    for text in [
        "app('/web').running == 3",
        "app('/mailer').delay_ms > 1500 || app('/cart').waiting > 0",
        "tasks.exists(t, t.state == 'TASK_FAILED')",
        "agents.connected == 4",
        "agent('S4').free.cpus < 10",
        "offers.of_frameworks > 0",
        "frameworks.exists(f, f.tasks > 0)",
        "deployments.size() > 1",
        "instances_waiting > 1",
    ] {
        let condition = Condition::parse(text).expect(text);
        let mut state = State::default();
        let mut known = condition.holds(&state, None);
        for sealed in records {
            state.apply(&sealed.record);
            if condition.may_change(&sealed.record) {
                known = condition.holds(&state, Some(&sealed.record));
            }
            assert_eq!(known, condition.holds(&state, Some(&sealed.record)), "{text} after {}", sealed.record.seq);
        }
    }
}

#[test]
fn what_differs_between_two_moments_is_named() {
    let records = records();
    let at = |seq: u64| {
        let mut state = State::default();
        records.iter().take_while(|sealed| sealed.record.seq.0 <= seq).for_each(|sealed| state.apply(&sealed.record));
        state
    };
    let seq = first(records, "command == 'scale_app'").expect("scaled").seq.0;
    let diff = replay::diff(&at(seq - 1), &at(seq));
    let web: Vec<_> = diff.tables["apps"].changed["/web"].iter().map(|change| change.field.as_str()).collect();
    assert!(web.contains(&"spec.instances"), "{web:?}");
    assert_eq!(diff.tables["deployments"].added.len(), 1);
    assert!(replay::diff(&at(seq), &at(seq)).tables.is_empty());
}
