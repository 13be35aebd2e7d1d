//! How agents are chosen for tasks: profiles, which put policies together, and policies that come as modules.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::envelope::OwnedBytes;
use crate::{AppId, Hash};

/// Policies by their names, and how their scores become one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub name: Arc<str>,
    pub terms: Vec<ProfileTerm>,
    /// Only so many of the agents that a task fits on, drawn by the seed of the decision, are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileTerm {
    /// A policy that is built in, or the name of a module.
    pub policy: Arc<str>,
    /// What its scores count, beside those of the other terms.
    #[serde(default = "one")]
    pub weight: u32,
    /// Whether its scores are spread over the whole range first: 0 for the worst of the agents that are compared.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub normalise: bool,
}

const fn one() -> u32 {
    1
}

const fn yes() -> bool {
    true
}

/// Whose tasks are meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProfileScope {
    Role(Arc<str>),
    App(AppId),
}

const MAX_ROLE_BYTES: usize = 255;

/// Whether a role has a name that Mesos would take; the error says what is wrong with it.
pub fn validate_role(role: &str) -> Result<(), &'static str> {
    match role {
        "" => Err("must not be empty: leave it out, or write '*'"),
        "." | ".." => Err("must not be '.' or '..'"),
        role if role.len() > MAX_ROLE_BYTES => Err("must not have more than 255 bytes"),
        role if role.starts_with('-') => Err("must not begin with '-'"),
        role if role.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '*')) => {
            Err("must not hold spaces, slashes or stars")
        }
        _ => Ok(()),
    }
}

/// Which profile decides for whom, beside the one of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ProfileChoices {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<Arc<str>, Arc<str>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub apps: BTreeMap<AppId, Arc<str>>,
    /// Decides too, and nobody acts on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Arc<str>>,
}

/// A policy as a WebAssembly module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Module {
    pub name: Arc<str>,
    /// Of the bytes.
    pub hash: Hash,
    pub bytes: ModuleBytes,
    /// Why it decides nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<Arc<str>>,
}

/// `bin` in MessagePack, hexadecimal digits in JSON.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ModuleBytes(pub Arc<[u8]>);

impl ProfileChoices {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The profile for an app of this role, where another one than the cluster's was chosen.
    #[must_use]
    pub fn of(&self, app: &AppId, role: Option<&str>) -> Option<&Arc<str>> {
        self.apps.get(app).or_else(|| self.roles.get(role?))
    }

    /// Every profile that decides, with the words for whom.
    pub fn users(&self) -> impl Iterator<Item = (&Arc<str>, String)> {
        let roles = self.roles.iter().map(|(role, profile)| (profile, format!("role {role}")));
        let apps = self.apps.iter().map(|(app, profile)| (profile, format!("app {app}")));
        roles.chain(apps).chain(self.shadow.iter().map(|profile| (profile, "the shadow".to_owned())))
    }
}

impl fmt::Display for ProfileScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(role) => write!(f, "role {role}"),
            Self::App(app) => write!(f, "app {app}"),
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            let lead = if index == 0 { "" } else { " + " };
            let weight = if term.weight == 1 { String::new() } else { format!("{} ", term.weight) };
            let raw = if term.normalise { "" } else { " (as it is)" };
            write!(f, "{lead}{weight}{}{raw}", term.policy)?;
        }
        match self.sample {
            Some(sample) => write!(f, ", the best of {sample} at random"),
            None => Ok(()),
        }
    }
}

impl Module {
    #[must_use]
    pub fn new(name: Arc<str>, bytes: ModuleBytes) -> Self {
        let hash = Hash(*blake3::hash(&bytes.0).as_bytes());
        Self { name, hash, bytes, disabled: None }
    }
}

impl fmt::Debug for ModuleBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for ModuleBytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
            return serializer.serialize_str(&digits);
        }
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for ModuleBytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return Ok(Self(OwnedBytes::deserialize(deserializer)?.0.into()));
        }
        let digits = String::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom("hexadecimal digits are expected, two for each byte");
        if digits.len() % 2 != 0 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| wrong());
        let bytes: Result<Vec<u8>, D::Error> = (0..digits.len()).step_by(2).map(byte).collect();
        Ok(Self(bytes?.into()))
    }
}

impl JsonSchema for ModuleBytes {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ModuleBytes".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A WebAssembly module: bin in MessagePack, hexadecimal digits in JSON.",
            "type": "string",
            "pattern": "^([0-9a-f]{2})*$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_module_survive_both_forms() {
        let module = Module::new("packed".into(), ModuleBytes(Arc::from([0_u8, 7, 255].as_slice())));
        let json = serde_json::to_value(&module).expect("plain data");
        assert_eq!(json["bytes"], "0007ff");
        assert_eq!(serde_json::from_value::<Module>(json).expect("read back"), module);
        let packed = rmp_serde::to_vec_named(&module).expect("plain data");
        assert_eq!(rmp_serde::from_slice::<Module>(&packed).expect("read back"), module);
        for wrong in ["\"7\"", "\"zz\"", "\"ää\""] {
            assert!(serde_json::from_str::<ModuleBytes>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_app_comes_before_its_role() {
        let app = AppId::parse("/web").expect("an id");
        let choices = ProfileChoices {
            roles: [("batch".into(), "packed".into())].into(),
            apps: [(app.clone(), "wide".into())].into(),
            shadow: None,
        };
        let other = AppId::parse("/other").expect("an id");
        assert_eq!(choices.of(&app, Some("batch")).map(AsRef::as_ref), Some("wide"));
        assert_eq!(choices.of(&other, Some("batch")).map(AsRef::as_ref), Some("packed"));
        assert_eq!(choices.of(&other, None), None);
    }

    #[test]
    fn a_profile_says_what_it_is() {
        let text =
            r#"{"name":"x","terms":[{"policy":"fgd","weight":3},{"policy":"best-fit","normalise":false}],"sample":5}"#;
        let profile: Profile = serde_json::from_str(text).expect("a profile");
        assert_eq!(profile.to_string(), "3 fgd + best-fit (as it is), the best of 5 at random");
        assert!(serde_json::from_str::<Profile>(r#"{"name":"x","terms":[],"samples":5}"#).is_err());
    }
}
