//! Modules that are refused before they are asked anything.

use std::sync::Arc;

use policy_wasm::{ModuleError, limits};

use crate::cluster::{alone, bytes, equal_agents, library, small};
use crate::texts;

fn refused(bytes: &[u8]) -> String {
    match library().policy("module", bytes) {
        Ok(_) => panic!("it is a policy"),
        Err(error) => error.to_string(),
    }
}

fn refused_text(text: &str) -> String {
    refused(&bytes(text))
}

#[test]
fn what_is_no_module_is_refused() {
    let none = "give the file that the linker wrote";
    assert!(refused(b"").contains(none));
    assert!(refused(b"\x7fELF").contains(none));
    assert_eq!(
        refused(texts::score("(i32.const 0)").as_bytes()),
        "the module is WebAssembly's text form: translate it into the binary form, by wat2wasm for example"
    );
    let large = vec![0; limits::MODULE_BYTES + 1];
    assert_eq!(
        refused(&large),
        "the module has 1048577 bytes and may have 1048576: build it with -Os and without debug information"
    );
}

#[test]
fn imports_are_refused_by_name() {
    let text = r#"(module (import "env" "sqrt" (func (param i32) (result i32))) (memory (export "memory") 1))"#;
    assert_eq!(
        refused_text(text),
        "the module imports `env.sqrt`: a policy has no imports, as it is given all that it may know; link it with -nostdlib, and \
         without functions that it does not define"
    );
}

#[test]
fn exports_are_checked_with_their_types() {
    let cases = [
        ("(module)", "no memory of the name `memory`"),
        (r#"(module (func (export "memory")))"#, "no memory of the name `memory`"),
        (
            r#"(module (memory (export "memory") 1))"#,
            "no function without parameters that returns an i32 of the name `bayplan_abi_version`",
        ),
        (
            r#"(module (memory (export "memory") 1)
                (func (export "bayplan_abi_version") (result i64) (i64.const 1)))"#,
            "no function without parameters that returns an i32 of the name `bayplan_abi_version`",
        ),
        (&texts::whole(""), "no function with an i32 that returns an i32 of the name `bayplan_assess`"),
        (
            &texts::whole(r#"(func (export "bayplan_assess") (param i32 i32) (result i32) (i32.const 0))"#),
            "no function with an i32 that returns an i32 of the name `bayplan_assess`",
        ),
    ];
    for (text, expected) in cases {
        let expected = format!("the module exports {expected}: see `bayplan_policy.h` for what a policy exports");
        assert_eq!(refused_text(text), expected, "{text}");
    }
}

#[test]
fn other_versions_are_refused() {
    let text = texts::score("(i32.const 0)").replace("(result i32) (i32.const 1))", "(result i32) (i32.const 2))");
    assert_eq!(
        refused_text(&text),
        "the module was written for version 2 of the interface, and this master knows version 1: build it with the \
         `bayplan_policy.h` of this version"
    );
}

#[test]
fn floats_are_refused_wherever_they_are() {
    let with = [
        "(func (drop (f32.const 1)))",
        "(func (param f64))",
        "(func (local f32))",
        "(global f64 (f64.const 0))",
        "(func (param i32) (drop (f32.load (local.get 0))))",
        "(func (param i32) (drop (f64.convert_i32_s (local.get 0))))",
    ];
    for definition in with {
        let message = refused_text(&texts::whole(definition));
        assert!(message.starts_with("the module computes with floats ("), "{definition}: {message}");
        assert!(message.ends_with("scores are whole numbers, so compute in thousandths"), "{message}");
    }
}

#[test]
fn what_policies_do_not_need_is_refused() {
    let with = [
        "(func (drop (v128.const i64x2 0 0)))",
        "(memory 1 1 shared)",
        "(memory $more 1)",
        "(table $one 1 funcref) (table $two 1 funcref)",
        "(func (param externref))",
        "(func (result i32 i32) (i32.const 0) (i32.const 0))",
        "(func $again (return_call $again))",
        "(tag)",
    ];
    for definition in with {
        let message = refused_text(&texts::whole(definition));
        assert!(
            message.starts_with("the module needs more of WebAssembly than a policy may use ("),
            "{definition}: {message}"
        );
    }
    let wide = r#"(module (memory (export "memory") i64 1))"#;
    assert!(refused_text(wide).starts_with("the module needs more of WebAssembly than a policy may use ("));
}

#[test]
fn what_would_take_long_to_compile_is_refused() {
    let locals = format!("(func (local {}))", "i64 ".repeat(40_000)).repeat(3);
    let parameters =
        format!("(type $many (func (param {})))", "i64 ".repeat(1_000)) + &"(func (type $many))".repeat(200);
    let code = format!("(func {})", "(drop (i32.const 1))".repeat(100_000));
    let function = format!("(func {})", "(drop (i32.const 1))".repeat(11_000));
    let branches = format!("(func (local {}) {})", "i32 ".repeat(1_000), "(loop (br_if 0 (local.get 7)))".repeat(501));
    let table = format!("(func (local {}) (br_table {} (i32.const 0)))", "i32 ".repeat(1_000), "0 ".repeat(1_001));
    let exports = "(func (export \"bayplan_assess\") (param i32) (result i32) (i32.const 0))";
    let cases = [
        ("(func)".repeat(limits::FUNCTIONS), "10002 functions, and may have 10000"),
        (code, "300010 bytes of code, and may have 262144"),
        (function, "33002 bytes of code in one function, and may have 32768"),
        (locals, "120001 parameters and local variables, and may have 100000"),
        (parameters, "200001 parameters and local variables, and may have 100000"),
        (branches, "1002000 branches times local variables, and may have 1000000"),
        (table, "1001000 branches times local variables, and may have 1000000"),
    ];
    for (definitions, expected) in cases {
        let expected = format!("the module would take too long to compile: it has {expected}; make it smaller");
        assert_eq!(refused_text(&texts::whole(&(exports.to_owned() + &definitions))), expected);
    }
}

#[test]
fn memory_has_to_leave_room_for_the_columns() {
    let with =
        |memory: &str| texts::score("(i32.const 0)").replace("\"memory\") 1)", &format!("\"memory\") {memory})"));
    for memory in ["1000", "1 100", "60000"] {
        let message = refused_text(&with(memory));
        assert!(message.contains("leaves too little room for the columns of 65536 agents"), "{memory}: {message}");
    }
    for memory in ["700", "1 1000", "0"] {
        assert!(library().policy("module", &bytes(&with(memory))).is_ok(), "{memory}");
    }
}

#[test]
fn what_fails_at_the_start_is_refused() {
    let start = |body: &str| texts::scoring(&format!("(func $score (param i32 i32) (result i32) i32.const 0) {body}"));
    let endless = refused_text(&start("(func $start (loop $again (br $again))) (start $start)"));
    assert_eq!(
        endless,
        "the module cannot be started: it used up the 1000000 units of fuel that it has for 0 agents: an endless loop, or too \
         much work"
    );
    let beyond = refused_text(&start(r#"(data (i32.const 0x10000) "x")"#));
    assert_eq!(beyond, "the module cannot be started: it read or wrote beyond its memory");
    let table = refused_text(&start("(table 1000000 funcref)"));
    assert_eq!(table, "the module cannot be started: it wanted a table of 1000000 elements, and may have 10000");
}

#[test]
fn modules_are_compiled_once_while_they_are_kept() {
    let library = library();
    let texts: Vec<_> =
        (0..limits::MODULES_KEPT + 5).map(|score| texts::score(&format!("(i32.const {score})"))).collect();
    for _ in 0..2 {
        for (score, text) in texts.iter().enumerate() {
            let policy = library.policy(&format!("module {score}"), &bytes(text)).expect("a policy");
            assert_eq!(policy.name(), format!("module {score}"));
            let account = placement::Scratch::new(&equal_agents(1)).account(&alone(Arc::clone(&policy)), 0, &small());
            assert_eq!(account.expect("an account").explanation.score, Some(score as i64));
        }
    }
    assert_eq!(
        library.policy("none", b"none").err().map(|error| matches!(error, ModuleError::NotWasm { .. })),
        Some(true)
    );
}
