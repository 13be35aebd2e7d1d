//! Modules that go wrong: each in a sentence of its own, and without harm to anybody.

use std::sync::Arc;

use placement::{Blend, DECISION_WORK, Outcome, Policy, Scratch, Term, View};
use policy_wasm::limits;

use crate::cluster::*;
use crate::texts;

fn fault(text: &str) -> String {
    chosen(text, &equal_agents(3)).expect_err("a fault")
}

#[test]
fn traps_are_told_apart() {
    let cases = [
        ("unreachable", "it gave up: it came to an `unreachable` instruction"),
        ("(i32.div_u (i32.const 1) (local.get $agent))", "it divided by zero"),
        ("(i32.div_s (i32.const 0x80000000) (i32.const -1))", "it divided the least number by -1"),
        ("(i32.load (i32.const -4))", "it read or wrote beyond its memory"),
        ("(i32.load (i32.const 0x20000))", "it read or wrote beyond its memory"),
    ];
    for (expression, expected) in cases {
        assert_eq!(fault(&texts::score(expression)), expected, "{expression}");
    }
    let indirect = "(type $call (func (result i32))) (table 4 funcref)
        (func $score (param i32) (param i32) (result i32) (call_indirect (type $call) (i32.const 2)))";
    assert_eq!(fault(&texts::scoring(indirect)), "it trapped: wasm trap: uninitialized element");
}

#[test]
fn what_does_not_end_runs_out_of_fuel() {
    let expected = "it used up the 1030000 units of fuel that it has for 3 agents: an endless loop, or too much work";
    assert_eq!(limits::fuel(3, DECISION_WORK), 1_030_000);
    let loops = [
        "(loop $again (br $again)) (i32.const 0)",
        // Each of these takes far longer than most instructions.
        "(loop $again (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x10000)) (br $again)) (i32.const 0)",
        "(loop $again (memory.copy (i32.const 0) (i32.const 1) (i32.const 0xffff)) (br $again)) (i32.const 0)",
        "(loop $again (drop (memory.grow (i32.const 0))) (br $again)) (i32.const 0)",
    ];
    for body in loops {
        assert_eq!(fault(&texts::assess(body)), expected, "{body}");
    }
}

#[test]
fn fuel_grows_with_the_agents() {
    let work = |units: u64| {
        // A turn takes eight.
        let turns = units / 9;
        texts::score(&format!(
            "(local $turn i32)
            (loop $again
                (local.set $turn (i32.add (local.get $turn) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $turn) (i32.const {turns}))))
            (i32.const 0)"
        ))
    };
    let view = equal_agents(1_000);
    assert_eq!(chosen(&work(limits::FUEL_PER_AGENT), &view), Ok(0));
    assert!(chosen(&work(limits::FUEL_PER_AGENT * 2), &view).is_err());
}

/// However many agents there are, and however many modules: what one decision costs has a limit.
#[test]
fn the_fuel_of_one_decision_is_shared_by_its_calls_and_by_the_modules_of_a_profile() {
    const AGENTS: u32 = limits::BATCH_AGENTS as u32 + 10;
    let (all, fewer) = (equal_agents(AGENTS), equal_agents(AGENTS - 10));
    let units_among = |view: &View, policies: Vec<Arc<dyn Policy>>| {
        let terms = policies.into_iter().map(|policy| Term { policy, weight: 1, normalise: false });
        let mut scratch = Scratch::new(view);
        match scratch.place(&Blend::new("blend", terms.collect(), None), 0, &small()) {
            Outcome::Faulty(fault) => (Some(fault.reason), scratch.work()),
            Outcome::Placed(_) | Outcome::Nowhere(_) => (None, scratch.work()),
        }
    };
    let units = |policies: Vec<Arc<dyn Policy>>| units_among(&all, policies);
    let told = |units: u64| {
        Some(format!(
            "it used up the {units} units of fuel that it has for {AGENTS} agents: an endless loop, or too much work"
        ))
    };
    let endless = || module(&texts::assess("(loop $again (br $again)) (i32.const 0)"));
    let (alone, work) = units(vec![endless()]);
    assert_eq!(alone, told(DECISION_WORK));
    assert!((DECISION_WORK..DECISION_WORK * 3 / 2).contains(&work), "{work}");
    assert_eq!(units(vec![endless(), module(&texts::score("(i32.const 1)"))]).0, told(DECISION_WORK / 2));
    // All but all of it for the first call, and nothing is left for the second, about ten agents.
    let greedy = texts::assess(&format!(
        "(local $agent i32) (local $turn i32)
        (block $done
            (loop $next
                (br_if $done (i32.ge_u (local.get $agent) (i32.load offset=4 (local.get $batch))))
                (i32.store
                    (i32.add (i32.load offset=140 (local.get $batch)) (i32.shl (local.get $agent) (i32.const 2)))
                    (i32.const 1))
                (local.set $agent (i32.add (local.get $agent) (i32.const 1)))
                (br $next)))
        (loop $again
            (local.set $turn (i32.add (local.get $turn) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $turn) (i32.const {}))))
        (i32.const 0)",
        (DECISION_WORK - 20 * u64::from(AGENTS)) / 9
    ));
    assert_eq!(units_among(&fewer, vec![module(&greedy)]).0, None);
    assert_eq!(units(vec![module(&greedy)]).0, told(DECISION_WORK));
    let (none, work) = units(vec![module(&texts::score("(i32.const 1)"))]);
    assert_eq!((none, work), (None, units(vec![module(&texts::score("(i32.const 1)"))]).1), "the same every time");
}

#[test]
fn memory_ends_at_its_limit() {
    let grow = |pages: u32| {
        texts::assess(&format!("(loop $again (drop (memory.grow (i32.const {pages}))) (br $again)) (i32.const 0)"))
    };
    assert_eq!(fault(&grow(1)), "it wanted 67174400 bytes of memory, and may have 67108864");
    assert_eq!(fault(&grow(0xffff)), "it wanted 4295032832 bytes of memory, and may have 67108864");
    let all_of_it = "(loop $again
            (i32.store8 (i32.shl (memory.grow (i32.const 1)) (i32.const 16)) (i32.const 1))
            (br_if $again (i32.lt_u (memory.size) (i32.const 1024))))
        (i32.const 7)";
    assert_eq!(fault(&texts::assess(all_of_it)), "bayplan_assess returned 7, which says that it failed; 0 is success");
}

#[test]
fn recursion_ends_with_the_stack() {
    let expected = "it used up its stack of 262144 bytes: its functions call too deep";
    let call_itself = "(i32.add (call $assess (local.get $batch)) (i32.const 1))";
    assert_eq!(fault(&texts::assess(call_itself)), expected);
}

#[test]
fn wrong_answers_are_told_with_the_agent() {
    let no_score = "it gave agent S2 no score, nor -1 to refuse it";
    let all_but_the_last = "(i32.store (i32.load offset=140 (local.get $batch)) (i32.const 1))
        (i32.store offset=4 (i32.load offset=140 (local.get $batch)) (i32.const 1))
        (i32.const 0)";
    assert_eq!(fault(&texts::assess(all_but_the_last)), no_score);
    let negative = texts::score("(i32.sub (i32.const 0) (i32.mul (local.get $agent) (i32.const 2)))");
    assert_eq!(fault(&negative), "it gave agent S1 the score -2; scores are from 0 to 2147483647, and -1 refuses");
    let returns = "bayplan_assess returned -3, which says that it failed; 0 is success";
    assert_eq!(fault(&texts::assess("(i32.const -3)")), returns);
    // Its own idea of where the scores are changes nothing.
    let elsewhere = "(i32.store offset=140 (local.get $batch) (i32.const 0)) (i32.const 0)";
    assert_eq!(fault(&texts::assess(elsewhere)), "it gave agent S0 no score, nor -1 to refuse it");
}

#[test]
fn a_fault_is_that_of_one_decision() {
    // Fails for tasks that want ports.
    let text = texts::score("(i32.div_u (i32.const 8) (i32.eqz (i32.load offset=80 (local.get $batch))))");
    let (module, other) = (alone(module(&text)), placement::by_name("best-fit").expect("a policy"));
    let mut agent = resources([4_000, 4_000_000, 0, 0]);
    agent.ports = "31000-31009".parse().expect("a range");
    let view = view([(0, agent)]);
    let mut scratch = Scratch::new(&view);
    let with_ports = request("web", [1_000, 1, 0, 0], 1);
    for _ in 0..3 {
        let Outcome::Faulty(fault) = scratch.place(&module, 0, &with_ports) else { panic!("it divides by zero") };
        assert_eq!(fault.reason, "it divided by zero");
    }
    assert!(matches!(scratch.place(&module, 0, &small()), Outcome::Placed(_)));
    for _ in 0..3 {
        assert!(matches!(scratch.place(other.as_ref(), 0, &with_ports), Outcome::Placed(_)), "nothing was taken");
    }
}

#[test]
fn a_module_that_failed_leaves_nothing_behind() {
    let (module, view) = (alone(module(&texts::score("unreachable"))), equal_agents(1));
    let mut scratch = Scratch::new(&view);
    // Each instance reserves 4 GiB of addresses, and no process has as many as all of these together.
    for _ in 0..33_000 {
        let Outcome::Faulty(fault) = scratch.place(&module, 0, &small()) else { panic!("it gives up") };
        assert_eq!(fault.reason, "it gave up: it came to an `unreachable` instruction");
    }
}
