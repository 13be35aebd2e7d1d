//! Masters that cannot reach the log any more, while everybody can reach them.

use std::time::Duration;

use crate::harness::{Masters, Wire, eventually};

const SLEEPER: &str = r#"{"id": "sleeper", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 32, "instances": 2}"#;

fn app(id: &str) -> String {
    format!(r#"{{"id": "{id}", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 32}}"#)
}

/// Three masters, each with a wire of its own to the one NATS server.
fn start() -> Option<(Masters, Vec<Wire>)> {
    let mut cluster = Masters::start(1, 0)?;
    let wires: Vec<Wire> = (0..3).map(|_| Wire::to(cluster.nats.port(0))).collect();
    for wire in &wires {
        cluster.add_over(&format!("nats://127.0.0.1:{}", wire.port()), &[]);
    }
    cluster.leader();
    Some((cluster, wires))
}

#[test]
fn a_leader_that_is_cut_off_from_the_log_has_no_effect_and_its_agents_find_the_next_one() {
    let Some((cluster, wires)) = start() else { return };
    let _agent = cluster.join("a1", "46000-46019");
    let first = cluster.leader();
    cluster.deploy(first, SLEEPER);
    let tasks = cluster.wait_for_running(first, "sleeper", 2);

    wires[first].cut();
    let second = cluster.leader_other_than(first);
    let took = cluster.until_changed(second, &app("during"));
    assert!(took < Duration::from_secs(10), "it took {took:?}");
    let answer = cluster.call(first, "POST", "/v2/apps", Some(&app("in-vain"))).expect("it answers");
    assert!([503, 504].contains(&answer.status), "{} {}", answer.status, answer.text);
    assert_eq!(cluster.running(first, "sleeper"), tasks, "it still answers questions");
    // The agent was with the one that is cut off, and nothing tells it but that one's silence.
    cluster.wait_for_running(second, "during", 1);

    wires[first].mend();
    eventually("it follows again", || {
        let answer = cluster.call(first, "GET", "/v2/apps/during", None).ok()?;
        (answer.headers["bayplan-role"] == "following" && answer.status == 200).then_some(())
    });
    cluster.wait_until_all_agree();
    let history = cluster.history(second);
    assert_eq!(cluster.running(second, "sleeper"), tasks, "the same tasks run");
    assert_eq!(history.launched("sleeper").len(), 2, "nothing was started twice");
    assert_eq!(history.of("agent_removed").count(), 0);
}

#[test]
fn followers_that_are_cut_off_catch_up_and_do_not_disturb_the_leader() {
    let Some((cluster, wires)) = start() else { return };
    let leader = cluster.leader();
    let epoch = cluster.history(leader).0.last().expect("it leads")["epoch"].clone();
    let others: Vec<usize> = (0..3).filter(|number| *number != leader).collect();
    for round in 0..3 {
        others.iter().for_each(|number| wires[*number].cut());
        // Longer than the silence after which they try to lead.
        for number in 0..10 {
            cluster.until_changed(leader, &app(&format!("app-{round}-{number}")));
            std::thread::sleep(Duration::from_millis(100));
        }
        others.iter().for_each(|number| wires[*number].mend());
        cluster.wait_until_all_agree();
    }
    assert_eq!(cluster.leader(), leader, "the log was never silent");
    assert_eq!(cluster.history(leader).0.last().expect("it leads")["epoch"], epoch);
}
