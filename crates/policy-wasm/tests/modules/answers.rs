//! Modules against the same policies in Rust, and what modules must not see.

use std::sync::Arc;

use model::Resources;
use placement::{Context, Dimension, Node, Outcome, Policy, Request, Score, Scratch, Standing, View};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::cluster::*;
use crate::keep_gpus::KeepGpus;
use crate::texts;

/// One policy, made of C and of Rust.
const EXAMPLES: [&[u8]; 2] = [
    include_bytes!("../../../../examples/policies/keep_gpus.wasm"),
    include_bytes!("../../../../examples/policies/keep_gpus_rust.wasm"),
];

/// The policy of [`texts::fingerprint`].
struct Fingerprint;

impl Policy for Fingerprint {
    fn name(&self) -> &str {
        "module"
    }

    fn score(&self, cx: &Context<'_>, request: &Request, node: Node<'_>) -> Score {
        let mut sum: i64 = 0;
        let mut fold = |value: i64| sum = sum.wrapping_mul(31).wrapping_add(value);
        fold(1);
        fold(request.ports.len() as i64);
        fold(i64::from(request.is_container));
        fold(cx.seed() as i64);
        request.amounts().into_iter().for_each(&mut fold);
        Dimension::ALL.into_iter().for_each(|dimension| fold(cx.largest(dimension).0));
        fold(i64::from(node.agent().0));
        fold(i64::from(node.free_port_count()));
        fold(i64::from(cx.instances_on(node)));
        Dimension::ALL.into_iter().for_each(|dimension| fold(node.total(dimension).0));
        Dimension::ALL.into_iter().for_each(|dimension| fold(node.free(dimension).0));
        node.gpu_shares().for_each(|share| fold(i64::from(share)));
        Score(((sum ^ (sum as u64 >> 29) as i64) as u32) & 0x7fff_ffff)
    }
}

fn any_agent() -> impl Strategy<Value = Resources> {
    let gpus = prop_oneof![Just(0), 1..9_000_i64, (1..9_i64).prop_map(|gpus| gpus * 1_000), Just(70_000)];
    let ports = (1..200_u16).prop_map(|count| format!("31000-{}", 31_000 + count));
    (1..64_000_i64, 1..64_000_000_i64, 0..900_000_i64, gpus, ports).prop_map(|(cpus, mem, disk, gpus, ports)| {
        Resources { ports: ports.parse().expect("a range"), ..resources([cpus, mem, disk, gpus]) }
    })
}

fn any_request() -> impl Strategy<Value = Request> {
    let gpus = prop_oneof![2 => Just(0), 2 => 1..1_000_i64, 1 => (1..4_i64).prop_map(|gpus| gpus * 1_000)];
    let app = prop_oneof![Just("web"), Just("train")];
    (app, 1..8_000_i64, 1..8_000_000_i64, 0..1_000_i64, gpus, 0..3_usize, any::<bool>()).prop_map(
        |(app, cpus, mem, disk, gpus, ports, is_container)| Request {
            is_container,
            ..request(app, [cpus, mem, disk, gpus], ports)
        },
    )
}

/// Places all requests by both, one on top of the other, and compares the whole accounts.
fn decide_alike(
    module: Arc<dyn Policy>,
    native: Arc<dyn Policy>,
    view: &View,
    requests: &[Request],
) -> Result<(), TestCaseError> {
    let (module, native) = (alone(module), alone(native));
    let (mut by_module, mut by_native) = (Scratch::new(view), Scratch::new(view));
    for (seed, request) in requests.iter().enumerate() {
        let seed = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let told = by_module.account(&module, seed, request);
        prop_assert_eq!(told.ok(), by_native.account(&native, seed, request).ok());
        let outcome = by_module.place(&module, seed, request);
        prop_assert!(!matches!(outcome, Outcome::Faulty(_)), "{:?}", outcome);
        prop_assert_eq!(outcome, by_native.place(&native, seed, request));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_module_is_told_what_a_policy_in_rust_sees(
        agents in vec((1..4_u32, any_agent()), 1..40),
        requests in vec(any_request(), 1..30),
    ) {
        let mut number = 0;
        let view = view(agents.into_iter().map(|(step, agent)| {
            number += step;
            (number, agent)
        }));
        decide_alike(module(&texts::fingerprint()), Arc::new(Fingerprint), &view, &requests)?;
    }

    #[test]
    fn the_examples_decide_as_the_same_policy_built_in(
        agents in vec(any_agent(), 1..40),
        requests in vec(any_request(), 1..30),
    ) {
        let view = view((0..).zip(agents));
        for bytes in EXAMPLES {
            let example = library().policy("module", bytes).expect("an example");
            decide_alike(example, Arc::new(KeepGpus), &view, &requests)?;
        }
    }
}

/// Of a small task, by agent; None for those that are refused.
fn scores(policy: Arc<dyn Policy>, view: &View) -> Vec<Option<u32>> {
    let account = Scratch::new(view).account(&alone(policy), 7, &small()).expect("an account");
    let mut agents: Vec<_> = account.agents.iter().map(|agent| (agent.agent, &agent.standing)).collect();
    agents.sort_by_key(|(agent, _)| *agent);
    let score = |(_, standing): (_, &Standing)| match standing {
        Standing::Compared { score, .. } => Some(score.0),
        Standing::NotDrawn | Standing::Filtered { .. } => None,
    };
    agents.into_iter().map(score).collect()
}

#[test]
fn nothing_that_a_call_leaves_behind_is_there_for_the_next() {
    // Counts its calls in a global, in memory, and by growing.
    let text = texts::scoring(
        "(global $calls (mut i32) (i32.const 0))
        (func $score (param $batch i32) (param $agent i32) (result i32)
            (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 1)))
            (drop (memory.grow (i32.const 1)))
            (i32.add
                (i32.mul (global.get $calls) (i32.const 10000))
                (i32.add (i32.mul (i32.load (i32.const 64)) (i32.const 100)) (memory.size))))",
    );
    let (module, view) = (module(&text), equal_agents(3));
    let first = scores(module.clone(), &view);
    assert_eq!(first, [Some(10_103), Some(20_204), Some(30_305)], "one page of the module's and one with the columns");
    assert_eq!(first, scores(module, &view));
}

#[test]
fn refusals_are_told_apart_from_scores() {
    let odd_ones = texts::score("(select (i32.const -1) (i32.const 0) (i32.and (local.get $agent) (i32.const 1)))");
    assert_eq!(scores(module(&odd_ones), &equal_agents(4)), [Some(0), None, Some(0), None]);
    let highest = texts::score("(i32.const 0x7fffffff)");
    assert_eq!(scores(module(&highest), &equal_agents(1)), [Some(i32::MAX as u32)]);
    let nobody = texts::score("(i32.const -1)");
    let Outcome::Nowhere(explanation) = Scratch::new(&equal_agents(2)).place(&alone(module(&nobody)), 0, &small())
    else {
        panic!("all were refused")
    };
    assert_eq!(explanation.to_string(), "0 of 2 agents feasible: 2 RefusedByPolicy (refused by the policy module)");
}

#[test]
fn a_large_cluster_is_cut_into_batches() {
    const AGENTS: usize = policy_wasm::limits::BATCH_AGENTS;
    let scores =
        scores(module(&texts::score("(i32.load offset=4 (local.get $batch))")), &equal_agents(AGENTS as u32 + 3));
    assert!(scores[..AGENTS].iter().all(|score| *score == Some(AGENTS as u32)));
    assert_eq!(scores[AGENTS..], [Some(3); 3]);
}

#[test]
fn a_module_that_decides_alone_is_asked_about_all_agents_at_once() {
    // Scores all by the first agent of the call.
    let text = texts::score("(i32.rem_u (i32.load (i32.load offset=88 (local.get $batch))) (i32.const 3))");
    let (module, view) = (module(&text), equal_agents(5));
    let Outcome::Placed(placed) = Scratch::new(&view).place(module.as_ref(), 0, &small()) else {
        panic!("all have room")
    };
    assert_eq!((placed.agent.0, placed.explanation.score, placed.explanation.feasible), (0, Some(0), Some(5)));
}
