//! Why a request is refused, in Marathon's shapes: a message, details, and what holds an app.

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use master::{Rejection, SubmitError};
use model::{AppId, DeploymentId};
use protocol::marathon::Problems;
use protocol::operator::{ErrorBody, ErrorDeployment};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("Invalid JSON")]
    InvalidJson { details: String },
    #[error("Object is not valid")]
    Invalid(Problems),
    #[error("{0}")]
    BadRequest(String),
    #[error("{0}")]
    Unauthorized(&'static str),
    #[error("{0}")]
    Forbidden(&'static str),
    #[error("{0}")]
    NotFound(String),
    #[error("{method} is not a method of {path}: use {allowed}")]
    MethodNotAllowed { method: String, path: String, allowed: &'static str },
    #[error("{0}")]
    Conflict(String),
    /// Marathon's words: clients look for them.
    #[error(
        "App is locked by one or more deployments. Override with the option '?force=true'. View details at \
         '/v2/deployments'."
    )]
    Locked(Vec<DeploymentId>),
    #[error("{0}")]
    TooLarge(String),
    /// Whoever was asked on the client's behalf did not answer.
    #[error("{0}")]
    BadGateway(String),
    /// Nobody knows whether a change was made.
    #[error("{0}")]
    GatewayTimeout(String),
    #[error("{message}")]
    Unavailable { message: String, retry_after_s: u64 },
}

impl Error {
    #[must_use]
    pub fn unknown_app(id: impl std::fmt::Display) -> Self {
        Self::NotFound(format!("App '{id}' does not exist"))
    }

    #[must_use]
    pub fn invalid(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid(Problems::of(path, reason))
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::InvalidJson { .. } | Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) | Self::Locked(_) => StatusCode::CONFLICT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BadGateway(_) => StatusCode::BAD_GATEWAY,
            Self::GatewayTimeout(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn header(&self) -> Option<(header::HeaderName, HeaderValue)> {
        match self {
            Self::Unauthorized(_) => Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::MethodNotAllowed { allowed, .. } => Some((header::ALLOW, HeaderValue::from_static(allowed))),
            Self::Unavailable { retry_after_s, .. } => Some((header::RETRY_AFTER, HeaderValue::from(*retry_after_s))),
            _ => None,
        }
    }

    fn body(self) -> ErrorBody {
        let message = self.to_string();
        let (details, deployments) = match self {
            Self::InvalidJson { details } => (Some(Value::from(details)), Vec::new()),
            Self::Invalid(problems) => (serde_json::to_value(problems.into_details()).ok(), Vec::new()),
            Self::Locked(deployments) => (None, deployments),
            _ => (None, Vec::new()),
        };
        let deployments = deployments.into_iter().map(|id| ErrorDeployment { id }).collect();
        ErrorBody { message, details, deployments }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, header) = (self.status(), self.header());
        let mut response = (status, Json(self.body())).into_response();
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<Problems> for Error {
    fn from(problems: Problems) -> Self {
        Self::Invalid(problems)
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::InvalidJson { details: error.to_string() }
    }
}

impl From<BytesRejection> for Error {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge(rejection.body_text()),
            _ => Self::BadRequest(rejection.body_text()),
        }
    }
}

impl From<JsonRejection> for Error {
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            JsonRejection::BytesRejection(rejection) => rejection.into(),
            JsonRejection::MissingJsonContentType(_) => Self::BadRequest(rejection.body_text()),
            _ => Self::InvalidJson { details: rejection.body_text() },
        }
    }
}

impl From<QueryRejection> for Error {
    fn from(rejection: QueryRejection) -> Self {
        Self::BadRequest(rejection.body_text())
    }
}

impl From<SubmitError> for Error {
    fn from(error: SubmitError) -> Self {
        let message = error.to_string();
        match error {
            SubmitError::Rejected(rejection) => rejection.into(),
            SubmitError::Busy { retry_after_s, .. }
            | SubmitError::LogUnavailable { retry_after_s, .. }
            | SubmitError::NotLeading { retry_after_s, .. } => Self::Unavailable { message, retry_after_s },
            SubmitError::Unclear { .. } => Self::GatewayTimeout(message),
            SubmitError::TooLarge { .. } => Self::TooLarge(message),
            SubmitError::Stopping => Self::Unavailable { message, retry_after_s: 1 },
        }
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        let message = rejection.to_string();
        match rejection {
            Rejection::AppExists(app) => Self::Conflict(format!("App '{app}' already exists")),
            Rejection::UnknownApp(app) => Self::unknown_app(app),
            Rejection::UnknownTask(task) => Self::NotFound(format!("Task '{task}' does not exist or has ended")),
            Rejection::AppLocked { deployments, .. } => Self::Locked(deployments),
            Rejection::DependencyCycle { cycle } => {
                let path = cycle.iter().map(AppId::as_str).collect::<Vec<_>>().join(" -> ");
                Self::invalid("/dependencies", format!("form a cycle: {path}"))
            }
            Rejection::InvalidApp { app, field, reason } => {
                Self::invalid(format!("/{field}"), format!("{reason} (app '{app}')"))
            }
            Rejection::UnknownAgent(_)
            | Rejection::UnknownFramework(_)
            | Rejection::UnknownPolicy { .. }
            | Rejection::UnknownModule(_) => Self::NotFound(message),
            Rejection::InvalidProfile { name, field, reason } => {
                Self::invalid(format!("/{field}"), format!("{reason} (profile '{name}')"))
            }
            Rejection::UnusableProfile { .. } | Rejection::ProfileInUse { .. } | Rejection::TooManyChoices { .. } => {
                Self::Conflict(message)
            }
            Rejection::InvalidRole { .. } | Rejection::InvalidModule { .. } => Self::BadRequest(message),
        }
    }
}
