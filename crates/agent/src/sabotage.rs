//! Faults that can be planted in an agent at run time, so that the simulator can show that it would find them.

/// What is to go wrong; nothing, unless a simulation asks for it.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sabotage {
    /// Desired lists are obeyed however old they are.
    pub obeys_old_lists: bool,
    /// A task that was started and is not seen to run is started again.
    pub starts_again: bool,
    /// Tasks are started in the order of a hash table.
    pub starts_in_hash_order: bool,
}
