//! HTTP: Marathon's API on port 8080, the operator's on 5050, and what both have in common.
//!
//! A handler translates: it reads the last durable state, or submits a command and answers out of its record. No
//! handler decides anything, and none keeps state of its own. Make an application of it like this:
//!
//! ```no_run
//! # async fn example(master: master::Handle, listener: tokio::net::TcpListener) -> std::io::Result<()> {
//! let token = api::Token::new("a long secret");
//! let router = api::guard(api::marathon::router(master), Some(token));
//! let stopped = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
//! api::serve(listener, router, stopped).await
//! # }
//! ```

pub mod auth;
mod error;
pub mod explained;
pub mod forward;
mod guard;
pub mod marathon;
mod mesos;
mod metrics;
pub mod operator;
pub mod past;
mod serve;

pub use auth::Token;
pub use error::Error;
pub use guard::{BODY_LIMIT_BYTES, guard};
pub use metrics::describe_metrics;
pub use serve::{DRAIN_TIMEOUT, serve};

/// What really went wrong, which libraries leave to the caller.
fn innermost(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().map(ToString::to_string).unwrap_or_default()
}
