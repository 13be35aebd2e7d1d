//! Clusters told as events, and modules as what decides.

use std::sync::Arc;

use model::{AgentDescription, AgentId, AppId, AppVersion, Event, Resources, Scalar};
use placement::{Blend, Outcome, Policy, PortWanted, Request, Scratch, Term, View};
use policy_wasm::Library;

pub(crate) fn resources([cpus, mem, disk, gpus]: [i64; 4]) -> Resources {
    let [cpus, mem, disk, gpus] = [cpus, mem, disk, gpus].map(Scalar);
    Resources { cpus, mem, disk, gpus, ..Resources::default() }
}

pub(crate) fn view(agents: impl IntoIterator<Item = (u32, Resources)>) -> View {
    let mut view = View::new();
    for (agent, resources) in agents {
        let description = AgentDescription {
            hostname: format!("h{agent}"),
            resources,
            attributes: Default::default(),
            address: format!("h{agent}:5051"),
            containerizers: vec!["process".to_owned(), "docker".to_owned()],
        };
        view.apply(&Event::AgentRegistered { agent: AgentId(agent), description });
    }
    view
}

/// As many agents with 4 cpus, 4 GB and no GPUs, with numbers from 0 on.
pub(crate) fn equal_agents(count: u32) -> View {
    view((0..count).map(|agent| (agent, resources([4_000, 4_000_000, 0, 0]))))
}

pub(crate) fn request(app: &str, amounts: [i64; 4], ports: usize) -> Request {
    let [cpus, mem, disk, gpus] = amounts.map(Scalar);
    Request {
        app: AppId::parse(app).expect("an app id"),
        counted_since: AppVersion::default(),
        is_container: false,
        cpus,
        mem,
        disk,
        gpus,
        ports: vec![PortWanted::Any; ports],
        constraints: Vec::new(),
    }
}

pub(crate) fn small() -> Request {
    request("web", [100, 100_000, 0, 0], 0)
}

pub(crate) fn library() -> Library {
    Library::new().expect("an engine")
}

/// The policy of a module in text form.
pub(crate) fn module(text: &str) -> Arc<dyn Policy> {
    library().policy("module", &bytes(text)).expect("a policy")
}

pub(crate) fn bytes(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("a module in text form")
}

pub(crate) fn alone(policy: Arc<dyn Policy>) -> Blend {
    Blend::new("alone", vec![Term { policy, weight: 1, normalise: false }], None)
}

/// Where the module puts a small task, or the sentence that says what is wrong with the module.
pub(crate) fn chosen(text: &str, view: &View) -> Result<u32, String> {
    match Scratch::new(view).place(&alone(module(text)), 0, &small()) {
        Outcome::Placed(placed) => Ok(placed.agent.0),
        Outcome::Nowhere(explanation) => panic!("{explanation}"),
        Outcome::Faulty(fault) => Err(fault.reason),
    }
}
