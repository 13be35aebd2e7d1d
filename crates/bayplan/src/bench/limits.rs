//! Whether this machine allows as many connections as a load needs.

use crate::failure::Failure;
use crate::node::open_files;

/// Reports and calls under way, and what a process has open anyway.
const OTHERS: usize = load::REPORTS_AT_ONCE + 2_000;

/// Agents and frameworks have a connection each that stays open, at both ends.
pub(super) fn check_open_files(agents: usize, frameworks: usize) -> Result<(), Failure> {
    let (wanted, allowed) = ((agents + 3 * frameworks + OTHERS) as u64, open_files::raise_limit());
    if allowed >= wanted {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "{agents} agents and {frameworks} frameworks need {wanted} open files, and this system allows {allowed}: take fewer of \
         them, or raise the limit (ulimit -Hn)"
    )))
}
