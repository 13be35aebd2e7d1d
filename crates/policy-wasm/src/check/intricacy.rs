//! How long a module could take to compile: by the bytes of its code, as a rule. But a long function takes more than two of half
//! the length, and one in which many branches meet many local variables takes as long as the one times the other.

use wasmtime::wasmparser::{BinaryReaderError, FunctionBody, Operator, Parser, Payload};

use super::ModuleError;
use crate::limits::{BRANCHES_BY_LOCALS, CODE_BYTES, FUNCTION_BYTES, FUNCTIONS, LOCALS};

/// Of all functions of a module together, unless it says otherwise.
#[derive(Default)]
struct Intricacy {
    functions: usize,
    code_bytes: usize,
    /// Of the largest function.
    function_bytes: usize,
    /// Parameters too.
    locals: usize,
    branches_by_locals: usize,
}

/// Of a module that is valid.
pub(super) fn check(bytes: &[u8]) -> Result<(), ModuleError> {
    let found = measure(bytes).map_err(|error| ModuleError::NotWasm { reason: error.to_string() })?;
    let limited = [
        ("functions", found.functions, FUNCTIONS),
        ("bytes of code", found.code_bytes, CODE_BYTES),
        ("bytes of code in one function", found.function_bytes, FUNCTION_BYTES),
        ("parameters and local variables", found.locals, LOCALS),
        ("branches times local variables", found.branches_by_locals, BRANCHES_BY_LOCALS),
    ];
    match limited.into_iter().find(|(_, found, limit)| found > limit) {
        Some((what, found, limit)) => Err(ModuleError::TooIntricate { what, found, limit }),
        None => Ok(()),
    }
}

fn measure(bytes: &[u8]) -> Result<Intricacy, BinaryReaderError> {
    let mut sum = Intricacy::default();
    // How many parameters there are, by type and by function.
    let (mut of_types, mut of_functions) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::TypeSection(types) => {
                for kind in types.into_iter_err_on_gc_types() {
                    of_types.push(kind?.params().len());
                }
            }
            Payload::FunctionSection(types) => {
                for kind in types {
                    of_functions.push(of_types.get(kind? as usize).copied().unwrap_or_default());
                }
            }
            Payload::CodeSectionEntry(body) => {
                let parameters = of_functions.get(sum.functions).copied().unwrap_or_default();
                let locals = parameters + locals(&body)?;
                sum.functions += 1;
                sum.code_bytes += body.range().len();
                sum.function_bytes = sum.function_bytes.max(body.range().len());
                sum.locals += locals;
                sum.branches_by_locals += locals * branches(&body)?;
            }
            _ => {}
        }
    }
    Ok(sum)
}

fn locals(body: &FunctionBody<'_>) -> Result<usize, BinaryReaderError> {
    body.get_locals_reader()?.into_iter().map(|group| group.map(|(count, _)| count as usize)).sum()
}

fn branches(body: &FunctionBody<'_>) -> Result<usize, BinaryReaderError> {
    let branches = body.get_operators_reader()?.into_iter().map(|operator| {
        Ok(match operator? {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::Br { .. }
            | Operator::BrIf { .. } => 1,
            Operator::BrTable { targets } => 1 + targets.len() as usize,
            _ => 0,
        })
    });
    branches.sum()
}
