//! Compiled modules, kept by the hash of their bytes.

use std::sync::{Arc, Mutex, PoisonError};

use placement::{DECISION_WORK, Policy};
use wasmtime::{Engine, Linker, Module};

use crate::limits::MODULES_KEPT;
use crate::module::{Compiled, ModulePolicy, Tank};
use crate::{ABI_VERSION, ModuleError, check, engine, fault};

/// Makes policies of modules. The same bytes are compiled once, as long as not too many others came in between.
pub struct Library {
    engine: Engine,
    /// The one that was asked for last comes last.
    kept: Mutex<Vec<(blake3::Hash, Arc<Compiled>)>>,
}

impl Library {
    pub fn new() -> Result<Self, ModuleError> {
        let engine = engine::engine().map_err(|error| ModuleError::Engine { reason: format!("{error:#}") })?;
        Ok(Self { engine, kept: Mutex::default() })
    }

    /// The policy of a module that is compiled already, by the BLAKE3 hash of its bytes.
    #[must_use]
    pub fn known(&self, name: &str, hash: [u8; 32]) -> Option<Arc<dyn Policy>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let index = kept.iter().position(|(known, _)| *known.as_bytes() == hash)?;
        // The one that was asked for last comes last.
        kept[index..].rotate_left(1);
        let compiled = kept.last().map(|(_, compiled)| Arc::clone(compiled))?;
        Some(Arc::new(ModulePolicy { name: name.into(), compiled }))
    }

    /// The policy of a module. Policies of one name must decide alike, so `name` says which module it is.
    pub fn policy(&self, name: &str, bytes: &[u8]) -> Result<Arc<dyn Policy>, ModuleError> {
        let hash = blake3::hash(bytes);
        if let Some(policy) = self.known(name, *hash.as_bytes()) {
            return Ok(policy);
        }
        // Others are asked for meanwhile.
        let compiled = Arc::new(self.compile(bytes)?);
        self.keep(hash, &compiled);
        Ok(Arc::new(ModulePolicy { name: name.into(), compiled }))
    }

    fn keep(&self, hash: blake3::Hash, compiled: &Arc<Compiled>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, _)| *known != hash);
        if kept.len() == MODULES_KEPT {
            kept.remove(0);
        }
        kept.push((hash, compiled.clone()));
    }

    fn compile(&self, bytes: &[u8]) -> Result<Compiled, ModuleError> {
        check::bytes(bytes)?;
        let compile_error = |error: wasmtime::Error| ModuleError::Compile { reason: format!("{error:#}") };
        let module = Module::from_binary(&self.engine, bytes).map_err(compile_error)?;
        check::module(&module)?;
        let prepared = Linker::new(&self.engine).instantiate_pre(&module).map_err(compile_error)?;
        let compiled = Compiled { prepared };
        let tank = Tank::of(0, DECISION_WORK);
        let start_error = |error: wasmtime::Error| ModuleError::Start { reason: fault::of_call(&error, &tank).0 };
        let mut store = compiled.store(&tank).map_err(start_error)?;
        let instance = compiled.prepared.instantiate(&mut store).map_err(start_error)?;
        let version = instance.get_typed_func::<(), i32>(&mut store, check::VERSION).map_err(start_error)?;
        match version.call(&mut store, ()).map_err(start_error)? {
            ABI_VERSION => Ok(compiled),
            found => Err(ModuleError::Version { found }),
        }
    }
}
