//! How many connections a process may have.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::failure::Failure;

/// Calls and reports under way, and what a process has open anyway.
const OTHERS: usize = 4_000;

/// Raises the limit of this process and of those it starts: agents and frameworks have a connection each that stays open.
pub(super) fn raise_open_files(agents: usize, frameworks: usize) -> Result<(), Failure> {
    let wanted = (agents + 3 * frameworks + OTHERS) as u64;
    let failed = |error| Failure::failed(format!("the limit of open files cannot be read or raised: {error}"));
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(failed)?;
    if hard < wanted {
        return Err(Failure::failed(format!(
            "{agents} agents and {frameworks} frameworks need {wanted} open files, and this system allows {hard}: \
             take fewer of them, or raise the limit (ulimit -Hn)"
        )));
    }
    if soft < wanted { setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(failed) } else { Ok(()) }
}
