//! `bayplan replay what-if` on what a real cluster has recorded.

use std::process::Output;

use serde_json::Value;

use crate::harness::{Cluster, all_of, bayplan};
use crate::log_commands::told;

/// No ports, so that no machine's are needed.
const PLAIN: &str =
    r#"{"id": "/plain", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32, "instances": 4, "portDefinitions": []}"#;
/// Ends by itself, badly, and is started again.
const FAILING: &str = r#"{"id": "/failing", "cmd": "sleep 0.2; exit 3", "cpus": 0.1, "mem": 32, "instances": 1,
    "portDefinitions": [], "backoffSeconds": 1}"#;

fn what_if(arguments: &[&str]) -> Output {
    bayplan().args(["replay", "what-if"]).args(arguments).output().expect("the binary runs")
}

fn document(arguments: &[&str]) -> Value {
    let output = what_if(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{}", all_of(&output));
    serde_json::from_slice(&output.stdout).expect("a document")
}

#[test]
fn a_fork_of_a_real_log_diverges_where_something_is_changed_and_nowhere_else() {
    let mut cluster = Cluster::master(&[]);
    let mut first = cluster.join("a1", "46180-46184", &[]);
    cluster.wait_for_agents(1);
    let mut second = cluster.join("a2", "46185-46189", &[]);
    cluster.wait_for_agents(2);
    cluster.deploy(PLAIN);
    cluster.wait_for_running("plain", 4);
    cluster.deploy(FAILING);
    cluster.told(&["app", "scale", "plain", "6"]);
    cluster.wait_for_running("plain", 6);
    cluster.told(&["app", "scale", "plain", "1"]);
    cluster.wait_for_running("plain", 1);
    let (first_app, _) = cluster.history().of("app_changed").next().expect("an app was made");
    let fork = (first_app - 1).to_string();
    let (folder, history) = (cluster.path("master"), cluster.path("history"));
    assert!(cluster.stop());
    told("export", &["--dir", &folder, "--to", &history]);
    for same in [&[][..], &["--profile", "best-fit"], &["--resize-agent", "a1=ports:[46180-46184]"]] {
        for place in [&folder, &history] {
            let same = document(&[&["--log", place.as_str(), "--fork", fork.as_str()], same].concat());
            assert!(same["divergence"].is_null() && same["newer_code"].is_null(), "{same:#}");
            assert_eq!(same["as_it_was"], same["what_if"]);
            assert!(same["as_it_was"]["launched"].as_u64() >= Some(7), "{same:#}");
        }
    }
    let svg = cluster.path("spread.svg");
    let spread = document(&["--log", &history, "--fork", &fork, "--profile", "spread", "--svg", &svg]);
    let parted = &spread["divergence"];
    assert_eq!(parted["difference"]["placement"]["app"], "/plain", "{spread:#}");
    assert!(parted["accounts"].as_array().is_some_and(|both| both.iter().all(Value::is_object)), "{parted:#}");
    assert!(spread["moves"]["elsewhere"].as_u64() > Some(0) && spread["newer_code"].is_null(), "{spread:#}");
    assert!(std::fs::read_to_string(&svg).expect("a picture").starts_with("<svg"));
    // Both agents are as large, so it is not known beforehand which one has anything on it.
    let used = parted["difference"]["placement"]["agents"][0].as_u64().expect("an agent");
    let (used, without) = if used == 0 { ("a1", "without a1 (S0)") } else { ("a2", "without a2 (S1)") };
    let removed = all_of(&what_if(&["--log", &history, "--fork", &fork, "--remove-agent", used]));
    for expected in [without, "They part", "As it was (best-fit)", "What if (best-fit)", "agents in use"] {
        assert!(removed.contains(expected), "{expected} in {removed}");
    }
    for (wrong, status) in [
        (&["--fork", &fork, "--remove-agent", "a9"][..], 4),
        (&["--fork", &fork, "--profile", "nonsense"], 2),
        (&["--fork", "1000000"], 4),
        (&["--fork", "7", "--until", "6"], 2),
    ] {
        let output = what_if(&[&["--log", history.as_str()], wrong].concat());
        assert_eq!(output.status.code(), Some(status), "{wrong:?}: {}", all_of(&output));
    }
    first.kill_9();
    second.kill_9();
}
