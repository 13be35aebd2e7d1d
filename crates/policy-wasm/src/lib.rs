//! Placement policies as WebAssembly modules: a policy that is added without building anything of ours again.
//!
//! A module gets columns of numbers, once for all agents of a decision, and gives a column of scores; it has no imports, so it can
//! ask nobody and change nothing. What it may take – instructions, memory, stack – is limited, and whatever goes wrong is a
//! [`placement::Fault`]. Must not know where modules come from, nor what becomes of one that failed.
//!
//! | what | signature |
//! | --- | --- |
//! | a module's policy | `Library::new()?.policy(name, bytes) -> Result<Arc<dyn Policy>, ModuleError>` |
//! | limits | [`limits`] |
//!
//! `docs/policy-modules.md` is the page for those who write modules. A policy of a module is asked about all agents at once.

mod batch;
mod check;
mod engine;
mod fault;
mod library;
pub mod limits;
mod module;

pub use check::ModuleError;
pub use library::Library;

/// The version of what a module and its host agree on.
pub const ABI_VERSION: i32 = 1;
