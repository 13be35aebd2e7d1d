//! Marathon's REST API, on port 8080, and merged into the operator's port for the command line.
//!
//! Ids of apps contain slashes and may be written with too many, so requests are not routed by patterns: `route` turns
//! a method and a path into a [`route::Route`], and `dispatch` calls its handler. What is written where:
//!
//! - `apps`, `tasks`: handlers that read the state or submit a command;
//! - `look`: handlers that only read: deployments, queue, info;
//! - `views`: pictures of the state, pure;
//! - `help`: the page that explains all of this.

mod apps;
mod call;
mod changes;
mod help;
mod look;
mod route;
mod tasks;
mod views;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use master::Handle;
use tokio::sync::Mutex;

use crate::Error;
use call::Call;
use route::{Route, Target};

/// What the routes work with.
pub(crate) struct Marathon {
    master: Handle,
    /// Held from reading a definition until its change is durable, so that two partial updates at once both count.
    updating: Mutex<()>,
}

/// Every route, without authentication. Anything that is no route is answered with 404.
pub fn router(master: Handle) -> Router {
    let marathon = Arc::new(Marathon { master, updating: Mutex::new(()) });
    Router::new().fallback(answer).with_state(marathon)
}

/// The pattern that a request is answered by, for metrics.
pub(crate) fn route_name(method: &Method, path: &str) -> Option<&'static str> {
    route::find(method, path).ok().map(|target| target.route.pattern())
}

async fn answer(State(marathon): State<Arc<Marathon>>, request: Request) -> Response {
    dispatch(marathon, request).await.unwrap_or_else(IntoResponse::into_response)
}

async fn dispatch(marathon: Arc<Marathon>, request: Request) -> Result<Response, Error> {
    let Target { route, method } = route::find(request.method(), request.uri().path())?;
    let call = Call::of(marathon, request).await?;
    match (route, method) {
        (Route::Root, _) => {
            Ok((StatusCode::FOUND, [(header::LOCATION, HeaderValue::from_static("/help"))]).into_response())
        }
        (Route::Help, _) => Ok(help::page(&call)),
        (Route::Ping, _) => Ok("pong".into_response()),
        (Route::Info, _) => Ok(look::info(&call)),
        (Route::Leader, Method::DELETE) => look::abdicate(&call).await,
        (Route::Leader, _) => look::leader(&call),
        (Route::Deployments, _) => Ok(look::deployments(&call)),
        (Route::Queue, _) => Ok(look::queue(&call)),
        (Route::Apps, Method::POST) => apps::create(&call).await,
        (Route::Apps, Method::PUT) => apps::put_many(&call, apps::Missing::IsCreated).await,
        (Route::Apps, Method::PATCH) => apps::put_many(&call, apps::Missing::IsAnError).await,
        (Route::Apps, _) => apps::list(&call),
        (Route::AppsUnder { group }, _) => apps::list_under(&call, &group),
        (Route::App { id }, Method::PUT) => apps::put(&call, &id, apps::Missing::IsCreated).await,
        (Route::App { id }, Method::PATCH) => apps::put(&call, &id, apps::Missing::IsAnError).await,
        (Route::App { id }, Method::DELETE) => apps::destroy(&call, &id).await,
        (Route::App { id }, _) => apps::show(&call, &id),
        (Route::Restart { app }, _) => apps::restart(&call, &app).await,
        (Route::AppTasks { app }, Method::DELETE) => tasks::kill_of_app(&call, &app).await,
        (Route::AppTasks { app }, _) => tasks::list_of_app(&call, &app),
        (Route::AppTask { app, task }, _) => apps::destroy_or_kill(&call, &app, &task).await,
        (Route::Tasks, _) => tasks::list(&call),
        (Route::TasksDelete, _) => tasks::kill_listed(&call).await,
    }
}

impl Call {
    async fn of(marathon: Arc<Marathon>, request: Request) -> Result<Self, Error> {
        let (parts, body) = request.into_parts();
        let head = call::Head::of(&parts)?;
        let body = Bytes::from_request(Request::from_parts(parts, body), &()).await?;
        Ok(Self { marathon, head, body })
    }
}
