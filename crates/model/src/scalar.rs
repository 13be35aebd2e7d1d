//! Fixed-point quantities with three decimals, as Mesos has them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A quantity in thousandths: 500 is half a cpu, 300 000 is 300 MB of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Scalar(pub i64);

/// Why a number cannot be a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScalarError {
    #[error("must be a finite number")]
    NotFinite,
    #[error("must not be negative")]
    Negative,
    #[error("is too large")]
    TooLarge,
}

impl Scalar {
    pub const ZERO: Self = Self(0);
    /// The largest quantity that is accepted from outside, so that sums never overflow.
    pub const LIMIT: Self = Self(1_000_000_000_000_000);

    #[must_use]
    pub const fn from_whole(units: i64) -> Self {
        Self(units * 1000)
    }

    /// Rounds to the nearest thousandth.
    pub fn try_from_f64(value: f64) -> Result<Self, ScalarError> {
        if !value.is_finite() {
            return Err(ScalarError::NotFinite);
        }
        if value < 0.0 {
            return Err(ScalarError::Negative);
        }
        let thousandths = (value * 1000.0).round();
        if thousandths > Self::LIMIT.0 as f64 {
            return Err(ScalarError::TooLarge);
        }
        Ok(Self(thousandths as i64))
    }

    /// For display and for wire formats that speak of decimals; never used in a decision.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }

    #[must_use]
    pub const fn times(self, count: i64) -> Self {
        Self(self.0 * count)
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, magnitude) = if self.0 < 0 { ("-", self.0.unsigned_abs()) } else { ("", self.0.unsigned_abs()) };
        let (whole, rest) = (magnitude / 1000, magnitude % 1000);
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let decimals = format!("{rest:03}");
        write!(f, "{sign}{whole}.{}", decimals.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_thousandths_and_prints_without_trailing_zeros() {
        assert_eq!(Scalar::try_from_f64(0.1 + 0.2), Ok(Scalar(300)));
        assert_eq!(Scalar(300).to_string(), "0.3");
        assert_eq!(Scalar(12_000).to_string(), "12");
        assert_eq!(Scalar(-1_050).to_string(), "-1.05");
    }

    #[test]
    fn refuses_what_is_not_a_quantity() {
        assert_eq!(Scalar::try_from_f64(-0.5), Err(ScalarError::Negative));
        assert_eq!(Scalar::try_from_f64(f64::NAN), Err(ScalarError::NotFinite));
        assert_eq!(Scalar::try_from_f64(1e300), Err(ScalarError::TooLarge));
    }
}
