//! What a framework reads and writes, as far as a load needs it; everything else is passed over.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// `{"value": "…"}`, as all ids are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Id<'a> {
    #[serde(borrow)]
    pub(crate) value: Cow<'a, str>,
}

impl<'a> Id<'a> {
    pub(crate) const fn new(value: &'a str) -> Self {
        Self { value: Cow::Borrowed(value) }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Event<'a> {
    #[serde(borrow)]
    pub(crate) subscribed: Option<Subscribed<'a>>,
    pub(crate) offers: Option<Offers<'a>>,
    pub(crate) update: Option<Update<'a>>,
    pub(crate) error: Option<Error<'a>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Subscribed<'a> {
    #[serde(borrow)]
    pub(crate) framework_id: Id<'a>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Offers<'a> {
    #[serde(borrow)]
    pub(crate) offers: Vec<Offer<'a>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Offer<'a> {
    #[serde(borrow)]
    pub(crate) id: Id<'a>,
    pub(crate) agent_id: Id<'a>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Update<'a> {
    #[serde(borrow)]
    pub(crate) status: Status<'a>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Status<'a> {
    #[serde(borrow)]
    pub(crate) task_id: Id<'a>,
    pub(crate) state: Cow<'a, str>,
    pub(crate) agent_id: Option<Id<'a>>,
    /// Without it there is nothing to acknowledge.
    pub(crate) uuid: Option<Cow<'a, str>>,
    pub(crate) message: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Error<'a> {
    #[serde(borrow)]
    pub(crate) message: Cow<'a, str>,
}

/// Exactly one of the contents is there.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Call<'a> {
    pub(crate) r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) framework_id: Option<Id<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subscribe: Option<Subscribe<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) accept: Option<Accept<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decline: Option<Decline<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) acknowledge: Option<Acknowledge<'a>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Subscribe<'a> {
    pub(crate) framework_info: FrameworkInfo<'a>,
}

#[derive(Debug, Serialize)]
pub(crate) struct FrameworkInfo<'a> {
    pub(crate) user: &'a str,
    pub(crate) name: &'a str,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Filters {
    pub(crate) refuse_seconds: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Decline<'a> {
    pub(crate) offer_ids: Vec<Id<'a>>,
    pub(crate) filters: Filters,
}

#[derive(Debug, Serialize)]
pub(crate) struct Accept<'a> {
    pub(crate) offer_ids: [Id<'a>; 1],
    pub(crate) operations: [Operation<'a>; 1],
    pub(crate) filters: Filters,
}

#[derive(Debug, Serialize)]
pub(crate) struct Operation<'a> {
    pub(crate) r#type: &'static str,
    pub(crate) launch: Launch<'a>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Launch<'a> {
    pub(crate) task_infos: Vec<TaskInfo<'a>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct TaskInfo<'a> {
    pub(crate) name: &'a str,
    pub(crate) task_id: Id<'a>,
    pub(crate) agent_id: Id<'a>,
    pub(crate) command: Id<'a>,
    pub(crate) resources: &'a [Resource],
}

#[derive(Debug, Serialize)]
pub(crate) struct Resource {
    pub(crate) name: &'static str,
    pub(crate) r#type: &'static str,
    pub(crate) scalar: Scalar,
}

#[derive(Debug, Serialize)]
pub(crate) struct Scalar {
    pub(crate) value: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Acknowledge<'a> {
    pub(crate) agent_id: Id<'a>,
    pub(crate) task_id: Id<'a>,
    pub(crate) uuid: &'a str,
}

#[cfg(test)]
mod tests {
    use protocol::mesos::{CallKind, parse_call};

    use super::*;

    #[test]
    fn the_master_reads_what_is_written_here() {
        let (task, agent) = (Id::new("t1"), Id::new("a7"));
        let resources = [Resource { name: "cpus", r#type: "SCALAR", scalar: Scalar { value: 0.5 } }];
        let info =
            TaskInfo { name: "t1", task_id: task, agent_id: agent, command: Id::new("sleep 1"), resources: &resources };
        let operation = Operation { r#type: "LAUNCH", launch: Launch { task_infos: vec![info] } };
        let filters = Filters { refuse_seconds: 0.0 };
        let accept = Accept { offer_ids: [Id::new("o3")], operations: [operation], filters };
        let call = Call { r#type: "ACCEPT", framework_id: Some(Id::new("f")), accept: Some(accept), ..Call::default() };
        let read = parse_call(&serde_json::to_vec(&call).expect("plain data")).expect("a call");
        let CallKind::Accept(accept) = read.kind else { panic!("{read:?}") };
        assert_eq!((accept.launches.len(), accept.refuse_ms), (1, 0));
    }

    #[test]
    fn an_event_is_read_without_what_a_load_does_not_need() {
        let text = r#"{"type": "OFFERS", "offers": {"offers": [
            {"id": {"value": "o1"}, "agent_id": {"value": "a1"}, "hostname": "h", "resources": []}]}}"#;
        let event: Event<'_> = serde_json::from_str(text).expect("an event");
        let offers = event.offers.expect("offers").offers;
        assert_eq!((offers[0].id.value.as_ref(), offers[0].agent_id.value.as_ref()), ("o1", "a1"));
    }
}
