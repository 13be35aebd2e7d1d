//! What is kept between decisions, through more changes than it remembers.

use model::Scalar;
use placement::{Outcome, Placed, Request, Scratch, View};

use crate::cluster::*;

const AGENTS: u32 = 400;
const CLASSES: u64 = 30;
const STEPS: usize = 6_000;

/// SplitMix64.
struct Draws(u64);

impl Draws {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// Agents of a few sizes, so that many are equal, each with something that it cannot give.
fn filled(draws: &mut Draws) -> View {
    let mut events = Vec::new();
    for agent in 0..AGENTS {
        let size = 1 + draws.below(3) as i64;
        let mut all = resources(size * 16_000, size * 64_000_000);
        all.gpus = Scalar(draws.below(3) as i64 * 2_000);
        events.push(registered(agent, description(&format!("h{agent}"), all)));
        let taken = resources(draws.below(8) as i64 * size * 2_000, draws.below(8) as i64 * size * 8_000_000);
        events.push(offered(u64::from(agent) + 1, agent, taken));
    }
    view(events)
}

fn class(draws: &mut Draws) -> Request {
    let (cpus, mem) = (100 + draws.below(40) as i64 * 100, draws.below(64) as i64 * 128_000);
    let gpus = [0, 0, 0, 250, 500, 1_000, 2_000][draws.below(7) as usize];
    Request { gpus: Scalar(gpus), ..request(["/a", "/b", "/c"][draws.below(3) as usize], cpus, mem) }
}

/// Both scratches have the same held; one keeps what it knows, and the other looks at every agent.
struct Both<'a> {
    fast: Scratch<'a>,
    simple: Scratch<'a>,
    held: Vec<(Request, Placed)>,
}

impl Both<'_> {
    fn place(&mut self, policy_name: &str, seed: u64, request: &Request) {
        let policy = policy(policy_name);
        let fast = self.fast.place(policy.as_ref(), seed, request);
        let simple = self.simple.place_with_account(policy.as_ref(), seed, request);
        match (fast, simple) {
            (Outcome::Placed(fast), Outcome::Placed(simple)) => {
                assert_eq!((fast.agent, &fast.gpu_slots), (simple.agent, &simple.gpu_slots), "{policy_name}");
                assert_eq!(fast.explanation.score, simple.explanation.score);
                self.held.push((request.clone(), fast));
            }
            (fast, simple) => assert_eq!(fast, simple),
        }
    }

    fn release(&mut self, index: usize) {
        let (request, placed) = self.held.swap_remove(index);
        self.fast.release(&request, &placed);
        self.simple.release(&request, &placed);
    }
}

#[test]
fn decisions_stay_the_same_through_thousands_of_changes() {
    for seed in 0..4 {
        let mut draws = Draws(seed);
        let view = filled(&mut draws);
        let bare = view.clone();
        let classes: Vec<Request> = (0..CLASSES).map(|_| class(&mut draws)).collect();
        let mut both = Both { fast: Scratch::new(&view), simple: Scratch::new(&bare), held: Vec::new() };
        for step in 0..STEPS {
            let policy = ["best-fit", "best-fit", "best-fit", "first-fit", "spread"][draws.below(5) as usize];
            let request = &classes[draws.below(if step % 1_000 < 500 { CLASSES } else { 2 }) as usize];
            both.place(policy, draws.below(4), request);
            // It fills up, and now and then nearly all go at once, more than changes are told apart.
            while step % 1_500 == 1_499 && both.held.len() > 100 || both.held.len() > 900 {
                both.release(draws.below(both.held.len() as u64) as usize);
            }
            if step % 97 == 0 {
                assert_eq!(both.fast.check(), Vec::<String>::new(), "step {step}");
            }
        }
    }
}
