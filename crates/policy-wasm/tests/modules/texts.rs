//! Modules in text form.

/// A module with these functions and whatever else, one of them `$score`, which is called with the batch and an agent's place
/// in it.
pub(crate) fn scoring(definitions: &str) -> String {
    whole(&format!(
        r#"{definitions}
        (func (export "bayplan_assess") (param $batch i32) (result i32) (local $agent i32)
            (block $done
                (loop $next
                    (br_if $done (i32.ge_u (local.get $agent) (i32.load offset=4 (local.get $batch))))
                    (i32.store
                        (i32.add
                            (i32.load offset=140 (local.get $batch))
                            (i32.shl (local.get $agent) (i32.const 2)))
                        (call $score (local.get $batch) (local.get $agent)))
                    (local.set $agent (i32.add (local.get $agent) (i32.const 1)))
                    (br $next)))
            (i32.const 0))"#
    ))
}

/// A module whose score of every agent is this expression.
pub(crate) fn score(expression: &str) -> String {
    scoring(&format!("(func $score (param $batch i32) (param $agent i32) (result i32) {expression})"))
}

/// A module whose `bayplan_assess` has this body.
pub(crate) fn assess(body: &str) -> String {
    whole(&format!(r#"(func $assess (export "bayplan_assess") (param $batch i32) (result i32) {body})"#))
}

/// A module with these definitions, a memory, and its version.
pub(crate) fn whole(definitions: &str) -> String {
    format!(
        r#"(module
        (memory (export "memory") 1)
        (func (export "bayplan_abi_version") (result i32) (i32.const 1))
        {definitions})"#
    )
}

/// A number made of everything that a module is told, so that two of them are hardly ever equal when anything differs.
pub(crate) fn fingerprint() -> String {
    let mut body = String::new();
    let mut fold = |value: String| {
        body.push_str("(local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) ");
        body.push_str(&value);
        body.push_str("))\n");
    };
    for offset in [0, 80, 84] {
        fold(format!("(i64.extend_i32_u (i32.load offset={offset} (local.get $batch)))"));
    }
    for offset in [8, 16, 24, 32, 40, 48, 56, 64, 72] {
        fold(format!("(i64.load offset={offset} (local.get $batch))"));
    }
    for offset in [88, 124, 128] {
        fold(format!("(i64.extend_i32_u (i32.load {}))", place(offset, 2)));
    }
    for offset in [92, 96, 100, 104, 108, 112, 116, 120] {
        fold(format!("(i64.load {})", place(offset, 3)));
    }
    scoring(&format!(
        r#"(func $score (param $batch i32) (param $agent i32) (result i32) (local $sum i64) (local $gpu i32) (local $end i32)
            {body}
            (local.set $gpu (i32.load {starts}))
            (local.set $end (i32.load offset=4 {starts}))
            (block $done
                (loop $next
                    (br_if $done (i32.ge_u (local.get $gpu) (local.get $end)))
                    (local.set $sum
                        (i64.add
                            (i64.mul (local.get $sum) (i64.const 31))
                            (i64.extend_i32_s
                                (i32.load16_s
                                    (i32.add
                                        (i32.load offset=136 (local.get $batch))
                                        (i32.shl (local.get $gpu) (i32.const 1)))))))
                    (local.set $gpu (i32.add (local.get $gpu) (i32.const 1)))
                    (br $next)))
            (i32.and
                (i32.wrap_i64 (i64.xor (local.get $sum) (i64.shr_u (local.get $sum) (i64.const 29))))
                (i32.const 0x7fffffff)))"#,
        starts = place(132, 2),
    ))
}

/// The address of the agent's entry in the column whose address is at this offset of the batch.
fn place(offset: u32, log2_width: u32) -> String {
    format!(
        "(i32.add (i32.load offset={offset} (local.get $batch)) (i32.shl (local.get $agent) (i32.const {log2_width})))"
    )
}
