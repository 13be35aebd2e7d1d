//! A desired list on the wire: each spec once, and the tasks that have it by its number. So a list grows with its apps, not
//! with the size of a definition times its instances.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{ClusterId, GpuSlots, TaskId, TaskState};
use serde::{Deserialize, Serialize};

use super::{Desired, DesiredTask, Kill, Mark, TaskSpec};

#[derive(Serialize, Deserialize)]
pub(super) struct Wire {
    cluster: ClusterId,
    mark: Mark,
    specs: Vec<Arc<TaskSpec>>,
    tasks: Vec<WireTask>,
}

#[derive(Serialize, Deserialize)]
struct WireTask {
    id: TaskId,
    state: TaskState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kill: Option<Kill>,
    /// Its place in `specs`.
    spec: usize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    host_ports: Vec<u16>,
    #[serde(default, skip_serializing_if = "GpuSlots::is_empty")]
    gpu_slots: GpuSlots,
}

impl From<Desired> for Wire {
    fn from(desired: Desired) -> Self {
        let mut specs = Vec::new();
        let mut places = BTreeMap::new();
        let tasks = desired.tasks.into_iter().map(|task| {
            let DesiredTask { id, state, kill, spec, host_ports, gpu_slots } = task;
            let place = *places.entry(Arc::as_ptr(&spec)).or_insert_with(|| {
                specs.push(spec);
                specs.len() - 1
            });
            WireTask { id, state, kill, spec: place, host_ports, gpu_slots }
        });
        let tasks = tasks.collect();
        Self { cluster: desired.cluster, mark: desired.mark, specs, tasks }
    }
}

impl TryFrom<Wire> for Desired {
    type Error = String;

    fn try_from(Wire { cluster, mark, specs, tasks }: Wire) -> Result<Self, String> {
        let tasks = tasks.into_iter().map(|task| {
            let WireTask { id, state, kill, spec, host_ports, gpu_slots } = task;
            let spec =
                specs.get(spec).cloned().ok_or_else(|| format!("task {id} has spec {spec}, which is not there"))?;
            Ok(DesiredTask { id, state, kill, spec, host_ports, gpu_slots })
        });
        Ok(Self { cluster, mark, tasks: tasks.collect::<Result<_, String>>()? })
    }
}

#[cfg(test)]
mod tests {
    use model::{AppId, AppVersion, Epoch, GpuSlot, Invocation, Resources, Scalar, Seq, WHOLE_GPU};

    use super::super::TaskOwner;
    use super::*;

    const LONG: usize = 100_000;

    /// Every third task has some.
    fn gpus(number: usize) -> GpuSlots {
        let slots = [GpuSlot { gpu: 0, share: Scalar(250) }, GpuSlot { gpu: 3, share: WHOLE_GPU }];
        GpuSlots::new(slots.into_iter().filter(|_| number.is_multiple_of(3)))
    }

    fn desired() -> Desired {
        let spec = |app: &str| {
            Arc::new(TaskSpec {
                owner: TaskOwner::App { app: AppId::parse(app).expect("an id"), version: AppVersion::default() },
                invocation: Invocation::Shell("x".repeat(LONG)),
                container: None,
                user: None,
                env: BTreeMap::new(),
                labels: BTreeMap::new(),
                resources: Resources::default(),
                ports: Vec::new(),
                kill_grace_ms: 1,
            })
        };
        let specs = [spec("a"), spec("b")];
        let task = |number: usize| DesiredTask {
            id: TaskId::new(format!("t{number}")),
            state: TaskState::Staging,
            kill: None,
            spec: Arc::clone(&specs[number % 2]),
            host_ports: vec![31_000],
            gpu_slots: gpus(number),
        };
        let mark = Mark { epoch: Epoch(1), seq: Seq(2) };
        Desired { cluster: ClusterId::new("c"), mark, tasks: (0..200).map(task).collect() }
    }

    #[test]
    fn a_list_reads_back_and_carries_each_spec_once() {
        let text = serde_json::to_string(&desired()).expect("plain data");
        assert!(text.len() < 3 * LONG, "{}", text.len());
        let read: Desired = serde_json::from_str(&text).expect("what was written");
        assert_eq!(read, desired());
        assert!(Arc::ptr_eq(&read.tasks[0].spec, &read.tasks[2].spec), "shared in memory too");
    }

    /// A master or an agent of the other side that knows nothing of them.
    #[test]
    fn a_list_without_gpus_is_understood_and_what_is_not_known_is_passed_over() {
        let mut json = serde_json::to_value(desired()).expect("plain data");
        for task in json["tasks"].as_array_mut().expect("tasks") {
            let task = task.as_object_mut().expect("a task");
            task.remove("gpu_slots");
            task.insert("news".to_owned(), 1.into());
        }
        let read: Desired = serde_json::from_value(json).expect("a list");
        assert!(read.tasks.iter().all(|task| task.gpu_slots.is_empty()));
        assert_eq!(read.tasks.len(), desired().tasks.len());
    }

    #[test]
    fn a_spec_that_is_not_there_is_refused() {
        let text = serde_json::to_string(&desired()).expect("plain data").replace(r#""spec":1"#, r#""spec":7"#);
        let error = serde_json::from_str::<Desired>(&text).expect_err("there are two");
        assert!(error.to_string().contains("spec 7"), "{error}");
    }
}
