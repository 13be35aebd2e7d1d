//! Launches: plain processes beside fork and exec, containers beside the raw engine API, and the whole way from a
//! request until every instance runs.
//!
//! What is launched stays until a round is over, and is ended outside of what is measured. The parts are `process`,
//! `docker` and `whole`; without a name all are measured.

mod docker;
mod process;
mod task;
mod whole;

use std::process::ExitCode;

use bayplan_benches::is_wanted;
use tokio::runtime::Runtime;

/// Tasks that are launched at the same time, as an agent does it.
const AT_ONCE: usize = 16;
/// Of all tasks here, so that nothing else is touched.
const CGROUP_PARENT: &str = "bayplan-bench";

fn main() -> ExitCode {
    // The process containerizer starts this program once for every task.
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == "supervise") {
        return agent::supervise_main(arguments);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    bayplan_benches::start("launches", folder.path());
    let runtime = Runtime::new().expect("a runtime");
    if is_wanted("process") {
        println!("### Plain processes\n\n{}", process::measure(&runtime, folder.path()));
    }
    let engine = runtime.block_on(docker::engine());
    if is_wanted("docker") {
        match &engine {
            Ok(engine) => {
                let measured = runtime.block_on(docker::measure(engine, folder.path()));
                println!("### Docker containers, host network\n\n{measured}");
            }
            Err(reason) => println!("### Docker containers\n\nSkipped: {reason}.\n"),
        }
    }
    if is_wanted("whole") {
        let measured = runtime.block_on(whole::measure(folder.path(), engine.is_ok()));
        println!("### The whole way, durable: from the request until all instances are `TASK_RUNNING`\n\n{measured}");
    }
    process::remove_cgroups();
    if let Ok(engine) = engine {
        runtime.block_on(docker::remove_all(&engine));
    }
    ExitCode::SUCCESS
}
