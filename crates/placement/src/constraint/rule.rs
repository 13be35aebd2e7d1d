//! What a constraint says, once it is known to make sense.
//!
//! Must not know any agent. Where Marathon has an opinion this is Marathon's, except that what it accepts and
//! then never fulfils is refused.

use model::{Constraint, ConstraintOperator};
use regex::{Regex, RegexBuilder};

/// How large a regular expression may become when compiled.
pub const PATTERN_SIZE_LIMIT: usize = 1 << 20;

/// Why a constraint cannot be used. The messages name the way out; the constraint itself is named by the caller, who
/// knows where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConstraintError {
    #[error("field must be 'hostname', '@region', '@zone' or the name of an attribute, and not empty")]
    NoField,
    #[error("'{0}' is none of @hostname, @region and @zone, and the names of attributes do not begin with '@'")]
    UnknownField(String),
    #[error("UNIQUE takes no value, but has '{0}': leave it out, or use CLUSTER or IS for one certain value")]
    NeedlessValue(String),
    #[error("{} needs a value, {}", .0.name(), example(*.0))]
    NoValue(ConstraintOperator),
    #[error("'{pattern}' is not a regular expression: {reason}")]
    BadPattern { pattern: String, reason: String },
    #[error("{} needs a whole number from 1 to {}, not '{value}': {}", .operator.name(), i32::MAX, example(*.operator))]
    BadCount { operator: ConstraintOperator, value: String },
    #[error("IS needs a text of letters, digits, '_', '-', '.' and '/', not '{0}': use CLUSTER for any other text")]
    BadText(String),
}

fn example(operator: ConstraintOperator) -> &'static str {
    match operator {
        ConstraintOperator::Like => "the regular expression that all of the field must match",
        ConstraintOperator::Unlike => "the regular expression that all of the field must not match",
        ConstraintOperator::MaxPer => "how many instances may share a value of the field, such as '2'",
        ConstraintOperator::GroupBy => "how many values the field has at least, or no value when nobody knows",
        ConstraintOperator::Is => "the text or the number that the field must be",
        ConstraintOperator::Unique | ConstraintOperator::Cluster => "or none",
    }
}

/// A constraint without its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rule<'a> {
    Fixed(Fixed<'a>),
    Following(Following),
}

/// What depends on the agent alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fixed<'a> {
    /// Where this is the text.
    Only(&'a str),
    Like(&'a str),
    Unlike(&'a str),
    Is {
        text: &'a str,
        /// How a field says the number that `text` is.
        number: Option<String>,
    },
}

/// What depends on where the app has instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Following {
    Unique,
    /// All where the first one landed.
    Together,
    GroupBy {
        least: Option<u32>,
    },
    MaxPer(u32),
}

/// What must be asked of a constraint before it reaches the log.
pub fn validate_constraint(constraint: &Constraint) -> Result<(), ConstraintError> {
    let field = &constraint.field;
    if field.trim().is_empty() {
        return Err(ConstraintError::NoField);
    }
    let known = [Constraint::AT_HOSTNAME, Constraint::REGION, Constraint::ZONE];
    if field.starts_with(Constraint::RESERVED) && !known.contains(&field.as_str()) {
        return Err(ConstraintError::UnknownField(field.clone()));
    }
    match Rule::of(constraint)? {
        Rule::Fixed(Fixed::Like(pattern) | Fixed::Unlike(pattern)) => compile(pattern).map(drop),
        _ => Ok(()),
    }
}

impl<'a> Rule<'a> {
    /// Patterns are not compiled here.
    pub(super) fn of(constraint: &'a Constraint) -> Result<Self, ConstraintError> {
        let operator = constraint.operator;
        // An empty value is none, as Marathon has it.
        let value = constraint.value.as_deref().filter(|value| !value.is_empty());
        let Some(value) = value else {
            return match operator {
                ConstraintOperator::Unique => Ok(Self::Following(Following::Unique)),
                ConstraintOperator::Cluster => Ok(Self::Following(Following::Together)),
                ConstraintOperator::GroupBy => Ok(Self::Following(Following::GroupBy { least: None })),
                ConstraintOperator::Like
                | ConstraintOperator::Unlike
                | ConstraintOperator::MaxPer
                | ConstraintOperator::Is => Err(ConstraintError::NoValue(operator)),
            };
        };
        Ok(match operator {
            ConstraintOperator::Unique => return Err(ConstraintError::NeedlessValue(value.to_owned())),
            ConstraintOperator::Cluster => Self::Fixed(Fixed::Only(value)),
            ConstraintOperator::GroupBy => Self::Following(Following::GroupBy { least: Some(count(operator, value)?) }),
            ConstraintOperator::Like => Self::Fixed(Fixed::Like(value)),
            ConstraintOperator::Unlike => Self::Fixed(Fixed::Unlike(value)),
            ConstraintOperator::MaxPer => Self::Following(Following::MaxPer(count(operator, value)?)),
            ConstraintOperator::Is => Self::Fixed(is(value)?),
        })
    }
}

/// Marathon's whole numbers are Java's.
fn count(operator: ConstraintOperator, value: &str) -> Result<u32, ConstraintError> {
    let number = value.parse::<i32>().ok().filter(|number| *number > 0);
    number.map(i32::unsigned_abs).ok_or_else(|| ConstraintError::BadCount { operator, value: value.to_owned() })
}

fn is(text: &str) -> Result<Fixed<'_>, ConstraintError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    if !text.chars().all(fits) {
        return Err(ConstraintError::BadText(text.to_owned()));
    }
    Ok(Fixed::Is { text, number: number(text) })
}

/// A number as attributes tell it: to the nearest thousandth, without needless zeros. Only digits, with a point between
/// them, make a number. Which thousandth is nearest is decided on the binary fraction, as Marathon does, and an even one is taken
/// where two are equally near; no arithmetic is done with it.
fn number(text: &str) -> Option<String> {
    let is_whole = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = text.split_once('.').map_or_else(|| is_whole(text), |(a, b)| is_whole(a) && is_whole(b));
    let number: f64 = text.parse().ok().filter(|_| is_number)?;
    let thousandths = format!("{number:.3}");
    Some(thousandths.trim_end_matches('0').trim_end_matches('.').to_owned())
}

/// The expression must stand alone too: `a)(b` would become valid between brackets.
pub(super) fn compile(pattern: &str) -> Result<Regex, ConstraintError> {
    let build = |pattern: &str| RegexBuilder::new(pattern).size_limit(PATTERN_SIZE_LIMIT).build();
    build(pattern).and_then(|_| build(&format!(r"\A(?:{pattern})\z"))).map_err(|error| {
        // The library draws a picture first and says what is wrong in the last line.
        let message = error.to_string();
        let last = message.lines().last().unwrap_or_default();
        let reason = last.trim_start_matches("error: ").to_owned();
        ConstraintError::BadPattern { pattern: pattern.to_owned(), reason }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_as_marathon_tells_them() {
        for (text, told) in [
            ("1", "1"),
            ("1.0", "1"),
            ("0010", "10"),
            ("0.80", "0.8"),
            ("0.8001", "0.8"),
            ("1.0005", "1"),
            ("1.00051", "1.001"),
            ("1.1005", "1.101"),
            ("0.0625", "0.062"),
            ("0", "0"),
            ("100", "100"),
            ("1000000000000000000000", "1000000000000000000000"),
        ] {
            assert_eq!(number(text).as_deref(), Some(told), "{text}");
        }
        for text in ["", ".", "1.", ".5", "-1", "1e3", "1.2.3", "a", "inf", "NaN"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
