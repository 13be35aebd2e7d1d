//! Policies as WebAssembly modules in a real cluster: a good one decides, and a bad one harms nobody.

use std::path::PathBuf;

use serde_json::Value;

use crate::harness::{Cluster, eventually, request};

/// A module whose assessment has this body.
fn module(body: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (memory (export "memory") 1)
            (func (export "bayplan_abi_version") (result i32) (i32.const 1))
            (func (export "bayplan_assess") (param $batch i32) (result i32) {body}))"#
    );
    wat::parse_str(text).expect("a module")
}

fn write(cluster: &Cluster, name: &str, bytes: &[u8]) -> String {
    let file = cluster.path(&format!("{name}.wasm"));
    std::fs::write(&file, bytes).expect("written");
    file
}

fn deploy(cluster: &Cluster, app: &str, role: &str) {
    cluster.deploy(&format!(
        r#"{{"id": "{app}", "cmd": "exec sleep 1000", "cpus": 0.1, "mem": 16, "role": "{role}", "instances": 2}}"#
    ));
    cluster.wait_for_running(app, 2);
}

/// What decided the launches of an app.
fn decided_by(cluster: &Cluster, app: &str) -> Vec<String> {
    let history = cluster.history();
    let launched = history.of("task_launched").map(|(_, event)| &event["task"]);
    let of_app = launched.filter(|task| task["workload"]["app"]["app"] == format!("/{app}"));
    of_app.map(|task| task["explanation"]["policy"].as_str().expect("it says").to_owned()).collect()
}

#[test]
fn a_module_decides_and_stays_with_the_log() {
    let mut cluster = Cluster::dev("46140-46159", &[]);
    let example = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/policies/keep_gpus.wasm");
    let said = cluster.told(&["placement", "add", &example.display().to_string()]);
    assert!(said.contains("module 'keep_gpus' can decide"), "{said}");
    cluster.told(&["placement", "use", "keep_gpus"]);
    deploy(&cluster, "before", "*");
    cluster.stop();
    cluster.start();
    deploy(&cluster, "after", "*");
    assert_eq!(decided_by(&cluster, "after"), ["keep_gpus", "keep_gpus"]);
    let in_use = cluster.cli(&["placement", "remove", "keep_gpus"]);
    assert_eq!(in_use.status.code(), Some(5));
    cluster.told(&["placement", "use", "default"]);
    cluster.told(&["placement", "remove", "keep_gpus"]);
    assert!(!cluster.told(&["placement", "list"]).contains("keep_gpus"));
}

#[test]
fn modules_that_trap_loop_or_answer_wrongly_are_disabled_and_harm_nobody() {
    let cluster = Cluster::dev("46160-46179", &["--placement", "spread"]);
    let bad = [
        ("traps", "unreachable", "`unreachable`"),
        ("loops", "(loop $again (br $again)) (i32.const 0)", "units of fuel"),
        ("lies", "(i32.store (i32.load offset=140 (local.get $batch)) (i32.const -7)) (i32.const 0)", "-7"),
    ];
    for (name, body, why) in bad {
        cluster.told(&["placement", "add", &write(&cluster, name, &module(body))]);
        cluster.told(&["placement", "use", name, "--role", name]);
        deploy(&cluster, name, name);
        assert_eq!(decided_by(&cluster, name), ["spread", "spread"]);
        let history = cluster.history();
        let disabled: Vec<&Value> =
            history.of("module_disabled").map(|(_, event)| event).filter(|event| event["module"] == name).collect();
        assert_eq!(disabled.len(), 1, "{name}");
        assert!(disabled[0]["reason"].as_str().is_some_and(|reason| reason.contains(why)), "{disabled:?}");
        deploy(&cluster, &format!("beside-{name}"), "*");
    }
    let metrics = request("GET", &format!("{}/metrics", cluster.operator_url()), None, None).expect("an answer").text;
    assert!(metrics.contains("bayplan_modules_disabled 3"), "{metrics}");
    let listed = cluster.told(&["placement", "list"]);
    assert!(listed.contains("disabled: it used up"), "{listed}");
    let unusable = cluster.cli(&["placement", "use", "traps"]);
    assert_eq!(unusable.status.code(), Some(5));
    // In the shadow, too, it harms nobody.
    cluster.told(&["placement", "add", &write(&cluster, "traps-late", &module("unreachable"))]);
    cluster.told(&["placement", "shadow", "traps-late"]);
    deploy(&cluster, "last", "*");
    let shadow = eventually("the shadow has failed", || {
        let told = cluster.told(&["--json", "placement", "shadow"]);
        let told: Value = serde_json::from_str(&told).expect("JSON");
        Some(told["report"]["fault"].as_str()?.to_owned())
    });
    assert!(shadow.starts_with("policy 'traps-late': it gave up"), "{shadow}");
}

#[test]
fn what_is_no_policy_is_refused_with_its_reason_and_changes_nothing() {
    let cluster = Cluster::dev("46180-46199", &[]);
    let imports = wat::parse_str(r#"(module (import "env" "clock" (func)) (memory (export "memory") 1))"#);
    let cases: [(&str, Vec<u8>, &str); 3] = [
        ("noise", b"no module at all".to_vec(), "no WebAssembly module"),
        ("imports", imports.expect("a module"), "imports `env.clock`"),
        ("large", vec![0; 300 << 10], "may have 262144"),
    ];
    cluster.wait_for_agents(1);
    let before = cluster.history().0.len();
    for (name, bytes, why) in cases {
        let output = cluster.cli(&["placement", "add", &write(&cluster, name, &bytes)]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(5), "{said}");
        assert!(said.contains(&format!("module '{name}': ")) && said.contains(why), "{said}");
    }
    let misnamed = cluster.cli(&["placement", "add", &write(&cluster, "Mine", &module("unreachable"))]);
    assert_eq!(misnamed.status.code(), Some(5));
    assert_eq!(cluster.history().0.len(), before);
}
