//! A policy of one's own, tried on three agents: `cargo run -p placement --example keep_gpus`.

use model::{AgentDescription, AgentId, AppId, AppVersion, Event, Resources, Scalar};
use placement::{Context, Dimension, Node, Outcome, Policy, Request, Score, Scratch, Verdict, View};

/// Keeps agents with GPUs for tasks that want some, and fills up the memory of the others one after the other.
struct KeepGpus;

impl Policy for KeepGpus {
    fn name(&self) -> &str {
        "keep-gpus"
    }

    fn filter(&self, _: &Context<'_>, request: &Request, node: Node<'_>) -> Verdict {
        let has_gpus = node.total(Dimension::Gpus) > Scalar::ZERO;
        if has_gpus && request.gpus == Scalar::ZERO {
            return Verdict::Refused("its GPUs are kept");
        }
        Verdict::Feasible
    }

    /// 1000 for an agent whose memory would be full, 0 for one that would stay empty.
    fn score(&self, _: &Context<'_>, request: &Request, node: Node<'_>) -> Score {
        let total = node.total(Dimension::Mem).0.max(1);
        let left = node.free(Dimension::Mem).0 - request.mem.0;
        Score(1_000 - u32::try_from(left * 1_000 / total).unwrap_or(0))
    }
}

fn main() {
    let mut view = View::new();
    for (number, (mem_gb, gpus)) in [(16, 4), (8, 0), (4, 0)].into_iter().enumerate() {
        view.apply(&registered(number as u32, mem_gb, gpus));
    }
    let mut scratch = Scratch::new(&view);
    for (app, mem_mb, gpus) in [("web", 1_024, 0), ("web", 3_072, 0), ("web", 1_024, 0), ("train", 1_024, 1)] {
        match scratch.place_with_account(&KeepGpus, 0, &request(app, mem_mb, gpus)) {
            Outcome::Placed(placed) => println!("{app} on {}: {}", placed.agent, placed.explanation),
            Outcome::Nowhere(explanation) => println!("{app} nowhere: {explanation}"),
            Outcome::Faulty(fault) => println!("{app} nowhere: {}", fault.reason),
        }
    }
}

fn registered(agent: u32, mem_gb: i64, gpus: i64) -> Event {
    let (cpus, mem, gpus) = (Scalar::from_whole(8), Scalar::from_whole(mem_gb * 1_024), Scalar::from_whole(gpus));
    let description = AgentDescription {
        hostname: format!("host-{agent}"),
        resources: Resources { cpus, mem, gpus, ..Resources::default() },
        attributes: Default::default(),
        address: format!("host-{agent}:5051"),
        containerizers: vec!["process".to_owned()],
    };
    Event::AgentRegistered { agent: AgentId(agent), description }
}

fn request(app: &str, mem_mb: i64, gpus: i64) -> Request {
    Request {
        app: AppId::parse(app).expect("an app's id"),
        counted_since: AppVersion::default(),
        is_container: false,
        cpus: Scalar::from_whole(1),
        mem: Scalar::from_whole(mem_mb),
        disk: Scalar::ZERO,
        gpus: Scalar::from_whole(gpus),
        ports: Vec::new(),
        constraints: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(app: &str, mem_mb: i64, gpus: i64) -> Option<u32> {
        let mut view = View::new();
        view.apply(&registered(0, 16, 4));
        view.apply(&registered(1, 8, 0));
        match Scratch::new(&view).place_with_account(&KeepGpus, 0, &request(app, mem_mb, gpus)) {
            Outcome::Placed(placed) => Some(placed.agent.0),
            Outcome::Nowhere(_) | Outcome::Faulty(_) => None,
        }
    }

    #[test]
    fn gpus_go_to_those_who_want_them_only() {
        assert_eq!(chosen("web", 1_024, 0), Some(1));
        assert_eq!(chosen("web", 9_216, 0), None);
        assert_eq!(chosen("train", 9_216, 1), Some(0));
    }
}
