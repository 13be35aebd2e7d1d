//! Decimal numbers with at most three places, as JSON numbers.

use std::borrow::Cow;

use model::Scalar;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number in thousandths. Written without a fraction where there is none, as Marathon does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal {
    thousandths: i64,
}

impl Decimal {
    #[must_use]
    pub const fn from_thousandths(thousandths: i64) -> Self {
        Self { thousandths }
    }

    #[must_use]
    pub const fn whole(number: i64) -> Self {
        Self { thousandths: number * 1000 }
    }

    /// Milliseconds, as seconds.
    #[must_use]
    pub fn seconds(ms: u64) -> Self {
        Self { thousandths: i64::try_from(ms).unwrap_or(i64::MAX) }
    }

    #[must_use]
    pub const fn thousandths(self) -> i64 {
        self.thousandths
    }
}

impl From<Scalar> for Decimal {
    fn from(scalar: Scalar) -> Self {
        Self { thousandths: scalar.0 }
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.thousandths % 1000 == 0 {
            serializer.serialize_i64(self.thousandths / 1000)
        } else {
            serializer.serialize_f64(self.thousandths as f64 / 1000.0)
        }
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        let thousandths = (number * 1000.0).round();
        if thousandths.abs() > Scalar::LIMIT.0 as f64 {
            return Err(serde::de::Error::custom("is too large"));
        }
        Ok(Self { thousandths: thousandths as i64 })
    }
}

impl JsonSchema for Decimal {
    fn schema_name() -> Cow<'static, str> {
        "Decimal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "description": "Kept to three decimals." })
    }
}
