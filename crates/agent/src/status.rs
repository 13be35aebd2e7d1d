//! What the master is told of a task: pure translations.

use model::{ExitStatus, StatusReason, TaskState, TaskStatus};

use crate::containerizer::{Ended, LaunchError};
use crate::ledger::{Stop, StopCause};

pub(crate) fn starting() -> TaskStatus {
    TaskStatus { state: TaskState::Starting, reason: None, message: None, exit: None }
}

pub(crate) fn running() -> TaskStatus {
    TaskStatus { state: TaskState::Running, reason: None, message: None, exit: None }
}

/// How an end is told. What was asked to end is killed, however it took it.
pub(crate) fn of_end(ended: &Ended, stop: Option<Stop>) -> TaskStatus {
    let exit = match ended {
        Ended::Exited { status, .. } => Some(*status),
        Ended::NotStarted { .. } | Ended::Unobserved { .. } => None,
    };
    if let Some(stop) = stop {
        return killed(stop.cause, exit);
    }
    match ended {
        Ended::Exited { status: ExitStatus::Code(0), .. } => status_of(TaskState::Finished, None, None, exit),
        Ended::Exited { status, out_of_memory: true } => {
            let message = format!("{status}; it reached its memory limit");
            status_of(TaskState::Failed, Some(StatusReason::OutOfMemory), Some(message), exit)
        }
        Ended::Exited { status, .. } => {
            status_of(TaskState::Failed, Some(StatusReason::CommandFailed), Some(status.to_string()), exit)
        }
        Ended::NotStarted { error } => failed_launch(error),
        Ended::Unobserved { message } => lost(message),
    }
}

fn killed(cause: StopCause, exit: Option<ExitStatus>) -> TaskStatus {
    let (reason, why) = match cause {
        StopCause::Kill(_) => (StatusReason::KillRequested, "it was asked to end"),
        StopCause::Unwanted => (StatusReason::KillRequested, "it is not wanted on this agent any more"),
        StopCause::AgentStopped => (StatusReason::AgentStopped, "its agent was stopped"),
    };
    let message = exit.map_or_else(|| why.to_owned(), |exit| format!("{why}: {exit}"));
    status_of(TaskState::Killed, Some(reason), Some(message), exit)
}

pub(crate) fn failed_launch(error: &LaunchError) -> TaskStatus {
    status_of(TaskState::Failed, Some(error.reason), Some(error.message.clone()), None)
}

pub(crate) fn lost(message: &str) -> TaskStatus {
    status_of(TaskState::Lost, Some(StatusReason::EndedUnobserved), Some(message.to_owned()), None)
}

fn status_of(
    state: TaskState,
    reason: Option<StatusReason>,
    message: Option<String>,
    exit: Option<ExitStatus>,
) -> TaskStatus {
    TaskStatus { state, reason, message, exit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_by_cause_before_status() {
        let exited = |status, out_of_memory| Ended::Exited { status, out_of_memory };
        let stop = |cause| Some(Stop { cause, grace_ms: 0 });
        let failed = Ended::NotStarted { error: LaunchError::new("no such file") };
        let gone = Ended::Unobserved { message: "gone".into() };
        let cases = [
            (exited(ExitStatus::Code(0), false), None, TaskState::Finished, None),
            (exited(ExitStatus::Code(0), true), None, TaskState::Finished, None),
            (exited(ExitStatus::Code(3), false), None, TaskState::Failed, Some(StatusReason::CommandFailed)),
            (exited(ExitStatus::Signal(9), true), None, TaskState::Failed, Some(StatusReason::OutOfMemory)),
            (
                exited(ExitStatus::Code(0), false),
                stop(StopCause::Unwanted),
                TaskState::Killed,
                Some(StatusReason::KillRequested),
            ),
            (gone.clone(), stop(StopCause::AgentStopped), TaskState::Killed, Some(StatusReason::AgentStopped)),
            (failed, None, TaskState::Failed, Some(StatusReason::LaunchFailed)),
            (gone, None, TaskState::Lost, Some(StatusReason::EndedUnobserved)),
        ];
        for (ended, stop, state, reason) in cases {
            let status = of_end(&ended, stop);
            assert_eq!((status.state, status.reason), (state, reason), "{ended:?}");
        }
    }
}
