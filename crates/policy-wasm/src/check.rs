//! What is wrong with a module, said before it is ever asked about an agent.
//!
//! The bytes are looked through first, because compiling is the one thing that no fuel limits.

mod intricacy;

use wasmtime::wasmparser::{Validator, WasmFeatures};
use wasmtime::{ExternType, Module, ValType};

use crate::ABI_VERSION;
use crate::batch::Layout;
use crate::engine::FEATURES;
use crate::limits::{BATCH_AGENTS, MEMORY_BYTES, MODULE_BYTES};

pub(crate) const MEMORY: &str = "memory";
pub(crate) const VERSION: &str = "bayplan_abi_version";
pub(crate) const ASSESS: &str = "bayplan_assess";

/// Why bytes are no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModuleError {
    #[error(
        "the module has {bytes} bytes and may have {MODULE_BYTES}: build it with -Os and without debug information"
    )]
    TooLarge { bytes: usize },
    #[error("the module is WebAssembly's text form: translate it into the binary form, by wat2wasm for example")]
    Text,
    #[error("the bytes are no WebAssembly module ({reason}): give the file that the linker wrote")]
    NotWasm { reason: String },
    #[error("the module computes with floats ({reason}): scores are whole numbers, so compute in thousandths")]
    Floats { reason: String },
    #[error(
        "the module needs more of WebAssembly than a policy may use ({reason}): build it for the generic or mvp CPU, without \
         SIMD, threads and reference types"
    )]
    Feature { reason: String },
    #[error("the module would take too long to compile: it has {found} {what}, and may have {limit}; make it smaller")]
    TooIntricate { what: &'static str, found: usize, limit: usize },
    #[error(
        "the module imports `{module}.{name}`: a policy has no imports, as it is given all that it may know; link it with \
         -nostdlib, and without functions that it does not define"
    )]
    Import { module: String, name: String },
    #[error("the module exports no {expected} of the name `{name}`: see `bayplan_policy.h` for what a policy exports")]
    NoExport { name: &'static str, expected: &'static str },
    #[error(
        "the module's memory begins with {least} bytes and may grow to {most}, which leaves too little room for the columns of \
         {BATCH_AGENTS} agents: begin with less, and set no maximum"
    )]
    NoRoom { least: u64, most: u64 },
    #[error(
        "the module was written for version {found} of the interface, and this master knows version {ABI_VERSION}: build it \
         with the `bayplan_policy.h` of this version"
    )]
    Version { found: i32 },
    #[error("the module cannot be started: {reason}")]
    Start { reason: String },
    #[error("the module cannot be compiled: {reason}")]
    Compile { reason: String },
    #[error("WebAssembly cannot be run on this machine: {reason}")]
    Engine { reason: String },
}

/// Whether the bytes may be compiled.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), ModuleError> {
    if bytes.len() > MODULE_BYTES {
        return Err(ModuleError::TooLarge { bytes: bytes.len() });
    }
    if bytes.trim_ascii_start().starts_with(b"(module") {
        return Err(ModuleError::Text);
    }
    let problem_with =
        |features| Validator::new_with_features(features).validate_all(bytes).err().map(|error| error.to_string());
    if let Some(reason) = problem_with(FEATURES) {
        // The more it takes to understand the module, the worse.
        return Err(if problem_with(FEATURES | WasmFeatures::FLOATS).is_none() {
            ModuleError::Floats { reason }
        } else if problem_with(WasmFeatures::all()).is_none() {
            ModuleError::Feature { reason }
        } else {
            ModuleError::NotWasm { reason }
        });
    }
    intricacy::check(bytes)
}

/// Whether a module has what a policy has, and nothing that it may not have.
pub(crate) fn module(module: &Module) -> Result<(), ModuleError> {
    if let Some(import) = module.imports().next() {
        return Err(ModuleError::Import { module: import.module().to_owned(), name: import.name().to_owned() });
    }
    let Some(ExternType::Memory(memory)) = module.get_export(MEMORY) else {
        return Err(ModuleError::NoExport { name: MEMORY, expected: "memory" });
    };
    let page = memory.page_size();
    let least = memory.minimum() * page;
    let most = memory.maximum().map_or(MEMORY_BYTES as u64, |pages| (pages * page).min(MEMORY_BYTES as u64));
    if least + (Layout::largest(BATCH_AGENTS).bytes as u64).next_multiple_of(page) > most {
        return Err(ModuleError::NoRoom { least, most });
    }
    function(module, VERSION, "function without parameters that returns an i32", &[])?;
    function(module, ASSESS, "function with an i32 that returns an i32", &[ValType::I32])
}

fn function(
    module: &Module,
    name: &'static str,
    expected: &'static str,
    parameters: &[ValType],
) -> Result<(), ModuleError> {
    let is_same = |found: &[ValType], wanted: &[ValType]| {
        found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| ValType::eq(found, wanted))
    };
    match module.get_export(name) {
        Some(ExternType::Func(function))
            if is_same(&function.params().collect::<Vec<_>>(), parameters)
                && is_same(&function.results().collect::<Vec<_>>(), &[ValType::I32]) =>
        {
            Ok(())
        }
        _ => Err(ModuleError::NoExport { name, expected }),
    }
}
