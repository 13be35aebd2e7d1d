//! What running containers take, in the engine's own figures.

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::ContainerStatsResponse;
use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt;
use futures_util::stream;
use model::TaskId;

use super::is_absent;
use super::request::container_name;
use crate::containerizer::Usage;

/// How many containers are asked for at the same time; an engine answers slowly.
const ASKED_AT_ONCE: usize = 8;

/// Those that are gone meanwhile are left out.
pub(super) async fn of(docker: &Docker, tasks: Vec<TaskId>) -> Result<Vec<(TaskId, Usage)>, Error> {
    let asked = tasks.into_iter().map(|task| async move {
        let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        let name = container_name(&task);
        let answer = Box::pin(docker.stats(&name, Some(options))).next().await;
        match answer {
            Some(Ok(stats)) => Ok(Some((task, usage(&stats)))),
            Some(Err(error)) if !is_absent(&error) => Err(error),
            Some(Err(_)) | None => Ok(None),
        }
    });
    let answers: Vec<Result<_, Error>> = stream::iter(asked).buffer_unordered(ASKED_AT_ONCE).collect().await;
    answers.into_iter().filter_map(Result::transpose).collect()
}

fn usage(stats: &ContainerStatsResponse) -> Usage {
    let cpu = stats.cpu_stats.as_ref().and_then(|cpu| cpu.cpu_usage.as_ref()?.total_usage);
    let memory = stats.memory_stats.as_ref().and_then(|memory| memory.usage);
    Usage { cpu_us: cpu.unwrap_or(0) / 1_000, memory_bytes: memory.unwrap_or(0) }
}
