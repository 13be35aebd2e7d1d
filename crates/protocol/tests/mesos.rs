//! Calls as frameworks write them, and events as they read them.

use std::collections::BTreeMap;

use model::{
    AgentId, AttributeValue, ExitStatus, Invocation, LaunchRequest, OfferId, Resources, Scalar, StatusReason, TaskId,
    TaskState, TaskStatus, Timestamp, UpdateUuid,
};
use protocol::mesos::{CallKind, Encoder, Event, MasterInfo, Offer, Update, parse_call};
use serde_json::{Value, json};

fn call(body: &Value) -> CallKind {
    parse_call(body.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}: {body}")).kind
}

fn refusal(body: &Value) -> String {
    parse_call(body.to_string().as_bytes()).expect_err("refused").to_string()
}

#[test]
fn a_subscription_is_read_with_its_defaults() {
    let info = json!({"user": "u", "name": "n", "failover_timeout": 1.5, "capabilities": [{"type": "X"}], "new": 1});
    let CallKind::Subscribe(new) = call(&json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": info}})) else {
        panic!("a subscription")
    };
    assert_eq!((new.framework, new.is_suppressed), (None, false));
    assert_eq!((new.info.role.as_str(), new.info.failover_timeout_ms), ("*", 1_500));

    let again = json!({"user": "u", "name": "n", "id": {"value": "c-0001"}, "roles": ["r"]});
    let body = json!({
        "type": "SUBSCRIBE",
        "framework_id": {"value": "c-0001"},
        "subscribe": {"framework_info": again, "suppressed_roles": ["r"]},
    });
    let CallKind::Subscribe(back) = call(&body) else { panic!("a subscription") };
    assert_eq!((back.framework.as_deref(), back.is_suppressed, back.info.role.as_str()), (Some("c-0001"), true, "r"));

    let info = json!({"user": "u", "name": "n", "id": {"value": "c-0001"}});
    let said = refusal(&json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": info}}));
    assert!(said.contains("must be the same"), "{said}");
}

fn accept(task: &Value) -> LaunchRequest {
    let body = json!({
        "type": "ACCEPT",
        "framework_id": {"value": "c-0001"},
        "accept": {
            "offer_ids": [{"value": "O7"}, {"value": "nonsense"}],
            "operations": [{"type": "LAUNCH", "launch": {"task_infos": [task]}}],
            "filters": {"refuse_seconds": 0.25},
        },
    });
    let CallKind::Accept(mut accept) = call(&body) else { panic!("an acceptance") };
    assert_eq!((accept.offers, accept.refuse_ms), (vec![OfferId(7), OfferId(u64::MAX)], 250));
    accept.launches.remove(0)
}

fn task(more: &Value) -> Value {
    let mut task = json!({
        "name": "t",
        "task_id": {"value": "t-1"},
        "agent_id": {"value": "S3"},
        "resources": [
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.2}, "role": "*"},
            {"name": "mem", "type": "SCALAR", "scalar": {"value": 64}},
            {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31000, "end": 31001}]}},
        ],
        "command": {"value": "sleep 1", "environment": {"variables": [{"name": "A", "value": "1"}]}},
        "labels": {"labels": [{"key": "k"}]},
        "kill_policy": {"grace_period": {"nanoseconds": 2_000_000_000_i64}},
    });
    for (key, value) in more.as_object().expect("an object") {
        task[key] = value.clone();
    }
    task
}

#[test]
fn a_task_becomes_what_an_agent_can_run() {
    let LaunchRequest::Task { info, agent, resources } = accept(&task(&json!({}))) else { panic!("valid") };
    assert_eq!((&*info.id, agent, info.kill_grace_ms), ("t-1", AgentId(3), 2_000));
    assert_eq!(info.invocation, Invocation::Shell("sleep 1".to_owned()));
    assert_eq!(resources.to_string(), "cpus:0.3;mem:64;disk:0;gpus:0;ports:[31000-31001]");

    let direct = json!({"command": {"shell": false, "value": "/bin/echo", "arguments": ["echo", "hi"]}});
    let LaunchRequest::Task { info, .. } = accept(&task(&direct)) else { panic!("valid") };
    assert_eq!(info.invocation, Invocation::Args(vec!["/bin/echo".to_owned(), "hi".to_owned()]));

    let docker = json!({
        "command": {"shell": false},
        "container": {"type": "DOCKER", "docker": {
            "image": "nginx", "network": "BRIDGE", "port_mappings": [{"host_port": 31000, "container_port": 80}],
        }},
    });
    let LaunchRequest::Task { info, .. } = accept(&task(&docker)) else { panic!("valid") };
    assert_eq!((info.ports[0].host_port, info.ports[0].container_port), (31_000, Some(80)));
    assert_eq!(info.invocation, Invocation::ImageDefault);
}

#[test]
fn what_cannot_be_run_so_is_refused_by_name() {
    let cases = [
        (json!({"executor": {}}), "executor is not built"),
        (json!({"health_check": {}}), "health_check is not built"),
        (json!({"command": {"value": "x", "uris": [{"value": "http://x"}]}}), "command.uris"),
        (json!({"command": {}}), "command.value is missing"),
        (json!({"agent_id": {"value": "elsewhere"}}), "agent_id"),
        (json!({"container": {"type": "MESOS"}}), "container.type MESOS"),
        (json!({"container": {"type": "DOCKER", "docker": {"image": "i", "network": "USER"}}}), "network USER"),
        (json!({"resources": [{"name": "gas", "scalar": {"value": 1}}]}), "resource gas"),
        (json!({"resources": [{"name": "cpus", "scalar": {"value": -1}}]}), "resource cpus must not be negative"),
        (json!({"resources": [{"name": "cpus", "scalar": {"value": 1}, "reservations": [{}]}]}), "is reserved"),
        (
            json!({"resources": [{"name": "ports", "ranges": {"range": [{"begin": 1, "end": 70000}]}}]}),
            "70000 is no port",
        ),
    ];
    for (more, expected) in cases {
        let LaunchRequest::Invalid { task, reason, .. } = accept(&task(&more)) else { panic!("{more} is invalid") };
        assert_eq!(&*task, "t-1");
        assert!(reason.contains(expected), "{reason}");
    }
}

#[test]
fn other_calls_are_read_and_those_that_are_not_built_are_named() {
    let decline =
        json!({"type": "DECLINE", "decline": {"offer_ids": [{"value": "O1"}], "filters": {"refuse_seconds": -3}}});
    assert_eq!(call(&decline), CallKind::Decline { offers: vec![OfferId(1)], refuse_ms: 5_000 });
    let kill = json!({"type": "KILL", "kill": {"task_id": {"value": "t"}, "agent_id": {"value": "S1"}}});
    assert_eq!(call(&kill), CallKind::Kill { task: "t".into() });
    assert_eq!(call(&json!({"type": "REQUEST"})), CallKind::NotBuilt("REQUEST".to_owned()));
    let reserve = json!({"type": "ACCEPT", "accept": {"operations": [{"type": "RESERVE"}]}});
    assert_eq!(call(&reserve), CallKind::NotBuilt("ACCEPT with the operation RESERVE".to_owned()));
    assert!(refusal(&json!({"type": "FOO"})).contains("no scheduler has a call of type \"FOO\""));
    assert!(refusal(&json!([])).contains("a call is an object"));
    assert!(refusal(&json!({"type": "KILL"})).contains("needs the field kill"));
    assert!(refusal(&json!({"no": "type"})).contains("missing field `type`"));
    let acknowledge = json!({"type": "ACKNOWLEDGE", "acknowledge": {"task_id": {"value": "t"}, "uuid": "AAA="}});
    assert!(refusal(&acknowledge).contains("16 bytes in base64"));
}

fn written(event: &Event) -> Value {
    let encoder = Encoder { framework: "c-0001".to_owned(), role: "*".to_owned() };
    serde_json::from_slice(&encoder.json(event)).expect("JSON")
}

#[test]
fn offers_are_written_in_mesos_dialect() {
    let resources =
        Resources { cpus: Scalar(500), ports: "31000-31009".parse().expect("ports"), ..Resources::default() };
    let offer = Offer {
        id: OfferId(7),
        agent: AgentId(3),
        hostname: "h".to_owned(),
        address: "10.0.0.1:5051".to_owned(),
        attributes: BTreeMap::from([("rack".to_owned(), AttributeValue::Text("r1".to_owned()))]),
        resources,
    };
    let expected = json!({"type": "OFFERS", "offers": {"offers": [{
        "id": {"value": "O7"},
        "framework_id": {"value": "c-0001"},
        "agent_id": {"value": "S3"},
        "hostname": "h",
        "url": {"scheme": "http", "address": {"hostname": "10.0.0.1", "port": 5051}, "path": "/slave(1)"},
        "allocation_info": {"role": "*"},
        "resources": [
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.5}, "role": "*", "allocation_info": {"role": "*"}},
            {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31000, "end": 31009}]}, "role": "*",
             "allocation_info": {"role": "*"}},
        ],
        "attributes": [{"name": "rack", "type": "TEXT", "text": {"value": "r1"}}],
        "executor_ids": [],
    }]}});
    assert_eq!(written(&Event::Offers(vec![offer])), expected);
}

#[test]
fn an_update_carries_what_it_is_acknowledged_with() {
    let task = TaskId::new("F1.O7.t");
    let update = Update {
        task: "t".into(),
        agent: Some(AgentId(3)),
        status: TaskStatus {
            state: TaskState::Failed,
            reason: Some(StatusReason::CommandFailed),
            message: None,
            exit: Some(ExitStatus::Code(3)),
        },
        at: Timestamp(1_500),
        uuid: Some(UpdateUuid::of(&task, TaskState::Failed)),
        is_reconciliation: false,
    };
    let told = written(&Event::Update(update));
    let status = &told["update"]["status"];
    assert_eq!(
        (&status["state"], &status["reason"]),
        (&json!("TASK_FAILED"), &json!("REASON_COMMAND_EXECUTOR_FAILED"))
    );
    assert_eq!((&status["timestamp"], &status["message"]), (&json!(1.5), &json!("exited with status 3")));
    let acknowledge = json!({
        "type": "ACKNOWLEDGE",
        "acknowledge": {"task_id": {"value": "t"}, "agent_id": {"value": "S3"}, "uuid": status["uuid"]},
    });
    let CallKind::Acknowledge(receipt) = call(&acknowledge) else { panic!("an acknowledgement") };
    assert_eq!(receipt.update, UpdateUuid::of(&task, TaskState::Failed));

    let told = written(&Event::Subscribed(MasterInfo { id: "c".to_owned(), hostname: "m".to_owned(), port: 5050 }));
    assert_eq!(told["subscribed"]["heartbeat_interval_seconds"], json!(15.0));
    assert_eq!(written(&Event::Heartbeat), json!({"type": "HEARTBEAT"}));
    assert_eq!(written(&Event::Error("x".to_owned()))["error"]["message"], json!("x"));
}
