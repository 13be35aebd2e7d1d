//! A framework that keeps a master busy: it takes some offers, declines others, and lets some lie.

use std::io::BufRead;
use std::thread;

use anyhow::Context;
use serde_json::{Value, json};

use super::http;

const PATH: &str = "/api/v1/scheduler";
/// Of so many offers, one is taken and one is let lie.
const TURN: usize = 4;

/// Subscribes at the master that leads, and goes on in a thread until that one ends.
pub(crate) fn start(master: &str, name: &str) -> anyhow::Result<()> {
    let info = json!({"user": "", "name": name, "failover_timeout": 3600});
    let call = json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": info}});
    let mut subscription = http::stream(master, PATH, &[], &call.to_string())?;
    let stream_id = subscription.headers.iter().find(|(name, _)| name == "mesos-stream-id");
    let stream_id = stream_id.map(|(_, id)| id.clone()).context("the subscription has no stream id")?;
    let subscribed = next(&mut subscription.body).context("the subscription ended at once")?;
    let id = subscribed["subscribed"]["framework_id"].clone();
    let mut framework = Framework { master: master.to_owned(), id, stream_id, offers: 0 };
    thread::spawn(move || {
        while let Some(event) = next(&mut subscription.body) {
            framework.follow(&event);
        }
    });
    Ok(())
}

/// A length in decimal, a line feed, and so many bytes.
fn next(stream: &mut impl BufRead) -> Option<Value> {
    let mut digits = String::new();
    stream.read_line(&mut digits).ok()?;
    let mut bytes = vec![0; digits.trim().parse().ok()?];
    stream.read_exact(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

struct Framework {
    master: String,
    id: Value,
    stream_id: String,
    offers: usize,
}

impl Framework {
    fn follow(&mut self, event: &Value) {
        for offer in event["offers"]["offers"].as_array().into_iter().flatten() {
            self.offers += 1;
            match self.offers % TURN {
                0 => self.launch(offer),
                1 => {}
                _ => self.call("DECLINE", json!({"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 0.5}})),
            }
        }
        let status = &event["update"]["status"];
        if status["uuid"].is_string() {
            let receipt = json!({"agent_id": status["agent_id"], "task_id": status["task_id"], "uuid": status["uuid"]});
            self.call("ACKNOWLEDGE", receipt);
        }
    }

    fn launch(&self, offer: &Value) {
        let task = format!("load-{}", self.offers);
        let resources = json!([
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
            {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}},
        ]);
        let task = json!({
            "name": task, "task_id": {"value": task}, "agent_id": offer["agent_id"], "resources": resources,
            "command": {"value": "sleep 1"},
        });
        let launch = json!({"type": "LAUNCH", "launch": {"task_infos": [task]}});
        let filters = json!({"refuse_seconds": 0.5});
        self.call("ACCEPT", json!({"offer_ids": [offer["id"]], "operations": [launch], "filters": filters}));
    }

    /// An offer may be gone by now; the next one comes.
    fn call(&self, kind: &str, content: Value) {
        let mut call = json!({"type": kind, "framework_id": self.id});
        call[kind.to_lowercase()] = content;
        let _ = http::ask(&self.master, "POST", PATH, &[("Mesos-Stream-Id", &self.stream_id)], &call.to_string());
    }
}
