//! Which handler a method and a path mean. Pure.

use axum::http::Method;
use percent_encoding::percent_decode_str;

use crate::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Root,
    Help,
    Ping,
    Info,
    Leader,
    Deployments,
    Queue,
    Tasks,
    TasksDelete,
    Apps,
    /// The apps below a path.
    AppsUnder {
        group: String,
    },
    App {
        id: String,
    },
    Restart {
        app: String,
    },
    AppTasks {
        app: String,
    },
    AppTask {
        app: String,
        task: String,
    },
}

/// A route, with a method that it has; HEAD counts as GET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) route: Route,
    pub(super) method: Method,
}

/// Marathon's routes that are not built yet, by the segment after `/v2`.
const NOT_BUILT: [&str; 7] = ["artifacts", "eventSubscriptions", "events", "groups", "plugins", "pods", "schema"];

/// Mesos' own, by their first segments: its clients ask on the operator's port, where these routes are answered too.
const NOT_BUILT_OF_MESOS: [&[&str]; 11] = [
    &["api", "v1", "executor"],
    &["api", "v1", "operator"],
    &["flags"],
    &["frameworks"],
    &["master"],
    &["redirect"],
    &["roles"],
    &["slaves"],
    &["state"],
    &["state-summary"],
    &["state.json"],
];

impl Route {
    /// With names in braces where a request says what it is about.
    pub(super) const fn pattern(&self) -> &'static str {
        match self {
            Self::Root => "/",
            Self::Help => "/help",
            Self::Ping => "/ping",
            Self::Info => "/v2/info",
            Self::Leader => "/v2/leader",
            Self::Deployments => "/v2/deployments",
            Self::Queue => "/v2/queue",
            Self::Tasks => "/v2/tasks",
            Self::TasksDelete => "/v2/tasks/delete",
            Self::Apps => "/v2/apps",
            Self::AppsUnder { .. } => "/v2/apps/{group}/*",
            Self::App { .. } => "/v2/apps/{app}",
            Self::Restart { .. } => "/v2/apps/{app}/restart",
            Self::AppTasks { .. } => "/v2/apps/{app}/tasks",
            Self::AppTask { .. } => "/v2/apps/{app}/tasks/{task}",
        }
    }

    /// As the header `Allow` has them.
    const fn methods(&self) -> &'static str {
        match self {
            Self::Root
            | Self::Help
            | Self::Ping
            | Self::Info
            | Self::Deployments
            | Self::Queue
            | Self::Tasks
            | Self::AppsUnder { .. } => "GET, HEAD",
            Self::Leader => "GET, HEAD, DELETE",
            Self::TasksDelete | Self::Restart { .. } => "POST",
            Self::Apps => "GET, HEAD, POST, PUT, PATCH",
            Self::App { .. } => "GET, HEAD, PUT, PATCH, DELETE",
            Self::AppTasks { .. } => "GET, HEAD, DELETE",
            Self::AppTask { .. } => "DELETE",
        }
    }
}

pub(super) fn find(method: &Method, path: &str) -> Result<Target, Error> {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let segments: Vec<&str> = decoded.split('/').filter(|segment| !segment.is_empty()).collect();
    let Some(route) = route(method, &segments) else { return Err(missing(method, path, &segments)) };
    let allowed = route.methods();
    if !allowed.split(", ").any(|name| name == method.as_str()) {
        return Err(Error::MethodNotAllowed { method: method.to_string(), path: path.to_owned(), allowed });
    }
    let method = if method == Method::HEAD { Method::GET } else { method.clone() };
    Ok(Target { route, method })
}

/// Doubled and trailing slashes are gone from `segments`.
fn route(method: &Method, segments: &[&str]) -> Option<Route> {
    let path = |segments: &[&str]| format!("/{}", segments.join("/"));
    Some(match segments {
        [] => Route::Root,
        ["help"] => Route::Help,
        ["ping"] => Route::Ping,
        ["v2", "info"] => Route::Info,
        ["v2", "leader"] => Route::Leader,
        ["v2", "deployments"] => Route::Deployments,
        ["v2", "queue"] => Route::Queue,
        ["v2", "tasks"] => Route::Tasks,
        ["v2", "tasks", "delete"] => Route::TasksDelete,
        ["v2", "apps"] => Route::Apps,
        ["v2", "apps", group @ .., "*"] => Route::AppsUnder { group: path(group) },
        ["v2", "apps", app @ .., "restart"] if !app.is_empty() => Route::Restart { app: path(app) },
        ["v2", "apps", app @ .., "tasks"] if !app.is_empty() => Route::AppTasks { app: path(app) },
        // No id may end in this word, so it can only be the route, which is not built yet.
        ["v2", "apps", .., "versions"] => return None,
        // With other methods, a segment `tasks` in the middle belongs to the id of an app.
        ["v2", "apps", app @ .., "tasks", task] if !app.is_empty() && method == Method::DELETE => {
            Route::AppTask { app: path(app), task: (*task).to_owned() }
        }
        ["v2", "apps", id @ ..] => Route::App { id: path(id) },
        _ => return None,
    })
}

fn missing(method: &Method, path: &str, segments: &[&str]) -> Error {
    let is_marathons = match segments {
        ["metrics"] | ["v2", "apps", .., "versions"] | ["v2", "queue" | "deployments", ..] => true,
        ["v2", word, ..] => NOT_BUILT.contains(word),
        _ => false,
    };
    let is_mesos = segments == ["api", "v1"] || NOT_BUILT_OF_MESOS.iter().any(|route| segments.starts_with(route));
    if is_marathons {
        Error::NotFound(format!("{method} {path} is a route of Marathon's that is not built yet; see /help"))
    } else if is_mesos {
        Error::NotFound(format!("{method} {path} is a route of Mesos' that is not built yet; see /help"))
    } else {
        Error::NotFound(format!("there is no route {method} {path}; see /help"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &Method, path: &str) -> Result<Route, String> {
        find(method, path).map(|target| target.route).map_err(|error| error.to_string())
    }

    fn app(id: &str) -> Route {
        Route::App { id: id.to_owned() }
    }

    #[test]
    fn ids_of_apps_may_have_slashes_and_too_many_of_them() {
        let cases = [
            (Method::GET, "/v2/apps", Route::Apps),
            (Method::GET, "//v2/apps/", Route::Apps),
            (Method::GET, "/v2/apps//shop//cart/", app("/shop/cart")),
            (Method::PUT, "/v2/apps/%2Fshop%2Fcart", app("/shop/cart")),
            (Method::HEAD, "/v2/apps/shop", app("/shop")),
            (Method::GET, "/v2/apps/shop/*", Route::AppsUnder { group: "/shop".into() }),
            (Method::POST, "/v2/apps/shop/cart/restart", Route::Restart { app: "/shop/cart".into() }),
            (Method::GET, "/v2/apps//shop/tasks/", Route::AppTasks { app: "/shop".into() }),
            (Method::DELETE, "/v2/apps/shop/tasks", Route::AppTasks { app: "/shop".into() }),
            (Method::DELETE, "/v2/apps/a/tasks/t.1", Route::AppTask { app: "/a".into(), task: "t.1".into() }),
            (Method::GET, "/v2/apps/a/tasks/b", app("/a/tasks/b")),
            (Method::DELETE, "/v2/apps/tasks/b", app("/tasks/b")),
            (Method::GET, "/v2/apps/tasks", app("/tasks")),
            (Method::POST, "/v2/tasks/delete", Route::TasksDelete),
            (Method::GET, "", Route::Root),
        ];
        for (method, path, route) in cases {
            assert_eq!(found(&method, path), Ok(route), "{path}");
        }
    }

    #[test]
    fn a_route_that_is_not_there_is_named() {
        let cases = [
            (Method::GET, "/v2/groups", "GET /v2/groups is a route of Marathon's that is not built yet; see /help"),
            (
                Method::GET,
                "/v2/apps/a/versions",
                "GET /v2/apps/a/versions is a route of Marathon's that is not built yet; see /help",
            ),
            (
                Method::POST,
                "/api/v1/executor",
                "POST /api/v1/executor is a route of Mesos' that is not built yet; see /help",
            ),
            (Method::GET, "/flags", "GET /flags is a route of Mesos' that is not built yet; see /help"),
            (Method::POST, "/api/v1", "POST /api/v1 is a route of Mesos' that is not built yet; see /help"),
            (Method::GET, "/api/v1/nope", "there is no route GET /api/v1/nope; see /help"),
            (Method::GET, "/v3", "there is no route GET /v3; see /help"),
            (Method::POST, "/v2/apps/a", "POST is not a method of /v2/apps/a: use GET, HEAD, PUT, PATCH, DELETE"),
            (Method::DELETE, "/ping", "DELETE is not a method of /ping: use GET, HEAD"),
        ];
        for (method, path, message) in cases {
            assert_eq!(found(&method, path), Err(message.to_owned()), "{path}");
        }
    }
}
