//! Marathon's placement constraints.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the instances of an app may land, by a field that every agent has: `hostname` or an attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Constraint {
    pub field: String,
    pub operator: ConstraintOperator,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConstraintOperator {
    /// No two instances share the field's value.
    Unique,
    /// All instances share one value: the given one, or the first that was chosen.
    Cluster,
    /// The field's whole value matches the regular expression.
    Like,
}

impl ConstraintOperator {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unique => "UNIQUE",
            Self::Cluster => "CLUSTER",
            Self::Like => "LIKE",
        }
    }
}

impl Constraint {
    pub const HOSTNAME: &'static str = "hostname";
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.field, self.operator.name())?;
        self.value.as_ref().map_or(Ok(()), |value| write!(f, ":{value}"))
    }
}
