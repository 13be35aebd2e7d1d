//! `bayplan explain` and `bayplan why-not`: of a running master, of its log in a folder, and of a file of that log.

use std::process::Output;

use serde_json::Value;

use crate::harness::{Cluster, all_of, bayplan};
use crate::log_commands::told;
use crate::recovery::SLEEPER;

fn document(output: &Output) -> Value {
    assert!(output.status.success(), "{}", all_of(output));
    serde_json::from_slice(&output.stdout).expect("a document")
}

fn of_log(arguments: &[&str]) -> Value {
    document(&bayplan().args(arguments).arg("--json").output().expect("the binary runs"))
}

#[test]
fn a_decision_is_explained_alike_by_a_master_its_folder_and_a_file_of_its_log() {
    let mut cluster = Cluster::master(&[]);
    let mut agent = cluster.join("a1", "46100-46119", &[]);
    cluster.wait_for_agents(1);
    cluster.deploy(SLEEPER);
    let tasks = cluster.wait_for_running("sleeper", 2);
    let task = tasks.first().expect("two run").as_str();
    let said = cluster.told(&["explain", task]);
    for expected in ["is on a1 (S0)", "RANK", "in all", "No other agent could have had it.", "gives what was recorded"]
    {
        assert!(said.contains(expected), "{expected} in {said}");
    }
    let of_master = document(&cluster.cli(&["explain", task, "--json"]));
    let said = cluster.told(&["why-not", "sleeper", "a1", "--count", "100"]);
    // The agent has 20 ports, and two are taken.
    for expected in
        ["would go to a1 (S0)", "Of 100 instances, 18 would fit there", "1 port is wanted, and none is free"]
    {
        assert!(said.contains(expected), "{expected} in {said}");
    }
    let unknown = cluster.cli(&["why-not", "sleeper", "a2"]);
    assert_eq!(unknown.status.code(), Some(4), "{}", all_of(&unknown));
    let why_not = document(&cluster.cli(&["why-not", "sleeper", "S0", "--count", "100", "--json"]));
    // The agent goes on, so that what is asked about stays as it is.
    let (folder, history) = (cluster.path("master"), cluster.path("history"));
    assert!(cluster.stop());
    told("export", &["--dir", &folder, "--to", &history]);
    for place in [&folder, &history] {
        assert_eq!(of_log(&["explain", task, "--log", place]), of_master, "of {place}");
        let at = why_not["seq"].to_string();
        assert_eq!(of_log(&["why-not", "sleeper", "S0", "--count", "100", "--log", place, "--at", &at]), why_not);
    }
    let compared = of_log(&["placement", "compare", "best-fit", "spread", "--log", &history]);
    assert_eq!((&compared["decisions"], &compared["agreed"]), (&2.into(), &2.into()), "there is one agent: {compared}");
    assert!(compared["first_difference"].is_null() && compared["profiles"][1]["placed"] == 2, "{compared}");
    let (chart, placements) = (cluster.path("chart.svg"), cluster.path("placements.csv"));
    let packed = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/profiles/packed.json");
    let simulate = ["placement", "simulate", "--policy", &format!("best-fit,first-fit,{packed}"), "--log"];
    let simulated = of_log(&[&simulate[..], &[&history, "--svg", &chart, "--placements", &placements]].concat());
    let policies = simulated["policies"].as_array().expect("one for each");
    assert_eq!(
        policies.iter().map(|policy| &policy["policy"]).collect::<Vec<_>>(),
        ["best-fit", "first-fit", "packed"]
    );
    for policy in policies {
        assert_eq!((&policy["launches"], &policy["placed"], &policy["agreed"]), (&2.into(), &2.into(), &2.into()));
        let end = policy["points"].as_array().and_then(|points| points.last()).expect("an end");
        assert!(end["own"] == end["recorded"] && end["own"]["agents_in_use"] == 1, "{end}");
    }
    let read = |path: &str| std::fs::read_to_string(path).expect("it was written");
    assert!(read(&chart).contains("(as recorded)"));
    assert_eq!(read(&placements).matches(",S0,S0\n").count(), 3 * 2, "{}", read(&placements));
    let nobody = bayplan().args(["explain", "nobody", "--log", &history]).output().expect("the binary runs");
    assert_eq!(nobody.status.code(), Some(4), "{}", all_of(&nobody));
    assert!(all_of(&nobody).contains("'nobody' is no task's id"), "{}", all_of(&nobody));
    agent.kill_9();
}
