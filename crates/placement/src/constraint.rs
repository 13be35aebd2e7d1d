//! Constraints: which texts of a field an instance may land on.
//!
//! Whatever its operator, a constraint comes down to a set of allowed texts of one field, so a scan needs one look-up
//! per agent. The set changes with each placement of the app.

use std::collections::BTreeMap;

use model::{Constraint, ConstraintOperator};
use regex::{Regex, RegexBuilder};

use crate::columns::{Columns, LANES};
use crate::fields::{ABSENT, Field};

/// How large a regular expression may become when compiled.
pub const PATTERN_SIZE_LIMIT: usize = 1 << 20;

/// Why a constraint cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConstraintError {
    #[error("field must be 'hostname' or the name of an attribute, and not empty")]
    NoField,
    #[error("UNIQUE takes no value, but has '{0}'")]
    NeedlessValue(String),
    #[error("LIKE needs a value, the regular expression that all of the field must match")]
    NoPattern,
    #[error("'{pattern}' is not a regular expression: {reason}")]
    BadPattern { pattern: String, reason: String },
}

/// What must be asked of a constraint before it reaches the log.
pub fn validate_constraint(constraint: &Constraint) -> Result<(), ConstraintError> {
    if constraint.field.trim().is_empty() {
        return Err(ConstraintError::NoField);
    }
    match (constraint.operator, value_of(constraint)) {
        (ConstraintOperator::Unique, Some(value)) => Err(ConstraintError::NeedlessValue(value.to_owned())),
        (ConstraintOperator::Like, None) => Err(ConstraintError::NoPattern),
        (ConstraintOperator::Like, Some(pattern)) => compile(pattern).map(|_| ()),
        (ConstraintOperator::Unique | ConstraintOperator::Cluster, _) => Ok(()),
    }
}

/// Whether a constraint depends on the agent alone, and on no placement.
pub(crate) fn is_static(constraint: &Constraint) -> bool {
    match constraint.operator {
        ConstraintOperator::Unique => false,
        ConstraintOperator::Cluster => value_of(constraint).is_some(),
        ConstraintOperator::Like => true,
    }
}

/// An empty value is none, as Marathon has it.
fn value_of(constraint: &Constraint) -> Option<&str> {
    constraint.value.as_deref().filter(|value| !value.is_empty())
}

/// The expression must stand alone too: `a)(b` would become valid between brackets.
fn compile(pattern: &str) -> Result<Regex, ConstraintError> {
    let build = |pattern: &str| RegexBuilder::new(pattern).size_limit(PATTERN_SIZE_LIMIT).build();
    build(pattern).and_then(|_| build(&format!(r"\A(?:{pattern})\z"))).map_err(|error| {
        // The library draws a picture first and says what is wrong in the last line.
        let message = error.to_string();
        let last = message.lines().last().unwrap_or_default();
        let reason = last.trim_start_matches("error: ").to_owned();
        ConstraintError::BadPattern { pattern: pattern.to_owned(), reason }
    })
}

/// A set of a field's texts, by number.
#[derive(Debug, Clone)]
struct TextSet(Vec<u64>);

impl TextSet {
    fn none(field: &Field) -> Self {
        Self(vec![0; field.texts().len() / 64 + 1])
    }

    fn of(field: &Field, is_in: impl Fn(&str) -> bool) -> Self {
        let mut set = Self::none(field);
        for (number, text) in (1_u32..).zip(field.texts()) {
            if is_in(text) {
                set.insert(number);
            }
        }
        set
    }

    fn contains(&self, number: u32) -> bool {
        self.0[number as usize / 64] >> (number % 64) & 1 != 0
    }

    fn insert(&mut self, number: u32) {
        self.0[number as usize / 64] |= 1 << (number % 64);
    }

    fn remove(&mut self, number: u32) {
        self.0[number as usize / 64] &= !(1 << (number % 64));
    }

    fn keep_only(&mut self, number: u32) {
        let kept = self.contains(number);
        self.0.fill(0);
        if kept {
            self.insert(number);
        }
    }
}

/// What regular expressions have matched, by field and pattern, so that each is compiled once per scratch.
#[derive(Debug, Default)]
pub(crate) struct Matched(BTreeMap<(String, String), TextSet>);

impl Matched {
    /// A pattern that does not compile should have been refused long before; here it matches nothing.
    fn texts(&mut self, field: &Field, name: &str, pattern: &str) -> TextSet {
        let key = (name.to_owned(), pattern.to_owned());
        let matched = self.0.entry(key).or_insert_with(|| match compile(pattern) {
            Ok(regex) => TextSet::of(field, |text| regex.is_match(text)),
            Err(_) => TextSet::none(field),
        });
        matched.clone()
    }
}

/// A constraint against the agents' fields as they are.
#[derive(Debug)]
pub(crate) struct Test {
    operator: ConstraintOperator,
    allowed: Option<AllowedTexts>,
}

#[derive(Debug)]
struct AllowedTexts {
    field: usize,
    texts: TextSet,
    /// Whether a placement changes what is allowed.
    follows_placements: bool,
}

impl Test {
    /// `own` are the rows of the app's instances; it is asked for only when the constraint depends on them.
    pub(crate) fn new<'a>(
        constraint: &Constraint,
        columns: &Columns,
        matched: &mut Matched,
        own: impl FnOnce() -> &'a [(u32, u32)],
    ) -> Self {
        let operator = constraint.operator;
        let Some((index, field)) = columns.fields.by_name(&constraint.field) else {
            return Self { operator, allowed: None };
        };
        let value = value_of(constraint);
        let texts = match (operator, value) {
            (ConstraintOperator::Like, pattern) => matched.texts(field, &constraint.field, pattern.unwrap_or_default()),
            (ConstraintOperator::Cluster, Some(value)) => TextSet::of(field, |text| text == value),
            (ConstraintOperator::Cluster | ConstraintOperator::Unique, _) => TextSet::of(field, |_| true),
        };
        let follows_placements = match operator {
            ConstraintOperator::Unique => true,
            ConstraintOperator::Cluster => value.is_none(),
            ConstraintOperator::Like => false,
        };
        let mut test = Self { operator, allowed: Some(AllowedTexts { field: index, texts, follows_placements }) };
        if follows_placements {
            for (row, _) in own() {
                test.follow(columns, *row as usize);
            }
        }
        test
    }

    /// An instance of the app stands on this row.
    pub(crate) fn follow(&mut self, columns: &Columns, row: usize) {
        let Some(allowed) = self.allowed.as_mut().filter(|allowed| allowed.follows_placements) else { return };
        let number = columns.fields.at(allowed.field).column()[row];
        match self.operator {
            ConstraintOperator::Unique => allowed.texts.remove(number),
            // An instance on an agent without the field has no text that another could share.
            ConstraintOperator::Cluster if number == ABSENT => allowed.texts.0.fill(0),
            ConstraintOperator::Cluster => allowed.texts.keep_only(number),
            ConstraintOperator::Like => {}
        }
    }

    /// Whether a placement changes what is allowed.
    pub(crate) fn follows_placements(&self) -> bool {
        self.allowed.as_ref().is_some_and(|allowed| allowed.follows_placements)
    }

    pub(crate) fn passes(&self, columns: &Columns, row: usize) -> bool {
        self.allowed
            .as_ref()
            .is_some_and(|allowed| allowed.texts.contains(columns.fields.at(allowed.field).column()[row]))
    }

    /// Rules out those of `LANES` rows, from `start` on, that fail. Agents without the field do.
    pub(crate) fn narrow(&self, columns: &Columns, start: usize, ok: &mut [i32; LANES]) {
        let Some(AllowedTexts { field, texts, .. }) = &self.allowed else {
            ok.fill(0);
            return;
        };
        let numbers = &columns.fields.at(*field).column()[start..];
        for (ok, number) in ok.iter_mut().zip(numbers) {
            *ok &= -i32::from(texts.contains(*number));
        }
    }
}
