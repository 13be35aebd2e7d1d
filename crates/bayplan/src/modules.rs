//! Policies that come as WebAssembly modules, for masters and for simulations.

use std::sync::Arc;

use model::Module;
use placement::Policy;
use policy_wasm::{Library, ModuleError};
use scheduler::Policies;

use crate::failure::Failure;

struct Loader(Library);

impl scheduler::Modules for Loader {
    fn policy(&self, module: &Module) -> Result<Arc<dyn Policy>, String> {
        match self.0.known(&module.name, module.hash.0) {
            Some(policy) => Ok(policy),
            None => self.0.policy(&module.name, &module.bytes.0).map_err(|error| error.to_string()),
        }
    }
}

/// All policies that this program can run.
pub(crate) fn policies() -> Result<Policies, Failure> {
    let library = Library::new().map_err(|error| Failure::failed(error.to_string()))?;
    Ok(Policies::with(Arc::new(Loader(library))))
}

/// The policy of a module that is in no log.
pub(crate) fn policy(name: &str, bytes: &[u8]) -> Result<Arc<dyn Policy>, ModuleError> {
    Library::new()?.policy(name, bytes)
}
