//! The step from a desired list to what has to be done: a pure function of the list, the ledger and what runs.
//!
//! It decides what is started, stopped and reported; carrying it out, and writing it down before, is the
//! shell's. It never sees a containerizer, a clock or the network.

use std::collections::{BTreeSet, HashMap};

use model::{Container, TaskId, TaskState, TaskStatus};
use protocol::agent::{Desired, DesiredTask, Kill, TaskSpec};

use crate::containerizer::{Ended, LaunchError};
use crate::ledger::{Entry, Kind, Ledger, Stop, StopCause};
use crate::sabotage::Sabotage;
use crate::status;

/// What is known of a task that this life of the agent watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actual {
    Starting,
    Running,
}

/// What a list makes necessary.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Step {
    pub(crate) start: Vec<DesiredTask>,
    pub(crate) stop: Vec<(TaskId, Stop)>,
    /// Tasks that were never started here and never will be, with what is said of them.
    pub(crate) end: Vec<(TaskId, Kind, TaskStatus)>,
    /// Run, and the log does not say so.
    pub(crate) report_running: Vec<TaskId>,
    /// How many were not started because of what has to end first.
    pub(crate) postponed: usize,
}

/// Why a list is not obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disregarded {
    /// Of another cluster.
    Foreign,
    /// Older than what was obeyed or acknowledged before.
    Older,
}

pub(crate) fn reconcile(
    ledger: &Ledger,
    actual: impl Fn(&TaskId) -> Option<Actual>,
    desired: &Desired,
    sabotage: Sabotage,
) -> Result<Step, Disregarded> {
    if ledger.identity.as_ref().is_none_or(|identity| identity.cluster != desired.cluster) {
        return Err(Disregarded::Foreign);
    }
    if desired.mark < ledger.mark && !sabotage.obeys_old_lists {
        return Err(Disregarded::Older);
    }
    let mut step = Step::default();
    for task in &desired.tasks {
        match ledger.tasks.get(&task.id) {
            None => meet_unknown(&mut step, task),
            Some(_) if sabotage.starts_again && actual(&task.id).is_none() => step.start.push(task.clone()),
            Some(entry) if entry.end.is_none() => meet_known(&mut step, task, entry, actual(&task.id)),
            Some(_) => {}
        }
    }
    if stop_unlisted(&mut step, ledger, desired) {
        step.postponed = std::mem::take(&mut step.start).len();
    }
    if sabotage.starts_in_hash_order {
        let by_hash: HashMap<TaskId, DesiredTask> = step.start.drain(..).map(|task| (task.id.clone(), task)).collect();
        step.start = by_hash.into_values().collect();
    }
    Ok(step)
}

/// A task that this agent has no intent of.
fn meet_unknown(step: &mut Step, task: &DesiredTask) {
    let kind = kind_of(&task.spec);
    if task.state.is_terminal() {
        return;
    }
    if task.state != TaskState::Staging {
        let gone = Ended::Unobserved { message: "the agent knows nothing of it".to_owned() };
        step.end.push((task.id.clone(), kind, status::of_end(&gone, None)));
        return;
    }
    match task.kill {
        Some(kill) => {
            let error = LaunchError::new("never started");
            let status = status::of_end(&Ended::NotStarted { error }, Some(stop_of(kill)));
            step.end.push((task.id.clone(), kind, status));
        }
        None => step.start.push(task.clone()),
    }
}

/// A task that was started, and whose end was not seen.
fn meet_known(step: &mut Step, task: &DesiredTask, entry: &Entry, actual: Option<Actual>) {
    let wanted_stop = match task.kill {
        Some(kill) => Some(stop_of(kill)),
        // The log holds it for ended, so nobody waits for it.
        None if task.state.is_terminal() => Some(Stop { cause: StopCause::Unwanted, grace_ms: entry.kill_grace_ms }),
        None => None,
    };
    if let Some(stop) = wanted_stop.filter(|stop| is_news(entry, *stop)) {
        step.stop.push((task.id.clone(), stop));
    }
    if matches!(task.state, TaskState::Staging | TaskState::Starting) && actual == Some(Actual::Running) {
        step.report_running.push(task.id.clone());
    }
}

/// True while something runs that is not listed. The log has given its ports and memory to others by now, as it does when
/// it gives an agent up that then comes back; so nothing is started before it has ended. A newer list follows each
/// acknowledged end.
fn stop_unlisted(step: &mut Step, ledger: &Ledger, desired: &Desired) -> bool {
    let listed: BTreeSet<&TaskId> = desired.tasks.iter().map(|task| &task.id).collect();
    let mut found = false;
    for (task, entry) in ledger.tasks.iter().filter(|(task, entry)| entry.end.is_none() && !listed.contains(task)) {
        found = true;
        let stop = Stop { cause: StopCause::Unwanted, grace_ms: entry.kill_grace_ms };
        if is_news(entry, stop) {
            step.stop.push((task.clone(), stop));
        }
    }
    found
}

fn is_news(entry: &Entry, stop: Stop) -> bool {
    entry.stop.is_none_or(|before| stop.grace_ms < before.grace_ms)
}

fn stop_of(kill: Kill) -> Stop {
    Stop { cause: StopCause::Kill(kill.reason), grace_ms: kill.grace_ms }
}

pub(crate) fn kind_of(spec: &TaskSpec) -> Kind {
    match spec.container {
        None => Kind::Process,
        Some(Container::Docker(_)) => Kind::Docker,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use model::{
        AgentId, AppId, AppVersion, ClusterId, Epoch, GpuSlots, Invocation, KillReason, Resources, Seq, StatusUpdate,
        Timestamp, UpdateId,
    };
    use protocol::agent::{AgentIdentity, Mark, TaskOwner};

    use super::*;
    use crate::ledger::Fact;

    fn mark(epoch: u64, seq: u64) -> Mark {
        Mark { epoch: Epoch(epoch), seq: Seq(seq) }
    }

    /// A ledger at mark 2.10 that knows `idle` and `live` (started), `dying` (asked to end) and `dead` (ended).
    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        let identity = AgentIdentity { cluster: ClusterId::new("ours"), agent: AgentId(0) };
        let mut facts = vec![Fact::Identified { identity }, Fact::Marked { mark: mark(2, 10) }];
        for task in ["dead", "dying", "idle", "live"] {
            facts.push(Fact::Intended { task: TaskId::new(task), containerizer: Kind::Process, kill_grace_ms: 70 });
        }
        let stop = Stop { cause: StopCause::Kill(KillReason::ScaledDown), grace_ms: 50 };
        facts.push(Fact::StopAsked { task: TaskId::new("dying"), stop });
        let update = StatusUpdate {
            id: UpdateId::new("u"),
            task: TaskId::new("dead"),
            observed_at: Timestamp(0),
            status: status::lost("gone"),
        };
        facts.push(Fact::Ended { update });
        facts.iter().for_each(|fact| ledger.apply(fact));
        ledger
    }

    fn task(id: &str, state: TaskState, kill_grace_ms: Option<u64>) -> DesiredTask {
        let spec = TaskSpec {
            owner: TaskOwner::App { app: AppId::parse("a").expect("an id"), version: AppVersion::default() },
            invocation: Invocation::Shell("true".into()),
            container: None,
            user: None,
            env: BTreeMap::new(),
            labels: BTreeMap::new(),
            resources: Resources::default(),
            ports: Vec::new(),
            kill_grace_ms: 70,
        };
        let kill = kill_grace_ms.map(|grace_ms| Kill { reason: KillReason::UserRequest, grace_ms });
        DesiredTask {
            id: TaskId::new(id),
            state,
            kill,
            spec: Arc::new(spec),
            host_ports: Vec::new(),
            gpu_slots: GpuSlots::none(),
        }
    }

    /// The step for a list that holds everything the ledger knows, as the log has it, and `more` in its place.
    fn step(more: &[DesiredTask], without: &[&str]) -> String {
        let mut tasks = vec![
            task("dead", TaskState::Running, None),
            task("dying", TaskState::Running, Some(50)),
            task("idle", TaskState::Staging, None),
            task("live", TaskState::Running, None),
        ];
        tasks.retain(|kept| !more.iter().any(|task| task.id == kept.id) && !without.contains(&kept.id.as_str()));
        tasks.extend_from_slice(more);
        let desired = Desired { cluster: ClusterId::new("ours"), mark: mark(2, 10), tasks };
        let actual = [("idle", Actual::Starting), ("live", Actual::Running), ("dying", Actual::Running)];
        let actual: BTreeMap<_, _> = actual.into_iter().map(|(id, actual)| (TaskId::new(id), actual)).collect();
        let step =
            reconcile(&ledger(), |task| actual.get(task).copied(), &desired, Sabotage::default()).expect("obeyed");
        let mut said = Vec::new();
        said.extend(step.start.iter().map(|task| format!("start {}", task.id)));
        said.extend(step.stop.iter().map(|(id, stop)| format!("stop {id} {:?} {}", stop.cause, stop.grace_ms)));
        said.extend(step.end.iter().map(|(id, _, status)| format!("end {id} {} {:?}", status.state, status.reason)));
        said.extend(step.report_running.iter().map(|id| format!("running {id}")));
        said.extend((step.postponed > 0).then(|| format!("postponed {}", step.postponed)));
        said.join(", ")
    }

    #[test]
    fn each_pair_of_desired_and_actual_has_one_answer() {
        use TaskState::{Lost, Running, Staging, Starting};
        let cases: [(&str, Vec<DesiredTask>, &[&str], &str); 13] = [
            ("all is as wanted", vec![], &[], ""),
            ("new", vec![task("new", Staging, None)], &[], "start new"),
            (
                "new, and unwanted already",
                vec![task("new", Staging, Some(1))],
                &[],
                "end new TASK_KILLED Some(KillRequested)",
            ),
            (
                "ran, but not that we know of",
                vec![task("new", Running, None)],
                &[],
                "end new TASK_LOST Some(EndedUnobserved)",
            ),
            (
                "started, but not that we know of",
                vec![task("new", Starting, Some(1))],
                &[],
                "end new TASK_LOST Some(EndedUnobserved)",
            ),
            ("over, and we never knew it", vec![task("new", Lost, None)], &[], ""),
            (
                "an intent is never started again",
                vec![task("dead", Staging, None), task("idle", Staging, None)],
                &[],
                "",
            ),
            ("the log does not know that it runs", vec![task("live", Staging, None)], &[], "running live"),
            ("killed", vec![task("live", Running, Some(30))], &[], "stop live Kill(UserRequest) 30"),
            ("killed sooner", vec![task("dying", Running, Some(0))], &[], "stop dying Kill(UserRequest) 0"),
            ("over for the log", vec![task("live", Lost, None)], &[], "stop live Unwanted 70"),
            ("gone from the list", vec![], &["live", "dying", "dead"], "stop live Unwanted 70"),
            (
                "new, while something runs that is not listed",
                vec![task("new", Staging, None)],
                &["dying"],
                "postponed 1",
            ),
        ];
        for (name, more, without, expected) in cases {
            assert_eq!(step(&more, without), expected, "{name}");
        }
    }

    #[test]
    fn older_and_foreign_lists_are_not_obeyed() {
        let list = |cluster: &str, mark| Desired { cluster: ClusterId::new(cluster), mark, tasks: Vec::new() };
        let obeyed =
            |ledger: &Ledger, list| reconcile(ledger, |_| None, &list, Sabotage::default()).map(|step| step.stop.len());
        assert_eq!(obeyed(&ledger(), list("theirs", mark(9, 99))), Err(Disregarded::Foreign));
        assert_eq!(obeyed(&Ledger::default(), list("ours", mark(9, 99))), Err(Disregarded::Foreign));
        assert_eq!(obeyed(&ledger(), list("ours", mark(1, 99))), Err(Disregarded::Older));
        assert_eq!(obeyed(&ledger(), list("ours", mark(2, 9))), Err(Disregarded::Older));
        assert_eq!(obeyed(&ledger(), list("ours", mark(2, 10))), Ok(2));
        assert_eq!(obeyed(&ledger(), list("ours", mark(3, 1))), Ok(2));
    }

    #[test]
    fn an_acknowledged_end_is_not_started_by_an_older_list() {
        let mut ledger = ledger();
        ledger.apply(&Fact::Acknowledged { tasks: vec![TaskId::new("dead")], mark: mark(2, 12) });
        let list = |seq, tasks| Desired { cluster: ClusterId::new("ours"), mark: mark(2, seq), tasks };
        let late = list(11, vec![task("dead", TaskState::Staging, None)]);
        let obeyed = |list| reconcile(&ledger, |_| None, list, Sabotage::default());
        assert_eq!(obeyed(&late), Err(Disregarded::Older));
        assert!(obeyed(&list(12, Vec::new())).is_ok());
    }
}
