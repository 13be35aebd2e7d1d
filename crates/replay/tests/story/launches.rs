//! What a launch makes up for: a task that ended, one that a user asked to end, or a change of what is wanted.

use std::sync::Arc;

use model::{AppSpec, CommandKind, TaskId, TaskSelection, TaskState};
use replay::{Subject, Teller};
use state::State;

use crate::cluster::{Cluster, app, id};

const APP: &str = "/web";
const INSTANCES: u32 = 3;

/// What happens to an app of three instances that run, with room for more.
#[derive(Debug, Clone, Copy)]
enum Step {
    Lose(usize),
    Scale(u32),
    Kill {
        tasks: usize,
        scale: bool,
    },
    /// What its tasks are, and how many.
    Change(u32),
    Restart,
    Destroy,
    /// The master launches and ends, and the agent does what it is told.
    Settle,
    /// The master launches and ends, and no agent says anything.
    Allocate,
    /// No room is left for any launch, or there is again.
    Leave,
    Return,
}

fn go(cluster: &mut Cluster, step: Step) {
    cluster.now = cluster.now.plus_ms(1_000);
    let staying = |cluster: &Cluster, count| -> Vec<TaskId> {
        let tasks = cluster.tasks(APP).into_iter().filter(|task| task.kill.is_none());
        tasks.map(|task| task.id).take(count).collect()
    };
    let agent = model::AgentId(0);
    let kind = match step {
        Step::Lose(count) => {
            return staying(cluster, count).iter().for_each(|task| cluster.report(task, TaskState::Lost));
        }
        Step::Settle => {
            cluster.allocate();
            return cluster.obey();
        }
        Step::Allocate => return cluster.allocate(),
        Step::Scale(instances) => CommandKind::ScaleApp { app: id(APP), instances, force: true },
        Step::Kill { tasks, scale } => {
            let selection = TaskSelection::Tasks(staying(cluster, tasks));
            CommandKind::KillTasks { selection, scale, force: true }
        }
        Step::Change(instances) => {
            let mut changed: AppSpec = app(APP, instances);
            changed.resources.mem = model::Scalar::from_whole(200);
            CommandKind::PutApps { apps: vec![Arc::new(changed)], force: true }
        }
        Step::Restart => CommandKind::RestartApp { app: id(APP), force: true },
        Step::Destroy => CommandKind::DestroyApp { app: id(APP), force: true },
        Step::Leave => CommandKind::DisconnectAgent { agent, reason: model::DisconnectReason::StreamClosed },
        Step::Return => {
            let description = cluster.world.state.agents.get(&agent).expect("it is known").description.clone();
            CommandKind::ReconnectAgent { agent, description }
        }
    };
    cluster.run(kind).expect("it is accepted");
}

/// What the launches of the last step say that they are because of, in the app's own story.
fn causes_after(steps: &[Step]) -> String {
    let mut cluster = Cluster::new("best-fit");
    cluster.add_agent("h1", 64, 64_000);
    cluster.deploy(app(APP, INSTANCES));
    cluster.obey();
    let (last, before) = steps.split_last().expect("steps");
    before.iter().for_each(|step| go(&mut cluster, *step));
    let told = cluster.tip.seq;
    go(&mut cluster, *last);
    let mut teller = Teller::new(Subject::App(id(APP)), &State::default());
    cluster.log.iter().for_each(|sealed| teller.see(&sealed.record));
    let story = teller.finish();
    let steps = story.steps.iter().filter(|step| step.seq > told);
    let said = steps.flat_map(|step| &step.said).filter(|said| said.text.starts_with("launches"));
    let cause = |text: &str| match text {
        text if text.contains("TASK_LOST") => "lost".to_owned(),
        text if text.contains("a user asks for it") => "killed".to_owned(),
        text if text.starts_with("kill_tasks") => "kill_tasks".to_owned(),
        text => text.replace(" /web", "").replace(", by force", ""),
    };
    let causes = said.map(|said| said.because.iter().map(|because| cause(&because.text)).collect::<Vec<_>>().join("+"));
    causes.collect::<Vec<_>>().join("; ")
}

#[test]
fn a_launch_names_what_it_makes_up_for() {
    use Step::*;
    let killed = |tasks| Kill { tasks, scale: false };
    let fewer = |tasks| Kill { tasks, scale: true };
    let cases: &[(&[Step], &str)] = &[
        (&[Lose(2), Settle], "lost; lost"),
        (&[Lose(1), Scale(4), Settle], "lost+scale_app to 4 instances; scale_app to 4 instances"),
        // Nothing replaces those for which there is no place any more.
        (&[Lose(2), Scale(1), Scale(3), Settle], "scale_app to 3 instances; scale_app to 3 instances"),
        (&[Lose(2), Scale(2), Settle], "lost+scale_app to 2 instances"),
        (&[Lose(2), Scale(0), Settle, Scale(2), Settle], "scale_app to 2 instances; scale_app to 2 instances"),
        (&[Scale(2), Lose(1), Scale(3), Settle], "scale_app to 3 instances"),
        (&[Scale(1), Lose(2), Lose(1), Settle], "lost"),
        // A gap that a change left is not one that an end left.
        (
            &[Leave, Scale(5), Lose(1), Scale(4), Return, Settle],
            "lost+scale_app to 4 instances; scale_app to 4 instances",
        ),
        // A task that a user asks to end is replaced at once, and its end leaves nothing to replace.
        (&[killed(1), Allocate], "killed"),
        (&[killed(1), Settle, Scale(4), Settle], "scale_app to 4 instances"),
        (&[killed(1), Scale(2), Settle, Scale(3), Settle], "scale_app to 3 instances"),
        (&[fewer(1), Settle, Scale(3), Settle], "scale_app to 3 instances"),
        (&[Lose(1), fewer(1), Settle], "lost+kill_tasks"),
        // All tasks of what is new are launched because it is new.
        (&[Lose(1), Change(2), Settle], "put_apps; put_apps"),
        (&[Change(3), Lose(1), Settle], "put_apps; put_apps; put_apps"),
        (&[Lose(1), Restart, Settle], "restart_app; restart_app; restart_app"),
        (&[Restart, Settle, Scale(4), Settle], "scale_app to 4 instances"),
        (&[Restart, Settle, Lose(1), Settle], "lost"),
        (&[Lose(1), Destroy, Settle, Change(1), Settle], "put_apps"),
        (&[killed(1), Destroy, Change(1), Settle, Scale(2), Settle], "scale_app to 2 instances"),
        (&[Destroy, Settle, Change(1), Settle, Lose(1), Settle], "lost"),
    ];
    for (steps, expected) in cases {
        assert_eq!(causes_after(steps), *expected, "{steps:?}");
    }
}
