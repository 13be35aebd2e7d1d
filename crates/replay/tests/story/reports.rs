//! What is said of reports from which nothing followed.

use model::{
    AgentId, Command, CommandId, CommandKind, Principal, Record, StatusUpdate, TaskId, TaskState, TaskStatus, UpdateId,
};
use replay::{Subject, Teller};
use state::State;

use crate::cluster::{Cluster, app};

const APP: &str = "/web";

fn report(task: &TaskId, id: &str, state: TaskState) -> StatusUpdate {
    let status = TaskStatus { state, reason: None, message: Some("found it".to_owned()), exit: None };
    StatusUpdate { id: UpdateId::new(id), task: task.clone(), observed_at: model::Timestamp(0), status }
}

/// A record of a report that changes nothing.
fn ignored(cluster: &Cluster, agent: AgentId, update: StatusUpdate) -> Record {
    let kind = CommandKind::UpdateStatus { agent, updates: vec![update] };
    let cause =
        Command { id: CommandId([0; 16]), at: cluster.now, seed: 0, principal: Principal::new("agent:S"), kind };
    let (seq, epoch, previous) = (cluster.tip.seq.next(), cluster.tip.epoch, cluster.tip.hash);
    Record { seq, epoch, previous, cause, events: Vec::new(), state_hash: None }
}

/// What the task's story says last, when it is told from the log's beginning and when it begins with the state.
fn last_said(cluster: &Cluster, task: &TaskId, record: &Record) -> [String; 2] {
    let told = |state: &State, is_whole: bool| {
        let mut teller = Teller::new(Subject::Task(task.clone()), state);
        cluster.log.iter().filter(|_| is_whole).for_each(|sealed| teller.see(&sealed.record));
        teller.see(record);
        let story = teller.finish();
        let said = story.steps.last().and_then(|step| step.said.last());
        said.map(|said| said.text.clone()).unwrap_or_default()
    };
    [told(&State::default(), true), told(&cluster.world.state, false)]
}

/// `web.instance-e620af55`
fn short(task: &TaskId) -> String {
    task.as_str().split('-').take(2).collect::<Vec<_>>().join("-")
}

/// An app's task that runs.
fn running() -> (Cluster, AgentId, TaskId) {
    let mut cluster = Cluster::new("best-fit");
    let agent = cluster.add_agent("h1", 4, 4_000);
    cluster.deploy(app(APP, 1));
    cluster.obey();
    let task = cluster.tasks(APP)[0].id.clone();
    (cluster, agent, task)
}

#[test]
fn a_report_without_consequence_is_told_by_what_the_cluster_had() {
    let (mut cluster, agent, task) = running();
    let name = short(&task);
    let again = ignored(&cluster, agent, report(&task, "other", TaskState::Running));
    let said = last_said(&cluster, &task, &again);
    let known = format!(
        "S0 (h1) reports TASK_RUNNING of {name} (found it) again; the cluster knew as much, and nothing follows from it"
    );
    assert_eq!(said, [known.clone(), known]);

    let late = ignored(&cluster, agent, report(&task, "late", TaskState::Starting));
    let [said, _] = last_said(&cluster, &task, &late);
    let end = "(found it), which the cluster has as TASK_RUNNING; nothing follows from it";
    assert_eq!(said, format!("S0 (h1) reports TASK_STARTING of {name} {end}"));

    cluster.report(&task, TaskState::Failed);
    let ended = cluster.tip.seq;
    let very = ignored(&cluster, agent, report(&task, &format!("{task}-TASK_FAILED"), TaskState::Failed));
    let [said, _] = last_said(&cluster, &task, &very);
    assert!(said.ends_with(&format!(" again; it is the very report of record {ended}, and nothing follows from it")));
    let other = ignored(&cluster, agent, report(&task, "other", TaskState::Finished));
    let [said, _] = last_said(&cluster, &task, &other);
    let end = format!("(found it), which the cluster has as TASK_FAILED since record {ended}; nothing follows from it");
    assert_eq!(said, format!("S0 (h1) reports TASK_FINISHED of {name} {end}"));
}

#[test]
fn an_agent_that_comes_back_as_another_reports_what_the_cluster_has_lost() {
    let (mut cluster, agent, task) = running();
    let reason = model::RemovalReason::Gone;
    cluster.run(CommandKind::RemoveAgent { agent, reason }).expect("it is removed");
    let removed = cluster.tip.seq;
    let again = cluster.add_agent("h1", 4, 4_000);
    let record = ignored(&cluster, again, report(&task, "recovered", TaskState::Running));
    let [said, _] = last_said(&cluster, &task, &record);
    let name = short(&task);
    let end = format!("which the cluster has as TASK_LOST on S0 (h1) since record {removed}; nothing follows from it");
    assert_eq!(said, format!("S1 (h1) reports TASK_RUNNING of {name} (found it), {end}"));

    let unknown = TaskId::new("web.instance-0._app.1");
    let record = ignored(&cluster, again, report(&unknown, "recovered", TaskState::Running));
    let mut teller = Teller::new(Subject::Agent(again), &cluster.world.state);
    teller.see(&record);
    let said = teller.finish().steps[0].said.last().expect("it is told").text.clone();
    assert!(said.ends_with("(found it), which the cluster does not know; nothing follows from it"), "{said}");
}
