//! What went wrong inside a module, in a sentence.

use placement::Fault;
use wasmtime::{Error, Trap};

use crate::limits::{Excess, STACK_BYTES};
use crate::module::Tank;

pub(crate) fn of_call(error: &Error, tank: &Tank) -> Fault {
    if let Some(excess) = error.downcast_ref::<Excess>() {
        return Fault(excess.to_string());
    }
    Fault(match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => format!(
            "it used up the {} units of fuel that it has for {} agents: an endless loop, or too much work",
            tank.full, tank.agents
        ),
        Some(Trap::StackOverflow) => {
            format!("it used up its stack of {STACK_BYTES} bytes: its functions call too deep")
        }
        Some(Trap::MemoryOutOfBounds) => "it read or wrote beyond its memory".to_owned(),
        Some(Trap::UnreachableCodeReached) => "it gave up: it came to an `unreachable` instruction".to_owned(),
        Some(Trap::IntegerDivisionByZero) => "it divided by zero".to_owned(),
        Some(Trap::IntegerOverflow) => "it divided the least number by -1".to_owned(),
        Some(trap) => format!("it trapped: {trap}"),
        None => format!("it could not be run: {error:#}"),
    })
}
