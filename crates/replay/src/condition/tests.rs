//! Conditions as text: what they are taken for, what is wrong with them, and what they are worth.

use model::{
    AgentDescription, AgentId, Command, CommandId, CommandKind, Hash, Principal, Resources, Scalar, Seq, Timestamp,
};

use super::*;

fn error(text: &str) -> String {
    Condition::parse(text).expect_err(text).to_string()
}

#[test]
fn what_is_unknown_is_named_with_what_there_is() {
    assert_eq!(
        error("app(\"/web\").runing < 2"),
        "at character 1: a field of an app 'runing' is unknown; there are: id, instances, running, active, ended, waiting, \
         waiting_for, delay_ms, failed_on, deployments, role, resources"
    );
    assert!(error("agent_lost").starts_with("at character 1: 'agent_lost' is unknown; there are: seq, epoch, at,"));
    assert!(error("apps(\"/web\") == null").ends_with(
        "there are: app(\"…\"), task(\"…\"), agent(\"…\"), offer(\"…\"), framework(\"…\"), deployment(\"…\"), about(\"…\")"
    ));
    assert!(error("tasks.any(t, t.active)").contains("'any' is unknown; there are: size(), exists(x, …)"));
    assert!(error("tasks.exists(t, t.stat == \"x\")").contains("a field of a task 'stat' is unknown"));
}

#[test]
fn what_does_not_fit_is_said_with_its_place() {
    let cases = [
        ("seq", "at character 1: this is a number, but true or false is expected"),
        ("seq > 1 && agents", "at character 12: this is agents, but true or false is expected"),
        ("app(\"/web\") > 1", "at character 1: an app cannot be compared so with a number"),
        ("app(\"/Web\").running > 1", "at character 5: '/Web' is no app's id: it segment 'Web' may hold"),
        ("offer(\"7\") != null", "at character 7: '7' is no such id; they look like O7"),
        ("app(name).running > 1", "at character 1: app takes one id in quotes"),
        ("seq > ", "at character 6: something is missing at the end"),
        ("seq > 1 seq", "at character 9: this follows the end of the condition; && or || is missing"),
        ("seq > 1.2345", "at character 7: a number has three decimals at most"),
        ("policy == 'best", "at character 11: the text that begins with ' has no end"),
        ("seq = 1", "at character 5: '=' means nothing here"),
        ("(seq > 1", "at character 9: ')' is expected"),
    ];
    for (text, expected) in cases {
        assert!(error(text).starts_with(expected), "{text}: {}", error(text));
    }
    assert!(error(&"(".repeat(1_000)).contains("too deep"));
    assert!(error(&"!".repeat(1_000)).contains("too deep"));
}

fn record(seq: u64, kind: CommandKind, events: Vec<Event>) -> Record {
    let cause = Command {
        id: CommandId([0; 16]),
        at: Timestamp(1_000 * seq),
        seed: 0,
        principal: Principal::new("agent@h1"),
        kind,
    };
    Record { seq: Seq(seq), epoch: model::Epoch(1), previous: Hash::default(), cause, events, state_hash: None }
}

fn registered() -> (State, Record) {
    let description = AgentDescription {
        hostname: "h1".to_owned(),
        resources: Resources { cpus: Scalar(2_500), ..Resources::default() },
        attributes: Default::default(),
        address: "h1:5051".to_owned(),
        containerizers: Vec::new(),
    };
    let event = Event::AgentRegistered { agent: AgentId(3), description: description.clone() };
    let record = record(1, CommandKind::RegisterAgent { description }, vec![event]);
    let mut state = State::default();
    state.apply(&record);
    (state, record)
}

#[test]
fn conditions_hold_where_they_should() {
    let (state, record) = registered();
    let hold = [
        "agent_registered",
        "register_agent",
        "S3",
        "agents.connected == 1 && agents.size() == 1",
        "agent(\"h1\").free.cpus == 2.5",
        "agent(\"S3\").connected && !agent(\"S3\").connected == false",
        "agents.exists(a, a.hostname.startsWith('h') && a.tasks == 0)",
        "agents.all(a, a.total.cpus >= 2 + 0.5)",
        "agents.count(a, a.connected) > -1",
        "\"agent_registered\" in events && events.exists(e, e.contains(\"agent\"))",
        "principal in ['agent@h1', 'agent@h2']",
        "app(\"/web\") == null && !(app(\"/web\").running < 2)",
        "violations == 0",
        "command == 'register_agent' || seq > 100",
    ];
    for text in hold {
        let condition = Condition::parse(text).expect(text);
        assert!(condition.holds(&state, Some(&record)), "{text}: {:?}", condition.worth(&state, Some(&record)));
    }
    for text in ["S4", "task_launched", "agent(\"S4\").connected", "app(\"/web\").running < 2", "1 > 2 && seq > 0"] {
        let condition = Condition::parse(text).expect(text);
        assert!(!condition.holds(&state, Some(&record)), "{text}");
    }
}

#[test]
fn the_beginning_of_several_ids_means_none_of_them() {
    let (mut state, record) = registered();
    let launched = |id: &str, n| {
        let task = model::LaunchedTask {
            id: model::TaskId::new(id),
            framework: model::FrameworkId::SERVICES,
            offer: model::OfferId(n),
            agent: AgentId(3),
            workload: model::Workload::App {
                app: model::AppId::parse("/web").expect("an id"),
                version: model::AppVersion(Timestamp(1)),
            },
            resources: Resources::default(),
            host_ports: Vec::new(),
            explanation: None,
        };
        Event::TaskLaunched { task: Box::new(task) }
    };
    let ids = ["web.instance-abc", "web.instance-abc1", "web.instance-abd"];
    let events = ids.iter().zip(1..).map(|(id, n)| launched(id, n)).collect();
    state.apply(&self::record(2, CommandKind::Allocate, events));
    let holds = |text: &str| Condition::parse(text).expect(text).holds(&state, Some(&record));
    assert!(holds("task(\"web.instance-ab\") == null && task(\"web\") == null"));
    assert!(!holds("task(\"web.instance-ab\").state == \"TASK_STAGING\""));
    // The only one that begins so, and one that is called so beside one that begins so.
    assert!(holds("task(\"web.instance-abd\").id == \"web.instance-abd\""));
    assert!(holds("task(\"web.instance-abc\").id == \"web.instance-abc\""));
    assert!(holds("task(\"web.instance-abc1\").id == \"web.instance-abc1\""));
    assert!(holds("task(\"web.instance-b\") == null"));
}

#[test]
fn the_parts_tell_why() {
    let (state, record) = registered();
    let condition =
        Condition::parse("(agent(\"S3\").free.cpus < 3 || policy == \"x\") && agents.connected > 0").expect("fine");
    let worth: Vec<_> = condition
        .worth(&state, Some(&record))
        .into_iter()
        .map(|worth| format!("{} = {}", worth.part, worth.value))
        .collect();
    assert_eq!(worth, ["agent(\"S3\").free.cpus = 2.5", "policy = \"\"", "agents.connected = 1"]);
}

#[test]
fn a_condition_is_asked_only_after_what_may_change_it() {
    let (_, record) = registered();
    for text in ["app(\"/web\").running < 2", "tasks.running > 3", "offers.size() > 0", "leader == \"m1\""] {
        assert!(!Condition::parse(text).expect(text).may_change(&record), "{text}");
    }
}

/// Whatever is typed is taken, or refused with a reason.
#[test]
fn no_text_makes_it_panic() {
    let pieces = [
        "app(", "\"/web\"", ")", ".", "running", "<", "2", "&&", "(", "tasks", "exists", ",", "'", "!", "-", "[", "]",
        "in", "ä", "\\", "9.9",
    ];
    proptest::proptest!(|(picks in proptest::collection::vec(0..pieces.len(), 0..12))| {
        let text: String = picks.iter().map(|pick| pieces[*pick]).collect();
        let _either = Condition::parse(&text);
    });
}
