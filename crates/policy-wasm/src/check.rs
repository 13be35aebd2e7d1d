//! What is wrong with a module, said before it is ever asked about an agent.
//!
//! The bytes are looked through first, because compiling is the one thing that no fuel limits.

use wasmtime::wasmparser::{Parser, Payload, Validator, WasmFeatures};
use wasmtime::{ExternType, Module, ValType};

use crate::ABI_VERSION;
use crate::batch::Layout;
use crate::engine::FEATURES;
use crate::limits::{BATCH_AGENTS, FUNCTIONS, LOCALS, MEMORY_BYTES, MODULE_BYTES};

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
    #[error(
        "the module has {functions} functions with {locals} parameters and local variables, and may have {FUNCTIONS} with \
             {LOCALS}, so that it compiles in a short time: make it smaller"
    )]
    TooIntricate { functions: usize, locals: usize },
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
    intricacy(bytes)
}

fn intricacy(bytes: &[u8]) -> Result<(), ModuleError> {
    let not_wasm = |reason: &dyn std::fmt::Display| ModuleError::NotWasm { reason: reason.to_string() };
    // By type, how many parameters a function of it has.
    let mut parameters: Vec<usize> = Vec::new();
    let (mut functions, mut locals) = (0, 0);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| not_wasm(&error))? {
            Payload::TypeSection(types) => {
                for kind in types.into_iter_err_on_gc_types() {
                    parameters.push(kind.map_err(|error| not_wasm(&error))?.params().len());
                }
            }
            Payload::FunctionSection(types) => {
                for kind in types {
                    let kind = kind.map_err(|error| not_wasm(&error))? as usize;
                    functions += 1;
                    locals += parameters.get(kind).copied().unwrap_or_default();
                }
            }
            Payload::CodeSectionEntry(body) => {
                for group in body.get_locals_reader().map_err(|error| not_wasm(&error))? {
                    let (count, _) = group.map_err(|error| not_wasm(&error))?;
                    locals += count as usize;
                }
            }
            _ => {}
        }
    }
    if functions > FUNCTIONS || locals > LOCALS {
        return Err(ModuleError::TooIntricate { functions, locals });
    }
    Ok(())
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
