//! Why tasks are where they are, and what stands between an app and an agent.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use master::{ExplainError, ExplainedTask, WhyNotNow};
use model::TaskId;
use protocol::explain::{ExplanationView, WhyNotView};
use scheduler::Unasked;
use serde::Deserialize;

use super::Operator;
use crate::{Error, explained};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    what: String,
    agent: String,
    #[serde(default = "one")]
    count: u32,
}

const fn one() -> u32 {
    1
}

pub(super) async fn task(
    State(operator): State<Operator>,
    Path(task): Path<String>,
) -> Result<Json<ExplanationView>, Error> {
    let ExplainedTask { record, explained } = operator.handle.explain(TaskId::new(task)).await?;
    Ok(Json(explained::explanation(explained, &record)))
}

pub(super) async fn why_not(
    State(operator): State<Operator>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<WhyNotView>, Error> {
    let Query(Asked { what, agent, count }) = asked?;
    let WhyNotNow { seq, at, why_not } = operator.handle.why_not(what, agent, count).await?;
    Ok(Json(explained::why_not(why_not, seq, at)))
}

impl From<ExplainError> for Error {
    fn from(error: ExplainError) -> Self {
        let message = error.to_string();
        match error {
            ExplainError::Busy { retry_after_s, .. } => Self::Unavailable { message, retry_after_s },
            ExplainError::Past(why) if why.is_nowhere() => Self::NotFound(message),
            ExplainError::Unexplained(_) => Self::NotFound(message),
            ExplainError::Unasked(Unasked::Count(_) | Unasked::ManyAgents { .. }) => Self::BadRequest(message),
            ExplainError::Unasked(_) => Self::NotFound(message),
            ExplainError::Past(_) | ExplainError::Stopping => Self::Unavailable { message, retry_after_s: 1 },
        }
    }
}
