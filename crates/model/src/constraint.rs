//! Marathon's placement constraints.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the instances of an app may land, by a field of the agents: `hostname`, `@region`, `@zone` or an attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Constraint {
    pub field: String,
    pub operator: ConstraintOperator,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// An agent without the field fulfils no constraint on it but `UNLIKE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConstraintOperator {
    /// No two instances share the field's value.
    Unique,
    /// All instances share one value: the given one, or the first that was chosen.
    Cluster,
    /// The field's whole value matches the regular expression.
    Like,
    /// The instances are spread evenly over the field's values, of which there are at least as many as the value says.
    GroupBy,
    /// The field's whole value does not match the regular expression, or there is none.
    Unlike,
    /// No more instances than the value says share the field's value.
    MaxPer,
    /// The field has this value: the same text, or the same number to three decimals.
    Is,
}

impl ConstraintOperator {
    /// In the order in which they are told to people.
    pub const ALL: [Self; 7] =
        [Self::Unique, Self::Cluster, Self::GroupBy, Self::Like, Self::Unlike, Self::MaxPer, Self::Is];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unique => "UNIQUE",
            Self::Cluster => "CLUSTER",
            Self::GroupBy => "GROUP_BY",
            Self::Like => "LIKE",
            Self::Unlike => "UNLIKE",
            Self::MaxPer => "MAX_PER",
            Self::Is => "IS",
        }
    }

    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.name() == name)
    }
}

impl Constraint {
    pub const HOSTNAME: &'static str = "hostname";
    /// Another name of [`Self::HOSTNAME`], beside the two that begin with the same sign.
    pub const AT_HOSTNAME: &'static str = "@hostname";
    /// Where the agent is, as its operator says. Agents keep it among their attributes, under this name.
    pub const REGION: &'static str = "@region";
    /// Where in the region.
    pub const ZONE: &'static str = "@zone";
    /// Names that begin with it are not for attributes that operators make up.
    pub const RESERVED: char = '@';

    /// The field's name, of which the hostname has two.
    #[must_use]
    pub fn field_of(name: &str) -> &str {
        if name == Self::AT_HOSTNAME { Self::HOSTNAME } else { name }
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.field, self.operator.name())?;
        self.value.as_ref().map_or(Ok(()), |value| write!(f, ":{value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_called_the_same_in_the_log_and_by_people() {
        for operator in ConstraintOperator::ALL {
            let in_the_log = rmp_serde::to_vec(&operator).expect("plain data");
            assert_eq!(in_the_log, rmp_serde::to_vec(operator.name()).expect("plain data"));
            assert_eq!(ConstraintOperator::by_name(operator.name()), Some(operator));
        }
        assert_eq!(ConstraintOperator::by_name("like"), None, "they are written in capitals");
    }
}
