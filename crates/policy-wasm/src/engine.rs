//! What of WebAssembly a module may use, and how it is run.

use wasmtime::wasmparser::WasmFeatures;
use wasmtime::{Config, Engine, OperatorCost};

use crate::limits::STACK_BYTES;

/// What compilers make of C and Rust by default, but for two things. Floats, because no score of ours is made of them. And
/// functions and blocks with several results, which no compiler makes unless it is told to, and with which a small module could
/// take minutes to compile.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::BULK_MEMORY_OPT)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG);

pub(crate) fn engine() -> Result<Engine, wasmtime::Error> {
    let mut config = Config::new();
    config.wasm_features(WasmFeatures::all().difference(FEATURES), false);
    config.consume_fuel(true).operator_cost(costs()).max_wasm_stack(STACK_BYTES);
    // Where in the module something went wrong is nowhere told.
    config.wasm_backtrace_max_frames(None).generate_address_map(false);
    Engine::new(&config)
}

/// A unit for most instructions, and more for the few that take far longer; else fuel would limit no time.
fn costs() -> OperatorCost {
    let mut costs = OperatorCost::new();
    for division in [
        &mut costs.I32DivS,
        &mut costs.I32DivU,
        &mut costs.I32RemS,
        &mut costs.I32RemU,
        &mut costs.I64DivS,
        &mut costs.I64DivU,
        &mut costs.I64RemS,
        &mut costs.I64RemU,
    ] {
        *division = 8;
    }
    costs.MemoryGrow = u8::MAX;
    costs
}
