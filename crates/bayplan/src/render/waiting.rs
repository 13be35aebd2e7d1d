//! What holds an app's instances back, and what one can do about it.

use model::{StatusReason, TaskFailure, TaskStatus, Timestamp, Waiting, WaitingCause};

use super::time::span;
use super::{count, one_line};

/// One line, without the app's name.
pub(crate) fn reason(waiting: &Waiting, last_failure: Option<&TaskFailure>, now: Timestamp) -> String {
    let instances = count(u64::from(waiting.instances), "instance");
    let verb = if waiting.instances == 1 { "waits" } else { "wait" };
    match &waiting.cause {
        WaitingCause::NothingFits { explanation } if explanation.considered == 0 => {
            format!("{instances} {verb} for an agent: none is registered")
        }
        WaitingCause::NothingFits { explanation } => {
            format!("{instances} {verb}, because nothing fits: {}", one_line(&explanation.to_string()))
        }
        WaitingCause::Backoff { until } => {
            let last = last_failure.map(|failure| format!("; last: {}", self::failure(failure))).unwrap_or_default();
            format!("{instances} {verb} {} before the next start{last}", span(until.ms_since(now)))
        }
        WaitingCause::Dependency { app } => {
            format!("{instances} {verb} for {app}, which is not there or does not run all its instances yet")
        }
        WaitingCause::EarlierStep => format!("{instances} {verb} for an earlier step of the deployment"),
    }
}

/// How a task failed.
pub(crate) fn failure(failure: &TaskFailure) -> String {
    format!("{} on {} {}", failure.task, one_line(&failure.hostname), status(&failure.status))
}

/// State, and whatever is known about how it came to it.
pub(crate) fn status(status: &TaskStatus) -> String {
    let details: Vec<String> = [
        status.reason.map(|reason| words(reason).to_owned()),
        status.exit.map(|exit| exit.to_string()),
        status.message.as_deref().map(one_line).filter(|message| !message.is_empty()),
    ]
    .into_iter()
    .flatten()
    .collect();
    match details.is_empty() {
        true => status.state.to_string(),
        false => format!("{}: {}", status.state, without_repetition(&details).join(", ")),
    }
}

/// Messages often say what reason or exit status say already.
fn without_repetition(details: &[String]) -> Vec<&str> {
    let said_by_another = |index: usize| {
        let mut others = details.iter().enumerate().filter(|(other, _)| *other != index);
        others.any(|(other, text)| {
            text.to_lowercase().contains(&details[index].to_lowercase())
                && (text.len() > details[index].len() || other < index)
        })
    };
    (0..details.len()).filter(|index| !said_by_another(*index)).map(|index| details[index].as_str()).collect()
}

pub(crate) const fn words(reason: StatusReason) -> &'static str {
    match reason {
        StatusReason::CommandFailed => "the command failed",
        StatusReason::LaunchFailed => "it could not be started",
        StatusReason::ImagePullFailed => "the image could not be pulled",
        StatusReason::OutOfMemory => "out of memory",
        StatusReason::KillRequested => "asked to end",
        StatusReason::AgentStopped => "its agent was stopped",
        StatusReason::EndedUnobserved => "nobody saw how it ended",
        StatusReason::AgentRemoved => "its agent was removed",
        StatusReason::InvalidOffers => "its offers are not valid",
        StatusReason::InvalidTask => "it cannot be run so",
    }
}

#[cfg(test)]
mod tests {
    use model::{AgentId, AppId, AppVersion, ExitStatus, Explanation, Filter, Filtered, TaskId, TaskState};

    use super::*;

    fn waiting(instances: u32, cause: WaitingCause) -> String {
        let failed = TaskFailure {
            task: TaskId::new("web.1"),
            agent: AgentId(0),
            hostname: "h".into(),
            version: AppVersion::default(),
            at: Timestamp(0),
            status: TaskStatus {
                state: TaskState::Failed,
                reason: Some(StatusReason::CommandFailed),
                message: Some("Exited with status 3".into()),
                exit: Some(ExitStatus::Code(3)),
            },
        };
        reason(&Waiting { instances, cause }, Some(&failed), Timestamp(10_000))
    }

    #[test]
    fn every_cause_says_what_is_missing() {
        let filtered = vec![
            Filtered { filter: Filter::UnfulfilledConstraint, detail: Some("rack:LIKE:r\n1".into()), agents: 1 },
            Filtered { filter: Filter::InsufficientCpus, detail: None, agents: 2 },
        ];
        let explanation = |considered, filtered| Explanation {
            policy: "p".into(),
            score: None,
            considered,
            feasible: Some(0),
            filtered,
        };
        assert_eq!(
            waiting(2, WaitingCause::NothingFits { explanation: explanation(3, filtered) }),
            "2 instances wait, because nothing fits: 0 of 3 agents feasible: \
             1 UnfulfilledConstraint (rack:LIKE:r 1), 2 InsufficientCpus"
        );
        assert_eq!(
            waiting(1, WaitingCause::NothingFits { explanation: explanation(0, vec![]) }),
            "1 instance waits for an agent: none is registered"
        );
        assert_eq!(
            waiting(1, WaitingCause::Backoff { until: Timestamp(12_500) }),
            "1 instance waits 2s before the next start; last: web.1 on h TASK_FAILED: the command failed, \
             exited with status 3"
        );
        let db = AppId::parse("db").expect("an id");
        assert_eq!(
            waiting(2, WaitingCause::Dependency { app: db }),
            "2 instances wait for /db, which is not there or does not run all its instances yet"
        );
        assert_eq!(waiting(1, WaitingCause::EarlierStep), "1 instance waits for an earlier step of the deployment");
    }
}
