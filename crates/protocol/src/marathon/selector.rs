//! Label selectors: `tier==web, env in (live,test), owner`. A comma means that all parts must hold.
//!
//! Every part needs the label to be there, `!=` and `notin` too, as in Marathon. A backslash takes the next character
//! literally.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::{Chars, FromStr};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelSelector(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    label: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Exists,
    In(Vec<String>),
    NotIn(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    #[error("a label's name is missing")]
    NoLabel,
    #[error("'{label}' is followed by '{found}': use ==, !=, in or notin")]
    Operator { label: String, found: String },
    #[error("a value is missing after '{label}'")]
    NoValue { label: String },
    #[error("the values of '{label}' must be written as (a,b)")]
    NoSet { label: String },
}

impl LabelSelector {
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|part| {
            labels.get(&part.label).is_some_and(|value| match &part.test {
                Test::Exists => true,
                Test::In(values) => values.contains(value),
                Test::NotIn(values) => !values.contains(value),
            })
        })
    }
}

impl FromStr for LabelSelector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut input = text.chars().peekable();
        let mut parts = Vec::new();
        loop {
            skip_spaces(&mut input);
            if input.peek().is_none() && parts.is_empty() {
                return Ok(Self(parts));
            }
            parts.push(part(&mut input)?);
            if input.next().is_none() {
                return Ok(Self(parts));
            }
        }
    }
}

type Input<'a> = Peekable<Chars<'a>>;

/// Reads up to the comma, or to the end.
fn part(input: &mut Input<'_>) -> Result<Part, SelectorError> {
    let label = term(input).ok_or(SelectorError::NoLabel)?;
    let wrong = |found: String| SelectorError::Operator { label: label.clone(), found };
    let test = match input.peek() {
        None | Some(',') => Test::Exists,
        Some('=' | '!') => {
            let operator: String = input.by_ref().take(2).collect();
            let value = || SelectorError::NoValue { label: label.clone() };
            match operator.as_str() {
                "==" => Test::In(vec![term(input).ok_or_else(value)?]),
                "!=" => Test::NotIn(vec![term(input).ok_or_else(value)?]),
                other => return Err(wrong(other.to_owned())),
            }
        }
        Some(_) => match term(input).as_deref() {
            Some("in") => Test::In(set(&label, input)?),
            Some("notin") => Test::NotIn(set(&label, input)?),
            other => return Err(wrong(other.unwrap_or("(").to_owned())),
        },
    };
    match input.peek() {
        None | Some(',') => Ok(Part { label, test }),
        Some(_) => Err(wrong(input.collect())),
    }
}

fn set(label: &str, input: &mut Input<'_>) -> Result<Vec<String>, SelectorError> {
    let wrong = || SelectorError::NoSet { label: label.to_owned() };
    if input.next() != Some('(') {
        return Err(wrong());
    }
    let mut values = Vec::new();
    loop {
        values.extend(term(input));
        match input.next() {
            Some(',') => {}
            Some(')') => break,
            _ => return Err(wrong()),
        }
    }
    skip_spaces(input);
    Ok(values)
}

/// A name or a value, with the spaces around it.
fn term(input: &mut Input<'_>) -> Option<String> {
    skip_spaces(input);
    let mut text = String::new();
    while let Some(next) = input.next_if(|c| !(c.is_whitespace() || "=!(),".contains(*c))) {
        if next == '\\' {
            text.extend(input.next());
        } else {
            text.push(next);
        }
    }
    skip_spaces(input);
    Some(text).filter(|text| !text.is_empty())
}

fn skip_spaces(input: &mut Input<'_>) {
    while input.next_if(|c| c.is_whitespace()).is_some() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_as_marathon_does() {
        let labels: BTreeMap<String, String> =
            [("tier", "web"), ("env", "live-1"), ("!!!", "a,b")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let cases = [
            ("", true),
            ("tier", true),
            ("tier==web", true),
            ("tier == web , env", true),
            ("tier!=web", false),
            ("tier != db", true),
            ("owner != me", false),
            ("owner notin (me)", false),
            ("env in (test, live-1)", true),
            ("env notin (test,live-1)", false),
            ("env notin ()", true),
            (r"\!\!\! in (\-\-, a\,b), tier", true),
            ("tier==web,env==test", false),
        ];
        for (text, expected) in cases {
            let selector: LabelSelector = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(selector.matches(&labels), expected, "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let cases = [
            ("tier=web", "'tier' is followed by '=w': use ==, !=, in or notin"),
            ("tier==", "a value is missing after 'tier'"),
            ("tier,", "a label's name is missing"),
            ("tier in web", "the values of 'tier' must be written as (a,b)"),
            ("tier in (web", "the values of 'tier' must be written as (a,b)"),
            ("tier is web", "'tier' is followed by 'is': use ==, !=, in or notin"),
            ("tier==web db", "'tier' is followed by 'db': use ==, !=, in or notin"),
        ];
        for (text, reason) in cases {
            assert_eq!(text.parse::<LabelSelector>().map_err(|error| error.to_string()), Err(reason.to_owned()));
        }
    }
}
