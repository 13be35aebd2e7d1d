//! One request, as its handler sees it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::RwLockReadGuard;

use axum::body::Bytes;
use axum::extract::Query;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use master::{Committed, Handle, SubmitError};
use model::{AppId, CommandKind, Principal};
use serde_json::Value;
use state::State;
use tokio::sync::MutexGuard;

use super::Marathon;
use crate::Error;
use crate::auth::principal_of;

pub(super) struct Call {
    pub(super) marathon: Arc<Marathon>,
    pub(super) head: Head,
    pub(super) body: Bytes,
}

/// All but the body.
pub(super) struct Head {
    principal: Principal,
    query: Vec<(String, String)>,
    headers: HeaderMap,
}

/// What an answer may be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Json,
    Html,
    Text,
}

impl Head {
    pub(super) fn of(parts: &Parts) -> Result<Self, Error> {
        let Query(query) =
            Query::try_from_uri(&parts.uri).map_err(|rejection| Error::BadRequest(rejection.body_text()))?;
        Ok(Self { principal: principal_of(&parts.extensions), query, headers: parts.headers.clone() })
    }

    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Of a parameter that may come more than once, also with brackets behind its name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let is_it = move |found: &str| found == name || found.strip_suffix("[]") == Some(name);
        self.query.iter().filter(move |(found, _)| is_it(found)).map(|(_, value)| value.as_str())
    }

    /// True or false in any case; a parameter without a value is true.
    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, Error> {
        match self.first(name).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(default),
            Some("" | "true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => Err(Error::BadRequest(format!("the parameter {name} must be true or false, not '{other}'"))),
        }
    }

    /// What `embed` asks for, without `app.`, `apps.` or `group.apps.`. Unknown values ask for nothing.
    pub(super) fn embeds(&self) -> BTreeSet<&str> {
        self.all("embed").filter_map(|value| value.rsplit('.').next()).collect()
    }

    pub(super) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The first kind that the client names and that `offered` has; else the first of `offered`.
    pub(super) fn wanted(&self, offered: &[Wanted]) -> Wanted {
        let accepted = self.header(header::ACCEPT).unwrap_or_default();
        let named = accepted.split(',').filter_map(|kind| {
            match kind.split(';').next().unwrap_or_default().trim() {
                "application/json" => Some(Wanted::Json),
                "text/html" => Some(Wanted::Html),
                "text/plain" => Some(Wanted::Text),
                _ => None,
            }
            .filter(|kind| offered.contains(kind))
        });
        named.into_iter().next().or_else(|| offered.first().copied()).unwrap_or(Wanted::Json)
    }
}

impl Call {
    pub(super) fn master(&self) -> &Handle {
        &self.marathon.master
    }

    pub(super) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.marathon.master.read()
    }

    pub(super) async fn updating(&self) -> MutexGuard<'_, ()> {
        self.marathon.updating.lock().await
    }

    pub(super) async fn submit(&self, kind: CommandKind) -> Result<Committed, SubmitError> {
        self.marathon.master.submit(self.head.principal.clone(), kind).await
    }

    /// The body, whatever its `Content-Type` says.
    pub(super) fn json(&self) -> Result<Value, Error> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

/// The id of an app that must exist. A text that is no id cannot name one.
pub(super) fn existing(text: &str) -> Result<AppId, Error> {
    AppId::parse(text).map_err(|_| Error::unknown_app(text))
}
