//! The words of a condition.

use super::ConditionError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// In thousandths.
    Number(i64),
    Text(String),
    Name(String),
    Sign(&'static str),
}

/// A word, and where it stands in the condition, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The longer ones first.
const SIGNS: [&str; 17] = ["&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ",", ".", "+", "-"];
const DECIMALS: usize = 3;

pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, ConditionError> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (token, length) = match first {
            '"' | '\'' => quoted(rest, first, at)?,
            '0'..='9' => number(rest, at)?,
            'a'..='z' | 'A'..='Z' | '_' => {
                let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                (Token::Name(rest[..length].to_owned()), length)
            }
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => (Token::Sign(sign), sign.len()),
                None => return Err(ConditionError::at(at, format!("'{first}' means nothing here"))),
            },
        };
        found.push(Placed { token, start: at, end: at + length });
        at += length;
    }
    Ok(found)
}

fn quoted(rest: &str, quote: char, at: usize) -> Result<(Token, usize), ConditionError> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((index, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, c @ ('\\' | '"' | '\''))) => text.push(c),
                _ => return Err(ConditionError::at(at + index, "a backslash goes before \\, n, t or a quote")),
            },
            c if c == quote => return Ok((Token::Text(text), index + 1)),
            c => text.push(c),
        }
    }
    Err(ConditionError::at(at, format!("the text that begins with {quote} has no end")))
}

/// In thousandths: the log keeps no finer quantities.
fn number(rest: &str, at: usize) -> Result<(Token, usize), ConditionError> {
    let whole = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let after = rest[whole..].strip_prefix('.').unwrap_or_default();
    let decimals = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    if decimals > DECIMALS {
        return Err(ConditionError::at(at, "a number has three decimals at most"));
    }
    let length = if decimals == 0 { whole } else { whole + 1 + decimals };
    let digits = format!("{}{:0<DECIMALS$}", &rest[..whole], &after[..decimals]);
    let value = digits.parse().map_err(|_| ConditionError::at(at, "the number is too large"))?;
    Ok((Token::Number(value), length))
}
