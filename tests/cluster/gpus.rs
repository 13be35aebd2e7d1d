//! GPUs: a task finds those that the log says it has, and no two tasks have the same one.

use std::collections::BTreeMap;

use crate::harness::{Cluster, eventually};

#[test]
fn tasks_find_the_gpus_that_the_log_says_they_have() {
    let cluster = Cluster::master(&[]);
    let _agent = cluster.join_with("with-gpus", "cpus:4;mem:4000;gpus:4;ports:[47100-47109]", &[]);
    cluster.wait_for_agents(1);
    let says = r#"echo "gpus=$CUDA_VISIBLE_DEVICES,"; exec sleep 1000"#;
    for (app, gpus, instances) in [("whole", "2", 1), ("shares", "0.5", 3), ("none", "0", 1)] {
        let cmd = serde_json::Value::from(says);
        let resources = format!(r#""cpus": 0.1, "mem": 16, "gpus": {gpus}"#);
        cluster.deploy(&format!(r#"{{"id": "{app}", "cmd": {cmd}, {resources}, "instances": {instances}}}"#));
    }
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (app, instances) in [("whole", 1), ("shares", 3), ("none", 1)] {
        for task in cluster.wait_for_running(app, instances) {
            let line = eventually("it prints its GPUs", || Some(cluster.logs(&task)).filter(|text| !text.is_empty()));
            told.entry(app.to_owned()).or_default().push(line.trim().to_owned());
            let history = cluster.history();
            let launched = history.of("task_launched").map(|(_, event)| &event["task"]);
            let launched = launched.into_iter().find(|launched| launched["id"] == *task).expect("it was launched");
            let slots = launched["resources"]["gpu_slots"].as_array().cloned().unwrap_or_default();
            let recorded: String = slots.iter().map(|slot| format!("{},", slot["gpu"])).collect();
            assert_eq!(line.trim(), format!("gpus={}", if slots.is_empty() { "," } else { &recorded }), "{task}");
        }
    }
    told.values_mut().for_each(|lines| lines.sort());
    let expected =
        [("none", vec!["gpus=,"]), ("shares", vec!["gpus=2,", "gpus=2,", "gpus=3,"]), ("whole", vec!["gpus=0,1,"])];
    let expected = expected.map(|(app, lines)| (app.to_owned(), lines.into_iter().map(str::to_owned).collect()));
    assert_eq!(told, expected.into());
}
