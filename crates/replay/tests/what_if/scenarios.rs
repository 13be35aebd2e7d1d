//! Agents that come, go and grow in a fork; demand that comes again; a log that other code wrote.

use std::collections::BTreeMap;

use model::{AgentId, CommandKind, DisconnectReason, Event, Record, Scalar, Seq, TaskState};
use placement::Standing;
use replay::what_if::{Cause, Change, Difference, NewProfile, Resized};

use crate::cluster::{app, describe};
use crate::history::{History, agents_of, any_port, fork};

fn sized(name: &str, instances: u32, cpus: i64) -> model::AppSpec {
    let mut app = app(name, instances);
    app.resources.cpus = Scalar::from_whole(cpus);
    app
}

/// Tasks that had ports of an agent are forgotten by then, and what they had must make no difference.
#[test]
fn a_fork_gives_the_ports_that_the_log_gave() {
    let mut history = History::new("first-fit", 2);
    let mut brief = app("app1", 3);
    brief.ports = vec![any_port()];
    history.put(brief);
    history.pass(12_000);
    // All but what is remembered of the app runs elsewhere.
    history.run(CommandKind::DisconnectAgent { agent: AgentId(0), reason: DisconnectReason::StreamClosed });
    history.pass(400_000);
    let state = &history.cluster.world.state;
    let remembered = state.tasks.values().filter(|task| task.agent == AgentId(0)).count();
    assert_eq!(remembered, 0, "they were forgotten");
    let description = state.agents.get(&AgentId(0)).expect("it is known").description.clone();
    history.run(CommandKind::ReconnectAgent { agent: AgentId(0), description });
    let at = history.last();
    let mut staying = app("app0", 6);
    staying.ports = vec![any_port(); 2];
    history.put(staying);
    history.pass(10_000);
    history.end();
    let (outcome, states) = history.fork(at, Change::default());
    assert_eq!((outcome.newer_code, outcome.divergence), (None, None));
    let on_first = states[1].active_tasks_on(AgentId(0)).filter(|task| task.host_ports.len() == 2).count();
    assert!(on_first > 0, "{states:#?}");
}

/// One agent with 4 cpus, of which an app would have 6.
fn waiting() -> (History, Seq) {
    let mut history = History::new("best-fit", 1);
    history.put(sized("app0", 3, 2));
    history.pass(1_000);
    let at = history.last();
    history.pass(20_000);
    history.run(CommandKind::ScaleApp { app: crate::cluster::id("app0"), instances: 4, force: true });
    history.pass(10_000);
    history.end();
    (history, at)
}

#[test]
fn with_one_more_agent_what_waits_is_placed_there_at_once() {
    let (history, at) = waiting();
    let change = Change { add: vec![describe("h9", 8, 8_000)], ..Change::default() };
    let (outcome, [control, forked]) = history.fork(at, change);
    assert_eq!(outcome.newer_code, None);
    let divergence = outcome.divergence.expect("it is placed");
    assert_eq!((divergence.seq, divergence.is_recorded), (at, false));
    let Difference::Placement { agents, .. } = divergence.difference else { panic!("{divergence:#?}") };
    let added = AgentId(1);
    assert_eq!(agents, [None, Some(added)]);
    // Both tell why: there was no room on the one agent.
    let [before, after] = divergence.accounts.map(|account| account.expect("both were asked").1);
    assert!(before.chosen().is_none() && matches!(before.agents[0].standing, Standing::Filtered { .. }));
    assert_eq!(after.chosen().map(|agent| agent.agent), Some(added));
    let [control_sums, sums] = &outcome.sums;
    assert_eq!([control_sums.missing, sums.missing], [2, 0]);
    assert_eq!([control_sums.not_placed, sums.not_placed], [1, 0]);
    assert!(control_sums.waited_ms[&Cause::NothingFits] >= 30_000, "{control_sums:#?}");
    assert!(sums.waited_ms[&Cause::NothingFits] <= 10, "{sums:#?}");
    let running = |state: &state::State| state.active_by_state().get(&TaskState::Running).copied();
    assert_eq!([running(&control), running(&forked)], [Some(2), Some(4)]);
    assert_eq!(outcome.moves.only_in, [0, 2]);
}

#[test]
fn agents_that_register_later_keep_their_names_beside_one_that_was_added() {
    let (mut history, at) = waiting();
    history.run(CommandKind::RegisterAgent { description: describe("h7", 8, 8_000) });
    history.pass(5_000);
    history.end();
    let change = Change { add: vec![describe("h9", 2, 8_000)], ..Change::default() };
    let (_, [control, forked]) = history.fork(at, change);
    let hosts = |state: &state::State| -> BTreeMap<AgentId, String> {
        state.agents.values().map(|agent| (agent.id, agent.description.hostname.clone())).collect()
    };
    let mut wanted = hosts(&control);
    wanted.insert(AgentId(2), "h9".to_owned());
    assert_eq!(hosts(&forked), wanted);
}

#[test]
fn without_an_agent_its_tasks_are_lost_and_start_elsewhere() {
    let mut history = History::new("spread", 3);
    history.put(sized("app0", 6, 1));
    history.pass(3_000);
    let at = history.last();
    // What the agent that is gone says later is of no account.
    history.run(CommandKind::DisconnectAgent { agent: AgentId(1), reason: model::DisconnectReason::StreamClosed });
    history.pass(10_000);
    history.end();
    let change = Change { remove: vec![AgentId(1)], ..Change::default() };
    let (outcome, [_, forked]) = history.fork(at, change);
    assert_eq!(outcome.sums[1].lost, 2);
    assert_eq!((outcome.sums[1].launched, outcome.sums[1].relaunched), (2, 2));
    let divergence = outcome.divergence.expect("they are launched again");
    let Difference::Placement { agents: [None, Some(_)], .. } = divergence.difference else {
        panic!("{divergence:#?}")
    };
    let tasks = forked.tasks.values();
    let running: Vec<_> = tasks.filter(|task| task.status.state == TaskState::Running).collect();
    assert_eq!(running.len(), 6);
    assert_eq!(agents_of(running), [AgentId(0), AgentId(2)].into());
    assert_eq!(outcome.sums[1].missing, 0);
}

#[test]
fn an_agent_that_grew_stays_so_when_it_comes_back() {
    let (mut history, at) = waiting();
    let agent = AgentId(0);
    let description = history.cluster.world.state.agents.get(&agent).expect("there").description.clone();
    history.run(CommandKind::DisconnectAgent { agent, reason: model::DisconnectReason::StreamClosed });
    history.run(CommandKind::ReconnectAgent { agent, description });
    history.pass(1_000);
    history.end();
    let resized = Resized { cpus: Some(Scalar::from_whole(16)), ..Resized::default() };
    let change = Change { resize: [(agent, resized)].into(), ..Change::default() };
    let (outcome, [_, forked]) = history.fork(at, change);
    assert_eq!([outcome.sums[0].missing, outcome.sums[1].missing], [2, 0]);
    let grown = &forked.agents.get(&agent).expect("there").description.resources;
    assert_eq!((grown.cpus, grown.mem), (Scalar::from_whole(16), Scalar::from_whole(4_000)));
}

#[test]
fn tasks_that_are_elsewhere_start_run_and_end_as_recorded() {
    let mut history = History::new("best-fit", 3);
    let at = history.last();
    // They are done after some five seconds, they fail after one, they run on.
    for name in ["app1", "app2", "app0"] {
        history.put(sized(name, 2, 1));
        history.pass(500);
    }
    history.pass(30_000);
    history.end();
    let change = Change { profile: Some(NewProfile::Named("spread".into())), ..Change::default() };
    let (outcome, _) = history.fork(at, change);
    assert!(outcome.divergence.is_some() && outcome.moves.elsewhere > 0);
    let [control, forked] = &outcome.sums;
    let ends = |sums: &replay::what_if::Sums| (sums.finished, sums.failed, sums.killed, sums.lost);
    assert!(control.finished > 5 && control.failed > 3, "{control:#?}");
    assert_eq!(ends(control), ends(forked));
    assert_eq!(control.launched, forked.launched);
}

#[test]
fn a_task_without_an_example_does_what_most_of_its_app_do() {
    // In the log only four of the app's six have room at the same time, and each is done after five seconds.
    let mut history = History::new("best-fit", 1);
    let at = history.last();
    history.put(sized("app1", 6, 1));
    history.pass(30_000);
    history.end();
    let (outcome, _) = history.fork(at, Change { add: vec![describe("h9", 8, 8_000)], ..Change::default() });
    let [control, forked] = &outcome.sums;
    assert!(outcome.moves.only_in[1] > 0, "{:#?}", outcome.moves);
    // As many rounds as in the log, of six instead of four.
    let [few, many] = [control.finished, forked.finished];
    assert!(few >= 12 && many * 10 > few * 13 && many * 10 < few * 17, "{many} are done, and {few} in the log");
}

#[test]
fn what_other_code_wrote_is_told_apart_from_the_change() {
    let mut history = History::new("best-fit", 3);
    let at = history.last();
    history.put(sized("app0", 2, 1));
    history.pass(1_000);
    history.put(sized("app4", 2, 1));
    history.pass(5_000);
    let mut records: Vec<Record> = history.records().cloned().collect();
    // As if older code had put the first instance elsewhere.
    let launches = |record: &Record| record.events.iter().any(|event| matches!(event, Event::TaskLaunched { .. }));
    let altered = records.iter_mut().find(|record| launches(record)).expect("something is launched");
    let seq = altered.seq;
    let elsewhere = |agent: AgentId| AgentId((agent.0 + 1) % 3);
    let mut was = None;
    for event in &mut altered.events {
        match event {
            Event::TaskLaunched { task } if was.is_none() => {
                was = Some((task.id.clone(), task.agent));
                task.agent = elsewhere(task.agent);
            }
            Event::OffersMade { offers, .. } => offers.agents[0] = elsewhere(offers.agents[0]),
            _ => {}
        }
    }
    let (task, agent) = was.expect("it is launched");
    for record in records.iter_mut().skip(seq.0 as usize) {
        // Its reports come from there.
        if let CommandKind::UpdateStatus { agent: from, updates } = &mut record.cause.kind
            && updates.iter().any(|update| update.task == task)
        {
            *from = elsewhere(agent);
            for event in &mut record.events {
                if let Event::TaskStatusChanged { agent, .. } = event {
                    *agent = *from;
                }
            }
        }
    }
    let (outcome, [control, forked]) = fork(&records, at, Change::default());
    let newer = outcome.newer_code.expect("it is noticed");
    assert_eq!(newer.seq, seq);
    let Difference::Placement { agents, .. } = newer.difference else { panic!("{newer:#?}") };
    assert_eq!(agents, [Some(elsewhere(agent)), Some(agent)]);
    assert_eq!(outcome.divergence, None);
    let running = |state: &state::State| state.active_by_state().get(&TaskState::Running).copied();
    assert_eq!([running(&control), running(&forked)], [Some(4), Some(4)]);
    assert_eq!(outcome.sums[0], outcome.sums[1]);
}
