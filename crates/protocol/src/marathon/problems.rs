//! What is wrong with a body: all of it, not only what is found first.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Reasons by the path of the value they are about. Paths are written as Marathon does: `/cpus`,
/// `/portDefinitions(0)/port`, and `/` for the body itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, thiserror::Error)]
pub struct Problems(BTreeMap<String, Vec<String>>);

/// One path of an error's `details`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    pub path: String,
    pub errors: Vec<String>,
}

impl Problems {
    #[must_use]
    pub fn of(path: impl Into<String>, reason: impl Into<String>) -> Self {
        let mut problems = Self::default();
        problems.add(path, reason);
        problems
    }

    pub fn add(&mut self, path: impl Into<String>, reason: impl Into<String>) {
        let path = path.into();
        let path = if path.is_empty() { "/".to_owned() } else { path };
        self.0.entry(path).or_default().push(reason.into());
    }

    /// Takes in the problems of a part that stands at `path`.
    pub fn add_all(&mut self, path: &str, part: Self) {
        for (below, reasons) in part.0 {
            let whole = match (path, below.as_str()) {
                ("", _) => below,
                (_, "/") => path.to_owned(),
                _ => format!("{path}{below}"),
            };
            self.0.entry(whole).or_default().extend(reasons);
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn into_details(self) -> Vec<Detail> {
        self.0.into_iter().map(|(path, errors)| Detail { path, errors }).collect()
    }

    /// `value` if nothing is wrong.
    pub(crate) fn or_value<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.is_empty() => Ok(value),
            _ => Err(self),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (path, reasons)) in self.0.iter().enumerate() {
            let lead = if index == 0 { "" } else { "; " };
            write!(f, "{lead}{path} {}", reasons.join(", "))?;
        }
        Ok(())
    }
}
