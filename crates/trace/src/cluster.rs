//! A trace as the events of a cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    AgentDescription, AgentId, AppId, AppSpec, AppVersion, AttributeValue, Backoff, Constraint, ConstraintOperator,
    Event, FrameworkId, Invocation, LaunchedTask, OfferId, Resources, Scalar, TaskId, Workload,
};
use placement::Placed;

use crate::{Node, Pod};

/// The attribute that says what GPUs an agent has.
const GPU_MODEL: &str = "gpu_model";

/// The agent's id is the node's rank, so that seed 0 takes equals in that order.
pub(crate) fn register(rank: usize, node: &Node) -> Event {
    let has_model = node.gpus > 0 && !node.model.is_empty();
    let model = has_model.then(|| (GPU_MODEL.to_owned(), AttributeValue::Text(node.model.clone())));
    Event::AgentRegistered {
        agent: agent_id(rank),
        description: AgentDescription {
            hostname: node.name.clone(),
            resources: Resources {
                cpus: Scalar(node.cpu_milli.into()),
                mem: Scalar::from_whole(node.memory_mib.into()),
                gpus: Scalar::from_whole(node.gpus.into()),
                ..Resources::default()
            },
            attributes: model.into_iter().collect(),
            address: format!("{}:5051", node.name),
            containerizers: vec!["process".to_owned()],
        },
    }
}

pub(crate) fn agent_id(rank: usize) -> AgentId {
    AgentId(u32::try_from(rank).unwrap_or(u32::MAX))
}

/// Apps that stand for pods: one for each shape, with as many instances as there are such pods.
pub(crate) struct Apps {
    pub(crate) specs: Vec<Arc<AppSpec>>,
    /// By the pod's place in the list, the app's.
    pub(crate) of_pod: Vec<usize>,
}

impl Apps {
    pub(crate) fn of(pods: &[Pod]) -> Self {
        let mut known: BTreeMap<(u32, u32, u64, &str), usize> = BTreeMap::new();
        let mut apps = Self { specs: Vec::new(), of_pod: Vec::with_capacity(pods.len()) };
        let mut instances: Vec<u32> = Vec::new();
        for pod in pods {
            let shape = (pod.cpu_milli, pod.memory_mib, pod.gpus_milli(), pod.gpu_spec.as_str());
            let app = *known.entry(shape).or_insert_with(|| {
                apps.specs.push(Arc::new(spec(instances.len(), pod)));
                instances.push(0);
                instances.len() - 1
            });
            instances[app] += 1;
            apps.of_pod.push(app);
        }
        for (spec, instances) in apps.specs.iter_mut().zip(instances) {
            Arc::make_mut(spec).instances = instances;
        }
        apps
    }

    pub(crate) fn wanted(&self) -> impl Iterator<Item = Event> + '_ {
        self.specs.iter().map(|app| Event::AppChanged {
            app: Arc::clone(app),
            version: AppVersion::default(),
            config_version: AppVersion::default(),
        })
    }
}

fn spec(number: usize, pod: &Pod) -> AppSpec {
    let only_models = Constraint {
        field: GPU_MODEL.to_owned(),
        operator: ConstraintOperator::Like,
        value: Some(pod.gpu_spec.clone()),
    };
    let resources = Resources {
        cpus: Scalar(pod.cpu_milli.into()),
        mem: Scalar::from_whole(pod.memory_mib.into()),
        gpus: Scalar(i64::try_from(pod.gpus_milli()).unwrap_or(i64::MAX)),
        ..Resources::default()
    };
    let constraints = if pod.gpu_spec.is_empty() { Vec::new() } else { vec![only_models] };
    app(number, resources, constraints)
}

pub(crate) fn app(number: usize, resources: Resources, constraints: Vec<Constraint>) -> AppSpec {
    AppSpec {
        id: AppId::parse(&format!("/pods/{number}")).expect("a number makes an app id"),
        invocation: Invocation::ImageDefault,
        instances: 0,
        resources,
        container: None,
        user: None,
        role: None,
        env: BTreeMap::new(),
        labels: BTreeMap::new(),
        ports: Vec::new(),
        require_ports: false,
        constraints,
        dependencies: Vec::new(),
        backoff: Backoff::default(),
        kill_grace_ms: 0,
    }
}

pub(crate) fn launch(number: usize, app: &AppSpec, placed: Placed) -> Event {
    Event::TaskLaunched {
        task: Box::new(LaunchedTask {
            id: TaskId::new(format!("pod.{number}")),
            framework: FrameworkId::SERVICES,
            offer: OfferId(number as u64),
            agent: placed.agent,
            workload: Workload::App { app: app.id.clone(), version: AppVersion::default() },
            resources: Resources { gpu_slots: placed.gpu_slots, ..app.resources.clone() },
            host_ports: placed.host_ports,
            explanation: None,
        }),
    }
}
