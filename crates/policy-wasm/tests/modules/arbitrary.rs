//! Bytes of any kind: a policy, or an error, and never a panic.

use placement::{Outcome, Scratch};
use policy_wasm::Library;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::cluster::{alone, bytes, equal_agents, library, small};
use crate::texts;

fn modules() -> [Vec<u8>; 3] {
    let example = include_bytes!("../../../../examples/policies/keep_gpus.wasm").to_vec();
    let table = "(type $call (func (param i32 i32) (result i32))) (table 4 funcref) (elem (i32.const 1) $one)
        (func $one (type $call) (i32.const 3)) (global $g (mut i32) (i32.const 5)) (data (i32.const 8) \"\\01\\02\")
        (func $score (type $call) (call_indirect (type $call) (local.get 0) (local.get 1) (i32.load8_u (i32.const 8))))";
    [example, bytes(&texts::fingerprint()), bytes(&texts::scoring(table))]
}

/// Loads what can be loaded, and asks it. Whether it was a policy.
fn try_out(library: &Library, bytes: &[u8]) -> bool {
    let Ok(policy) = library.policy("module", bytes) else { return false };
    let view = equal_agents(3);
    let outcome = Scratch::new(&view).place(&alone(policy), 1, &small());
    assert!(matches!(outcome, Outcome::Placed(_) | Outcome::Nowhere(_) | Outcome::Faulty(_)));
    true
}

#[test]
fn a_part_of_a_module_is_no_policy() {
    let library = library();
    for module in modules() {
        assert!(try_out(&library, &module));
        // What is missing may be no more than what memory begins with, and the names of functions.
        let policies = (0..module.len()).filter(|length| try_out(&library, &module[..*length])).count();
        assert!(policies <= 2, "{policies} parts of a module are policies");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn random_bytes_are_no_policy(mut bytes in vec(any::<u8>(), 0..300), is_begun in any::<bool>()) {
        if is_begun {
            bytes.splice(0..0, *b"\0asm\x01\0\0\0");
        }
        prop_assert!(!try_out(&library(), &bytes));
    }

    #[test]
    fn changed_modules_do_no_harm(
        module in 0..3_usize,
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = modules()[module].clone();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        try_out(&library(), &bytes);
    }
}
