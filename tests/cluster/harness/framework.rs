//! A framework on Mesos' scheduler API, version 1, in JSON.

use serde_json::{Value, json};

use super::http::RUNTIME;
use super::{DEADLINE, eventually};

/// A subscription, and calls on other connections.
pub(crate) struct Framework {
    url: String,
    pub(crate) id: String,
    stream_id: String,
    subscription: reqwest::Response,
    read: Vec<u8>,
}

impl Framework {
    /// Subscribes at a master's address, or where that one sends it; with an id, as that framework again.
    pub(crate) fn subscribe(master: &str, name: &str, id: Option<&str>) -> Self {
        let url = format!("{master}/api/v1/scheduler");
        let mut info = json!({"user": "", "name": name, "failover_timeout": 3600});
        let mut call = json!({"type": "SUBSCRIBE"});
        if let Some(id) = id {
            info["id"] = json!({"value": id});
            call["framework_id"] = json!({"value": id});
        }
        call["subscribe"] = json!({"framework_info": info});
        // A master that follows may not have heard yet who leads; a framework tries again then.
        let subscription = eventually("the subscription is accepted", || {
            let answer = post(&url, None, &call);
            let status = answer.status().as_u16();
            assert!([200, 503].contains(&status), "{status}");
            (status == 200).then_some(answer)
        });
        let stream_id = subscription.headers()["mesos-stream-id"].to_str().expect("text").to_owned();
        let mut framework = Self { url, id: String::new(), stream_id, subscription, read: Vec::new() };
        framework.id = value_of(&framework.expect("SUBSCRIBED")["framework_id"]);
        framework
    }

    /// The next event that is no heartbeat; None at the end of the subscription.
    pub(crate) fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(event) = self.take() {
                if event["type"] != "HEARTBEAT" {
                    return Some(event);
                }
                continue;
            }
            let chunk = async { tokio::time::timeout(DEADLINE, self.subscription.chunk()).await };
            // A connection that breaks is an end, too.
            let chunk = RUNTIME.block_on(chunk).expect("an event in time").ok().flatten();
            self.read.extend_from_slice(&chunk?);
        }
    }

    /// A whole message out of what was read: its length in decimal, a line feed, and its bytes.
    fn take(&mut self) -> Option<Value> {
        let digits = self.read.iter().position(|byte| *byte == b'\n')?;
        let length: usize = std::str::from_utf8(&self.read[..digits]).expect("digits").parse().expect("a length");
        let end = digits + 1 + length;
        if self.read.len() < end {
            return None;
        }
        let event = serde_json::from_slice(&self.read[digits + 1..end]).expect("JSON");
        self.read.drain(..end);
        Some(event)
    }

    /// The content of the next event, which must be of this type.
    pub(crate) fn expect(&mut self, kind: &str) -> Value {
        let event = self.next().expect("an event");
        assert_eq!(event["type"], kind, "{event}");
        event[kind.to_lowercase()].clone()
    }

    pub(crate) fn offers(&mut self) -> Vec<Value> {
        self.expect("OFFERS")["offers"].as_array().expect("a list").clone()
    }

    /// The next update of a task, which must say this state, and is acknowledged. That it is starting may be said before.
    pub(crate) fn update(&mut self, task: &str, state: &str) -> Value {
        loop {
            let status = self.expect("UPDATE")["status"].clone();
            self.acknowledge(&status);
            if state != "TASK_STARTING" && status["state"] == "TASK_STARTING" {
                continue;
            }
            assert_eq!((value_of(&status["task_id"]).as_str(), &status["state"]), (task, &json!(state)), "{status}");
            return status;
        }
    }

    pub(crate) fn acknowledge(&self, status: &Value) {
        let receipt = json!({"agent_id": status["agent_id"], "task_id": status["task_id"], "uuid": status["uuid"]});
        self.call("ACKNOWLEDGE", receipt);
    }

    pub(crate) fn call(&self, kind: &str, content: Value) {
        let mut call = json!({"type": kind, "framework_id": {"value": self.id}});
        call[kind.to_lowercase()] = content;
        assert_eq!(post(&self.url, Some(&self.stream_id), &call).status().as_u16(), 202, "{call}");
    }

    /// Launches a task of one cpu on an offer, and refuses what is left for a while.
    pub(crate) fn launch(&self, offer: &Value, task: &str, command: &str, refuse_seconds: f64) {
        let resources = json!([
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}},
            {"name": "mem", "type": "SCALAR", "scalar": {"value": 64}},
        ]);
        let task = json!({
            "name": task, "task_id": {"value": task}, "agent_id": offer["agent_id"], "resources": resources,
            "command": {"value": command},
        });
        let launch = json!({"type": "LAUNCH", "launch": {"task_infos": [task]}});
        let filters = json!({"refuse_seconds": refuse_seconds});
        self.call("ACCEPT", json!({"offer_ids": [offer["id"]], "operations": [launch], "filters": filters}));
    }
}

fn value_of(id: &Value) -> String {
    id["value"].as_str().expect("an id").to_owned()
}

fn post(url: &str, stream_id: Option<&str>, call: &Value) -> reqwest::Response {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut request = client.post(url).header("accept", "application/json").json(call);
    if let Some(stream_id) = stream_id {
        request = request.header("mesos-stream-id", stream_id);
    }
    RUNTIME.block_on(request.send()).expect("an answer")
}
