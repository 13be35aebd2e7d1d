//! What a module costs beside the same policy in Rust, in Markdown: `cargo run --release -p policy-wasm --example cost`.

#[path = "../tests/modules/keep_gpus.rs"]
mod keep_gpus;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use keep_gpus::KeepGpus;
use model::{AgentDescription, AgentId, AppId, AppVersion, Event, Resources, Scalar};
use placement::{Assessment, Blend, Context, Fault, Node, Outcome, Policy, Request, Score, Scratch, Term, View, place};
use policy_wasm::{Library, limits};
use rustix::time::{ClockId, clock_gettime};

const KEEP_GPUS: &[u8] = include_bytes!("../../../examples/policies/keep_gpus.wasm");
const ENDLESS: &str = r#"(module (memory (export "memory") 1)
    (func (export "bayplan_abi_version") (result i32) (i32.const 1))
    (func (export "bayplan_assess") (param i32) (result i32) (loop $again (br $again)) (i32.const 0)))"#;
/// Goes from one cache line to another at the other end of all its memory, which is the slowest that there is for its fuel.
const JUMPING: &str = r#"(module (memory (export "memory") 1)
    (func (export "bayplan_abi_version") (result i32) (i32.const 1))
    (func (export "bayplan_assess") (param i32) (result i32) (local $line i32) (local $next i32)
        (drop (memory.grow (i32.const 760)))
        (loop $write
            (local.set $next (i32.and (i32.add (local.get $next) (i32.const 514229)) (i32.const 524287)))
            (i32.store
                (i32.add (i32.const 131072) (i32.shl (local.get $line) (i32.const 6)))
                (i32.add (i32.const 131072) (i32.shl (local.get $next) (i32.const 6))))
            (local.set $line (local.get $next))
            (br_if $write (local.get $next)))
        (local.set $line (i32.const 131072))
        (loop $jump (br_if $jump (local.tee $line (i32.load (local.get $line)))))
        (i32.const 0)))"#;
const ROUNDS: usize = 5;
/// Agents that are asked about in a round, so that each takes about as long.
const AGENTS_PER_ROUND: usize = 1_000_000;
/// With this many the fixed part of a call can be told from what each agent costs.
const FEW: usize = 1;

/// Measures how long another policy takes to assess.
struct Timed {
    policy: Arc<dyn Policy>,
    nanoseconds: AtomicU64,
}

impl Policy for Timed {
    fn name(&self) -> &str {
        self.policy.name()
    }

    fn score(&self, cx: &Context<'_>, request: &Request, node: Node<'_>) -> Score {
        self.policy.score(cx, request, node)
    }

    fn is_asked_at_once(&self) -> bool {
        true
    }

    fn assess(
        &self,
        cx: &Context<'_>,
        request: &Request,
        nodes: &[Node<'_>],
        assessments: &mut Vec<Assessment>,
    ) -> Result<(), Fault> {
        let start = nanoseconds();
        let result = self.policy.assess(cx, request, nodes, assessments);
        self.nanoseconds.fetch_add(nanoseconds() - start, Ordering::Relaxed);
        result
    }
}

/// The CPU time of this thread.
fn nanoseconds() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    (time.tv_sec * 1_000_000_000 + time.tv_nsec) as u64
}

/// Four kinds of agents, three of them with GPUs.
fn view(agents: usize) -> View {
    let mut view = View::new();
    for agent in 0..agents as u32 {
        let gpus = [0, 2, 4, 8][agent as usize % 4];
        let [cpus, mem, gpus] = [64, 262_144, gpus].map(Scalar::from_whole);
        let description = AgentDescription {
            hostname: format!("h{agent}"),
            resources: Resources { cpus, mem, gpus, ..Resources::default() },
            attributes: Default::default(),
            address: format!("h{agent}:5051"),
            containerizers: vec!["process".to_owned()],
        };
        view.apply(&Event::AgentRegistered { agent: AgentId(agent), description });
    }
    view
}

fn request() -> Request {
    Request {
        app: AppId::parse("train").expect("an app id"),
        counted_since: AppVersion::default(),
        is_container: false,
        cpus: Scalar::from_whole(4),
        mem: Scalar::from_whole(4_096),
        disk: Scalar::ZERO,
        gpus: Scalar(0),
        ports: Vec::new(),
        constraints: Vec::new(),
    }
}

/// Nanoseconds to assess all agents, and to decide, each of them once.
fn measure(policy: &Arc<dyn Policy>, view: &View, agents: usize) -> (f64, f64) {
    let timed = Arc::new(Timed { policy: Arc::clone(policy), nanoseconds: AtomicU64::new(0) });
    let blend = Blend::new("alone", vec![Term { policy: timed.clone(), weight: 1, normalise: false }], None);
    let request = request();
    let decisions = (AGENTS_PER_ROUND / agents).clamp(100, 10_000);
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        timed.nanoseconds.store(0, Ordering::Relaxed);
        let mut scratch = Scratch::new(view);
        let start = nanoseconds();
        for seed in 0..decisions {
            match scratch.place(&blend, seed as u64, &request) {
                Outcome::Placed(placed) => scratch.release(&request, &placed),
                other => panic!("{other:?}"),
            }
        }
        let [assessing, deciding] = [timed.nanoseconds.load(Ordering::Relaxed), nanoseconds() - start];
        rounds.push([assessing, deciding].map(|time| time as f64 / decisions as f64));
    }
    let median = |which: usize| {
        rounds.sort_by(|one, other| one[which].total_cmp(&other[which]));
        rounds[ROUNDS / 2][which]
    };
    let [assessing, deciding] = [0, 1].map(median);
    (assessing, deciding)
}

fn main() {
    let library = Library::new().expect("an engine");
    let start = nanoseconds();
    let module = library.policy("module", KEEP_GPUS).expect("the example");
    let compiled = nanoseconds() - start;
    let native: Arc<dyn Policy> = Arc::new(KeepGpus);
    println!(
        "| agents | module, a call (µs) | native (µs) | module, each agent (ns) | native, each agent (ns) | \
              decision by the module (µs) | decision by the native one (µs) |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for agents in [FEW, 100, 1_000, 10_000, limits::BATCH_AGENTS] {
        let view = view(agents);
        let [(module, by_module), (native, by_native)] =
            [&module, &native].map(|policy| measure(policy, &view, agents));
        let each = |time: f64| time / agents as f64;
        println!(
            "| {agents} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |",
            module / 1e3,
            native / 1e3,
            each(module),
            each(native),
            by_module / 1e3,
            by_native / 1e3,
        );
    }
    println!("\nTo compile the example ({} bytes): {:.1} ms.", KEEP_GPUS.len(), compiled as f64 / 1e6);
    for agents in [1_000, 10_000, limits::BATCH_AGENTS] {
        println!(
            "An endless loop about {agents} agents ends after {:.0} ms.",
            endless(&library, ENDLESS, agents) / 1e6
        );
    }
    let jumping = endless(&library, JUMPING, limits::BATCH_AGENTS) / 1e6;
    println!("One that only waits for memory ends after {jumping:.0} ms.");
}

fn endless(library: &Library, text: &str, agents: usize) -> f64 {
    let bytes = wat::parse_str(text).expect("a module in text form");
    let policy = library.policy("endless", &bytes).expect("a policy");
    let blend = Blend::new("alone", vec![Term { policy, weight: 1, normalise: false }], None);
    let view = view(agents);
    let start = nanoseconds();
    let Outcome::Faulty(_) = place(&view, &blend, 0, &request()) else { panic!("it cannot end") };
    (nanoseconds() - start) as f64
}
