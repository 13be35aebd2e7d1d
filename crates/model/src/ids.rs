//! A newtype for every id, sequence and epoch.
//!
//! Ids that the cluster hands out are small numbers counted in the log, or derived from a command's id and
//! an ordinal; so a replay makes the same ids again.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }
    };
}

macro_rules! shown {
    ($name:ident, $prefix:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.strip_prefix($prefix).unwrap_or(text).parse().map(Self)
            }
        }
    };
}

number_id!(
    /// Numbers the accepted records, from 1, without gaps.
    Seq(u64)
);
number_id!(
    /// Counts leaderships; raised by one with every `EpochStarted`.
    Epoch(u64)
);
number_id!(
    /// A place in the log: one message, which holds a batch of records. The first message is 1.
    Position(u64)
);
number_id!(
    /// An agent, in the order of registration; written `S0`, `S1`, … as Mesos does.
    AgentId(u32)
);
number_id!(
    /// A framework; `F0` is the built-in one that keeps services running.
    FrameworkId(u32)
);
number_id!(
    /// An offer, counted over the whole life of the cluster.
    OfferId(u64)
);
shown!(Seq, "");
shown!(Epoch, "");
shown!(Position, "");
shown!(AgentId, "S");
shown!(FrameworkId, "F");
shown!(OfferId, "O");

impl FrameworkId {
    /// The built-in framework that keeps services (apps) running.
    pub const SERVICES: Self = Self(0);
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub Arc<str>);

        impl $name {
            #[must_use]
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// Names one log: made once, when the log is empty.
    ClusterId
);
text_id!(
    /// One run of a task; never used twice.
    TaskId
);
text_id!(
    /// A change of the wanted state that is being carried out.
    DeploymentId
);
text_id!(
    /// One status update of an agent, kept by it until acknowledged.
    UpdateId
);

/// An app's path, always absolute: `/shop/cart`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct AppId(Arc<str>);

/// Why a text is no app id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppIdError {
    #[error("must not be empty")]
    Empty,
    #[error("is longer than {} characters", AppId::MAX_LEN)]
    TooLong,
    #[error(
        "segment '{0}' may hold lowercase letters, digits, '.' and '-' only, and must begin and end with a letter or digit"
    )]
    Segment(String),
    #[error("must not end in '{0}', which is a route of the API")]
    Reserved(String),
}

impl AppId {
    pub const MAX_LEN: usize = 512;
    const RESERVED: [&'static str; 3] = ["restart", "tasks", "versions"];

    /// Accepts relative and absolute paths; doubled and trailing slashes are tolerated, as Marathon does.
    pub fn parse(text: &str) -> Result<Self, AppIdError> {
        if text.len() > Self::MAX_LEN {
            return Err(AppIdError::TooLong);
        }
        let mut path = String::with_capacity(text.len() + 1);
        for segment in text.split('/').filter(|segment| !segment.is_empty()) {
            if !is_segment(segment) {
                return Err(AppIdError::Segment(segment.to_owned()));
            }
            path.push('/');
            path.push_str(segment);
        }
        let Some(last) = path.rsplit('/').next().filter(|last| !last.is_empty()) else {
            return Err(AppIdError::Empty);
        };
        if Self::RESERVED.contains(&last) {
            return Err(AppIdError::Reserved(last.to_owned()));
        }
        Ok(Self(path.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path without its first slash and with `_` for the others: the stem of task ids.
    #[must_use]
    pub fn flat(&self) -> String {
        self.0.trim_start_matches('/').replace('/', "_")
    }
}

fn is_segment(segment: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    segment.starts_with(edge) && segment.ends_with(edge) && segment.chars().all(|c| edge(c) || c == '.' || c == '-')
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AppId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Fixed bytes: `bin` in MessagePack, lowercase hex in JSON.
macro_rules! bytes_id {
    ($(#[$doc:meta])* $name:ident, $len:literal, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut bytes = [0; $len];
                if text.len() != 2 * $len || !text.is_ascii() {
                    return Err(concat!("must be ", stringify!($len), " bytes in hex"));
                }
                for (index, byte) in bytes.iter_mut().enumerate() {
                    *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16)
                        .map_err(|_| "must be lowercase hex")?;
                }
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    serializer.serialize_bytes(&self.0)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Bytes;
                impl serde::de::Visitor<'_> for Bytes {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!(stringify!($len), " bytes"))
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }

                    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<$name, E> {
                        bytes.try_into().map($name).map_err(|_| E::invalid_length(bytes.len(), &self))
                    }
                }
                if deserializer.is_human_readable() {
                    deserializer.deserialize_str(Bytes)
                } else {
                    deserializer.deserialize_bytes(Bytes)
                }
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": $pattern,
                    "description": concat!(stringify!($len), " bytes: bin in MessagePack, lowercase hex in JSON."),
                })
            }
        }
    };
}

bytes_id!(
    /// Names a command; chosen at random by the shell that made it.
    CommandId, 16, "^[0-9a-f]{32}$"
);
bytes_id!(
    /// Names one status update of a task to the framework that it belongs to.
    UpdateUuid, 16, "^[0-9a-f]{32}$"
);
bytes_id!(
    /// A BLAKE3 hash: of a record's body in the chain, or of the folded state.
    Hash, 32, "^[0-9a-f]{64}$"
);

impl CommandId {
    /// The `ordinal`th id made by this command, in the form of a UUID.
    #[must_use]
    pub fn derive(self, ordinal: u64) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0);
        hasher.update(&ordinal.to_le_bytes());
        let hash = hasher.finalize();
        let mut hex = Self(hash.as_bytes()[..16].try_into().expect("a hash has 32 bytes")).to_string();
        for dash in [20, 16, 12, 8] {
            hex.insert(dash, '-');
        }
        hex
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn app_ids_become_absolute_and_refuse_what_no_route_could_name() {
        assert_eq!(AppId::parse("docker-tester").map(|id| id.to_string()), Ok("/docker-tester".into()));
        assert_eq!(AppId::parse("//shop//cart/").map(|id| id.to_string()), Ok("/shop/cart".into()));
        assert_eq!(AppId::parse("/"), Err(AppIdError::Empty));
        assert_eq!(AppId::parse("with space"), Err(AppIdError::Segment("with space".into())));
        assert_eq!(AppId::parse("/a/restart"), Err(AppIdError::Reserved("restart".into())));
    }

    #[test]
    fn derived_ids_are_stable_and_distinct() {
        let id = CommandId([7; 16]);
        assert_eq!(id.derive(1), id.derive(1));
        assert_ne!(id.derive(1), id.derive(2));
        assert_eq!(id.derive(1).len(), 36);
    }
}
