//! What a module may take. All of these are counted and not timed, so that a module fails on every machine or on none; only the
//! stack is counted in bytes of the machine's own.

use std::fmt;

use wasmtime::{Error, ResourceLimiter};

/// The size of a module, in bytes.
pub const MODULE_BYTES: usize = 1 << 20;
/// What the time to compile depends on: functions of a module, the bytes of the code of all and of one, their parameters and
/// local variables, and the sum over all functions of their branches times their local variables. What keeps to all of these
/// compiles within a second or two, whatever it is made for.
pub const FUNCTIONS: usize = 10_000;
pub const CODE_BYTES: usize = 256 << 10;
pub const FUNCTION_BYTES: usize = 32 << 10;
pub const LOCALS: usize = 100_000;
pub const BRANCHES_BY_LOCALS: usize = 1_000_000;
/// Agents that a module is told of in one call.
pub const BATCH_AGENTS: usize = 65_536;
/// Memory of a module during one call, the columns included.
pub const MEMORY_BYTES: usize = 64 << 20;
/// Functions that a module calls by their number.
pub const TABLE_ELEMENTS: usize = 10_000;
pub const STACK_BYTES: usize = 256 << 10;
/// Units of fuel for one decision, and as many more for every agent; most instructions take one. There is never more than the part
/// of [`placement::DECISION_WORK`] that is the module's.
pub const FUEL: u64 = 1_000_000;
pub const FUEL_PER_AGENT: u64 = 10_000;
/// What a call takes beside its fuel, in the same units: to begin, for each agent and GPU that it is told of, and for each page of
/// memory that it has at its end.
pub const WORK: u64 = 30_000;
pub const WORK_PER_AGENT: u64 = 60;
pub const WORK_PER_GPU: u64 = 6;
pub const WORK_PER_PAGE: u64 = 10_000;
/// Compiled modules that a library keeps.
pub const MODULES_KEPT: usize = 64;

/// What one decision about so many agents may take, of what the module is allowed.
#[must_use]
pub fn fuel(agents: usize, allowance: u64) -> u64 {
    (FUEL + FUEL_PER_AGENT * agents as u64).min(allowance)
}

/// Sees to it that memory beyond the limit is the end of the call: a module whose memory does not grow hardly goes on in a way
/// that makes sense.
#[derive(Debug, Default)]
pub(crate) struct Limiter;

/// What was asked for beyond the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    Memory { bytes: usize, limit: usize },
    Table { elements: usize },
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory { bytes, limit } => write!(f, "it wanted {bytes} bytes of memory, and may have {limit}"),
            Self::Table { elements } => {
                write!(f, "it wanted a table of {elements} elements, and may have {TABLE_ELEMENTS}")
            }
        }
    }
}

impl std::error::Error for Excess {}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> Result<bool, Error> {
        let limit = maximum.unwrap_or(MEMORY_BYTES).min(MEMORY_BYTES);
        if desired > limit {
            return Err(Error::new(Excess::Memory { bytes: desired, limit }));
        }
        Ok(true)
    }

    /// The machine has none left. The module must not see it, as it would answer differently here than elsewhere.
    fn memory_grow_failed(&mut self, error: Error) -> Result<(), Error> {
        Err(error)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool, Error> {
        if desired > TABLE_ELEMENTS {
            return Err(Error::new(Excess::Table { elements: desired }));
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        1
    }
}
