use std::collections::BTreeMap;

use model::{AgentId, AppId, Event, FrameworkId, OfferBatch, OfferId, Resources, Seq, TaskId, Timestamp};
use protocol::operator::PackingView;

use super::*;
use crate::commands::replay::what_if::{Moment, Move, MovesOf, PointOf};
use crate::render::plain;

fn side(launched: u64, agents_in_use: u32) -> Side {
    let packing = PackingView { agents: 9, agents_in_use, cpus: 0.5, mem: 0.25, disk: 0.0, gpus: 0.0, fragmented: 0.0 };
    Side {
        launched,
        relaunched: 1,
        finished: 2,
        failed: 0,
        killed: 3,
        lost: 0,
        not_placed: 4,
        missing_at_the_end: 0,
        waited_ms: BTreeMap::from([(Cause::NothingFits, 63_000)]),
        launch_wait_p50_ms: 12,
        launch_wait_p99_ms: 4_500,
        agents_in_use_mean: agents_in_use.into(),
        cpus_mean: 0.5,
        mem_mean: 0.25,
        gpus_mean: 0.0,
        fragmented_mean: 0.0,
        at_the_end: packing,
        commands_refused: 0,
        first_refused: None,
        framework_tasks_launched: 0,
        framework_tasks_refused: 0,
    }
}

fn moment_of(agents_in_use: u32) -> Moment {
    Moment { agents_in_use, cpus: 0.5, mem: 0.25, gpus: 0.0, missing: 1, running: 7 }
}

fn document() -> Document {
    let app = AppId::parse("web").expect("an id");
    let tasks = [Some(TaskId::new("web.1")), None];
    let parted = Parted {
        seq: Seq(7),
        at: Timestamp(1_784_116_803_120),
        command: "allocate",
        is_recorded: true,
        difference: DifferenceOf::Placement { app: app.clone(), tasks, agents: [Some(AgentId(3)), None] },
        accounts: [None, None],
    };
    let at = |ms: u64| Timestamp(1_784_116_803_120 + ms);
    let points = [0, 30_000, 60_000];
    Document {
        fork: Seq(5),
        from: at(0),
        to: at(60_000),
        records: 20,
        change: vec!["spread decides".to_owned(), "without <b>h1</b> (S1)".to_owned()],
        divergence: Some(parted),
        newer_code: None,
        as_it_was: side(10, 4),
        what_if: side(9, 8),
        moves: MovesOf {
            same: 3,
            elsewhere: 6,
            only_as_it_was: 1,
            only_what_if: 0,
            first: vec![Move { app, instance: 2, incarnation: 1, agents: [AgentId(0), AgentId(4)] }],
        },
        not_comparable: vec!["spark (F1)".to_owned()],
        points: points.map(|ms| PointOf { at: at(ms), as_it_was: moment_of(4), what_if: moment_of(8) }).into(),
        records_per_s: 1_000.0,
    }
}

#[test]
fn where_they_part_and_what_they_come_to_is_told() {
    let text = plain(&told(&document(), false, None));
    for expected in [
        "From record 5 at 2026-07-15T12:00:03.120Z, 20 records in 1m00s: spread decides; without <b>h1</b> (S1).",
        "They part in record 7, allocate, at 2026-07-15T12:00:03.120Z:",
        "As it was places an instance of /web on S3, task web.1",
        "What if places no instance of /web then",
        "SUM                        AS IT WAS  WHAT IF",
        "waited for room, in all        1m03s    1m03s",
        "99 % launched after               4s       4s",
        "agents in use, at the end     4 of 9   8 of 9",
        "3 went to the same agent and 6 elsewhere; 1 were launched only as it was, 0 only in the fork.",
        "/web instance 2, run 2: S0 -> S4",
        "Not comparable: spark (F1).",
    ] {
        assert!(text.contains(expected), "{expected} in\n{text}");
    }
}

#[test]
fn events_that_are_told_alike_are_told_apart_by_the_first_part_that_differs() {
    let offers = |ports: &str| -> Event {
        let offers: Vec<OfferId> = (0..5).map(OfferId).collect();
        let agents = vec![AgentId(0); offers.len()];
        let mut resources = vec![Resources::default(); offers.len()];
        resources[4].ports = ports.parse().expect("ports");
        Event::OffersMade { framework: FrameworkId(0), offers: OfferBatch { offers, agents, resources } }
    };
    let mut document = document();
    let differing = |one: Event, other: Event| Parted {
        seq: Seq(7),
        at: Timestamp(0),
        command: "allocate",
        is_recorded: true,
        difference: DifferenceOf::Event([Some(Box::new(one)), Some(Box::new(other))]),
        accounts: [None, None],
    };
    document.newer_code = Some(differing(offers("31171-31172"), offers("31169-31170")));
    let text = plain(&told(&document, false, None));
    let expected = "\nThey differ in offers.resources[4].ports: 31171-31172 / 31169-31170\n";
    assert!(text.contains(expected), "{text}");
    let gone = |agent| Event::AgentRemoved { agent: AgentId(agent), reason: model::RemovalReason::Gone };
    document.newer_code = Some(differing(gone(1), gone(2)));
    let text = plain(&told(&document, false, None));
    assert!(!text.contains("They differ in"), "{text}");
}

#[test]
fn the_picture_has_both_lines_in_each_panel_and_no_foreign_markup() {
    let svg = chart(&document());
    assert_eq!(svg.matches("<polyline").count(), 8);
    assert!(svg.contains("without &lt;b&gt;h1&lt;/b&gt; (S1)") && !svg.contains("<b>"), "{svg}");
    assert!(svg.ends_with("</svg>\n"));
}
