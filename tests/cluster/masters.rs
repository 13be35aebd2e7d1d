//! Several masters on NATS servers: who answers what, and who takes over from whom.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::{Masters, Node, all_of, bayplan, eventually, request};

const SLEEPER: &str = r#"{"id": "sleeper", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 32, "instances": 2}"#;

#[test]
fn every_master_answers_questions_takes_changes_and_says_who_leads() {
    let Some(cluster) = Masters::start(1, 3) else { return };
    let _agent = cluster.join("a1", "45000-45019");
    let leader = cluster.leader();
    let follower = (leader + 1) % 3;
    let answer = cluster.call(follower, "POST", "/v2/apps", Some(SLEEPER)).expect("it answers");
    assert_eq!((answer.status, answer.headers["bayplan-role"].as_str()), (201, "leading"), "{}", answer.text);
    let seq: u64 = answer.headers["bayplan-seq"].parse().expect("a number");
    // What went through a master is seen there at once.
    let answer = cluster.call(follower, "GET", "/v2/apps/sleeper", None).expect("it answers");
    assert_eq!((answer.status, answer.headers["bayplan-role"].as_str()), (200, "following"), "{}", answer.text);
    assert!(answer.headers["bayplan-seq"].parse::<u64>().expect("a number") >= seq);
    cluster.wait_for_running(follower, "sleeper", 2);
    assert_eq!(cluster.call(follower, "POST", "/v2/apps", Some("{")).expect("it answers").status, 400);
    let led: Vec<Value> = (0..3)
        .map(|number| cluster.call(number, "GET", "/v2/leader", None).expect("it answers").json()["leader"].clone())
        .collect();
    let marathon = cluster.marathon_url(leader).replace("http://", "");
    assert!(led.iter().all(|named| *named == marathon), "{led:?}");
    let subscribe =
        request("POST", &format!("{}/api/v1/agent/subscribe", cluster.operator_url(follower)), None, Some("{}"));
    let health = request("GET", &format!("{}/health", cluster.operator_url(follower)), None, None).expect("an answer");
    assert_eq!(health.status, 200, "{}", health.text);
    // Sent on to the leader, which does not understand it.
    assert_ne!(subscribe.expect("an answer").status, 200);
    let shown = cluster.told(&["leader"]);
    assert!(shown.contains(&format!("m{leader} leads")) && shown.matches("follows").count() == 2, "{shown}");
    let made_through = cluster.history(follower);
    let created = made_through.0.iter().find(|record| record["cause"]["kind"]["create_app"].is_object());
    assert_eq!(created.expect("it is in the log")["cause"]["principal"], "anonymous@127.0.0.1 for 127.0.0.1");
    cluster.wait_until_all_agree();
}

#[test]
fn when_a_leader_is_killed_or_stopped_another_one_goes_on_and_no_task_notices() {
    let Some(mut cluster) = Masters::start(1, 3) else { return };
    let _agent = cluster.join("a1", "45020-45039");
    cluster.deploy(cluster.leader(), SLEEPER);
    let tasks = cluster.wait_for_running(cluster.leader(), "sleeper", 2);

    let first = cluster.leader();
    cluster.node(first).kill_9();
    let second = cluster.leader_other_than(first);
    cluster.until_changed(second, &more("after-kill"));
    cluster.wait_for_running(second, "after-kill", 1);
    cluster.start_again(first);

    // It does not know that it was stopped, and must not have any effect when it goes on.
    cluster.signal(second, Signal::SIGSTOP);
    let third = cluster.leader_other_than(second);
    cluster.until_changed(third, &more("after-stop"));
    cluster.signal(second, Signal::SIGCONT);
    eventually("the one that was stopped follows", || {
        let answer = cluster.call(second, "GET", "/v2/apps/after-stop", None).ok()?;
        (answer.headers["bayplan-role"] == "following" && answer.status == 200).then_some(())
    });
    cluster.wait_for_running(third, "after-stop", 1);

    let told = cluster.told(&["leader", "hand-over"]);
    let fourth = cluster.leader_other_than(third);
    assert_eq!(told.trim(), format!("m{fourth} leads."));
    cluster.until_changed(third, &more("after-hand-over"));
    cluster.wait_for_running(third, "after-hand-over", 1);

    let seen = cluster.wait_until_all_agree();
    assert_eq!(seen["epoch"], 4, "each take-over is one epoch: {seen}");
    assert_eq!(cluster.running(fourth, "sleeper"), tasks, "the same tasks run");
    let history = cluster.history(fourth);
    assert_eq!(history.launched("sleeper").len(), 2, "nothing was started twice");
}

fn more(id: &str) -> String {
    format!(r#"{{"id": "{id}", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 32}}"#)
}

#[test]
fn while_the_servers_are_away_tasks_stay_and_questions_are_answered() {
    let Some(mut cluster) = Masters::start(1, 2) else { return };
    let _agent = cluster.join("a1", "45040-45059");
    cluster.deploy(0, SLEEPER);
    let tasks = cluster.wait_for_running(0, "sleeper", 2);
    cluster.nats.kill_9(0);
    for number in 0..2 {
        let refused = eventually("a change is refused", || {
            let answer = cluster.call(number, "POST", "/v2/apps", Some(&more("meanwhile"))).ok()?;
            (answer.status == 503).then_some(answer)
        });
        assert!(refused.headers.contains_key("retry-after"), "{}", refused.text);
        assert_eq!(cluster.running(number, "sleeper"), tasks, "questions are answered");
        eventually("it says that it is not well", || {
            let health = request("GET", &format!("{}/health", cluster.operator_url(number)), None, None).ok()?;
            (health.status == 503).then_some(())
        });
    }
    cluster.nats.start_again(0);
    cluster.until_changed(0, &more("afterwards"));
    cluster.wait_for_running(0, "afterwards", 1);
    assert_eq!(cluster.running(0, "sleeper"), tasks, "the same tasks run");
    cluster.wait_until_all_agree();
}

#[test]
fn a_server_of_three_may_be_killed_stopped_and_come_back() {
    let Some(mut cluster) = Masters::start(3, 2) else { return };
    let _agent = cluster.join("a1", "45060-45079");
    cluster.deploy(0, SLEEPER);
    let tasks = cluster.wait_for_running(0, "sleeper", 2);
    for number in 0..3 {
        cluster.nats.kill_9(number);
        cluster.until_changed(0, &more(&format!("without-{number}")));
        cluster.nats.start_again(number);
    }
    for number in 0..3 {
        cluster.nats.signal(number, Signal::SIGSTOP);
        cluster.until_changed(1, &more(&format!("stopped-{number}")));
        cluster.nats.signal(number, Signal::SIGCONT);
    }
    for number in 0..3 {
        cluster.wait_for_running(0, &format!("without-{number}"), 1);
        cluster.wait_for_running(0, &format!("stopped-{number}"), 1);
    }
    assert_eq!(cluster.running(0, "sleeper"), tasks, "the same tasks run");
    let seen = cluster.wait_until_all_agree();
    let history = cluster.history(0);
    assert_eq!(history.0.len() as u64, seen["seq"].as_u64().expect("a number"), "no record is missing");
}

#[test]
fn a_master_that_cannot_trust_its_servers_or_their_stream_says_why() {
    let Some(cluster) = Masters::start(1, 1) else { return };
    let folder = cluster.path("other");
    let attempt = |extra: &[&str]| {
        let log = cluster.nats.log();
        let arguments = ["master", "--dir", &folder, "--listen", "127.0.0.1:0", "--marathon-listen", "127.0.0.1:0"];
        let chosen = if extra.contains(&"--log") { &[][..] } else { &["--log", log.as_str()][..] };
        let output = bayplan().args(arguments).args(chosen).args(extra).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = attempt(&["--strict-durability"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("may lose acknowledged writes") && said.contains("sync_interval: always"), "{said}");
    let (code, said) = attempt(&["--cluster", "a b"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("letters, digits"), "{said}");
    let (code, said) = attempt(&["--log", "kafka://x"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("nats://127.0.0.1:4222"), "{said}");
    let (code, said) = attempt(&["--log-replicas", "3", "--cluster", "replicated"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("replicas"), "{said}");
    for (wrong, why) in [
        (["--log-replicas", "2"], "1, 3 and 5"),
        (["--log-max-bytes", "1000"], "1MB"),
        (["--leader-timeout", "1ms"], "100ms"),
        (["--heartbeat", "0ms"], "100ms"),
        (["--agent-timeout", "10s"], "--heartbeat"),
        (["--leader", ""], "--leader"),
        (["--advertise", "a b/c"], "--advertise"),
    ] {
        let (code, said) = attempt(&wrong);
        assert_eq!(code, Some(2), "{wrong:?}: {said}");
        assert!(said.contains(why), "{wrong:?}: {said}");
    }
}

/// A master with some apps, all of which are in its snapshot.
fn with_apps(cluster: &Masters) {
    for number in 0..3 {
        cluster.deploy(0, &more(&format!("app-{number}")));
    }
    eventually("the snapshot has them", || {
        let metrics = request("GET", &format!("{}/metrics", cluster.operator_url(0)), None, None).ok()?;
        metrics.text.lines().any(|line| line == "bayplan_snapshot_lag_records 0").then_some(())
    });
}

#[test]
fn a_stream_that_was_deleted_is_missed_and_not_begun_anew() {
    let Some(mut cluster) = Masters::start(1, 1) else { return };
    with_apps(&cluster);
    cluster.told(&["log", "trim", "--log", &cluster.nats.log()]);
    cluster.nats.publish("$JS.API.STREAM.DELETE.BAYPLAN_default", "");
    eventually("the health tells, though nobody changes anything", || {
        let health = request("GET", &format!("{}/health", cluster.operator_url(0)), None, None).ok()?;
        (health.status == 503 && health.text.contains("is gone")).then_some(())
    });
    let refused = eventually("a change is refused", || {
        let answer = cluster.call(0, "POST", "/v2/apps", Some(&more("late"))).ok()?;
        (answer.status == 503).then_some(answer)
    });
    assert!(refused.text.contains("BAYPLAN_default") && refused.text.contains("gone"), "{}", refused.text);
    let apps = cluster.call(0, "GET", "/v2/apps", None).expect("it answers").json();
    assert_eq!(apps["apps"].as_array().map(Vec::len), Some(3), "questions are answered");
    let master = cluster.node(0);
    master.kill_9();
    master.start_again();
    assert_eq!(master.ended().code(), Some(1));
    let said = master.logged();
    assert!(said.contains("is not the one that this master has followed") && said.contains("log restore"), "{said}");
    let info = bayplan().args(["log", "info", "--log", &cluster.nats.log()]).output().expect("it runs");
    assert_eq!(info.status.code(), Some(4), "it was made anew: {}", all_of(&info));

    let snapshot = format!("{}/snapshot", cluster.path("m0"));
    let refused_again = |cluster: &mut Masters, why: &str| {
        let master = cluster.node(0);
        let before = master.logged().len();
        master.start_again();
        assert_eq!(master.ended().code(), Some(1));
        assert!(master.logged()[before..].contains(why), "{}", master.logged());
    };
    std::fs::write(format!("{snapshot}/current/CURRENT"), "x").expect("it is there");
    refused_again(&mut cluster, "cannot be read, so nobody can tell what was there");
    std::fs::remove_dir_all(&snapshot).expect("it is there");
    refused_again(&mut cluster, "a baseline of record");
}

#[test]
fn what_is_before_a_message_that_no_master_wrote_can_be_saved() {
    let Some(mut cluster) = Masters::start(1, 1) else { return };
    with_apps(&cluster);
    cluster.nats.publish("bayplan.default.log", "this is no record");
    let master = cluster.node(0);
    assert_eq!(master.ended().code(), Some(1));
    let said = master.logged();
    let position = said
        .split("error: the master gave up: position ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next()?.parse::<u64>().ok());
    let position = position.unwrap_or_else(|| panic!("it names the position: {said}"));
    assert!(said.contains("backup --upto"), "{said}");
    let (log, backup) = (cluster.nats.log(), cluster.path("backup"));
    let told = |arguments: &[&str]| {
        let output = bayplan().arg("log").args(arguments).args(["--log", &log]).output().expect("it runs");
        (output.status.code(), all_of(&output))
    };
    let (code, refused) = told(&["verify"]);
    assert!(code == Some(1) && refused.contains(&format!("position {position} ")), "{refused}");
    let (code, refused) = told(&["backup", "--upto", "99", "--to", &backup]);
    assert!(code == Some(2) && refused.contains("--upto 99"), "{refused}");
    let (code, saved) = told(&["backup", "--upto", &(position - 1).to_string(), "--to", &backup]);
    assert_eq!(code, Some(0), "{saved}");
    let (code, restored) = told(&["restore", "--cluster", "again", "--log-max-bytes", "64MB", "--from", &backup]);
    assert_eq!(code, Some(0), "{restored}");
    cluster.add(&["--cluster", "again"]);
    let apps = eventually("the new log is led", || {
        let apps = cluster.call(1, "GET", "/v2/apps", None).ok()?.json();
        apps["apps"].as_array().map(Vec::len)
    });
    assert_eq!(apps, 3);
}

#[test]
fn a_master_that_still_looks_for_its_servers_can_be_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("master").display().to_string();
    let listen = ["--listen", "127.0.0.1:0", "--marathon-listen", "127.0.0.1:0"];
    let arguments = [&["master", "--log", "nats://127.0.0.1:1", "--dir", &dir], &listen[..]].concat();
    let arguments = arguments.into_iter().map(str::to_owned).collect();
    let mut master = Node::start(folder.path().join("master.out"), arguments);
    eventually("it looks for them", || master.logged().contains("BAYPLAN_default").then_some(()));
    master.signal(Signal::SIGTERM);
    let ended = master.ended();
    assert_eq!(ended.code(), Some(0), "it went on until it gave up: {}", master.logged());
}
