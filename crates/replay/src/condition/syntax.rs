//! The grammar of conditions: a part of the Common Expression Language, so that who knows that can write them.

use super::ConditionError;
use super::token::{Placed, Token, tokens};

/// How deep parentheses and the like may go.
const MAX_DEPTH: usize = 48;
const MAX_BYTES: usize = 4_096;

/// A part of a condition, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phrase {
    pub(super) form: Form,
    pub(super) start: usize,
    pub(super) end: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    Number(i64),
    Text(String),
    Truth(bool),
    Nothing,
    Name(String),
    Call { name: String, arguments: Vec<Phrase> },
    Field { of: Box<Phrase>, name: String },
    Method { of: Box<Phrase>, name: String, arguments: Vec<Phrase> },
    Not(Box<Phrase>),
    Negative(Box<Phrase>),
    List(Vec<Phrase>),
    Two(Sign, Box<Phrase>, Box<Phrase>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    In,
    Plus,
    Minus,
}

pub(super) fn parse(text: &str) -> Result<Phrase, ConditionError> {
    if text.len() > MAX_BYTES {
        return Err(ConditionError::at(MAX_BYTES, format!("a condition has {MAX_BYTES} bytes at most")));
    }
    let mut parser = Parser { words: tokens(text)?, next: 0, depth: 0, end: text.len() };
    let phrase = parser.either()?;
    match parser.words.get(parser.next) {
        None => Ok(phrase),
        Some(more) => Err(ConditionError::at(more.start, "this follows the end of the condition; && or || is missing")),
    }
}

struct Parser {
    words: Vec<Placed>,
    next: usize,
    depth: usize,
    end: usize,
}

impl Parser {
    fn place(&self) -> usize {
        self.words.get(self.next).map_or(self.end, |word| word.start)
    }

    fn take(&mut self, sign: &str) -> bool {
        let is_next = self.words.get(self.next).is_some_and(|word| matches!(word.token, Token::Sign(s) if s == sign));
        self.next += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, sign: &str) -> Result<(), ConditionError> {
        let at = self.place();
        if self.take(sign) { Ok(()) } else { Err(ConditionError::at(at, format!("'{sign}' is expected"))) }
    }

    fn take_one_of(&mut self, signs: &[(&str, Sign)]) -> Option<Sign> {
        signs.iter().find(|(text, _)| self.take(text)).map(|(_, sign)| *sign)
    }

    fn two(sign: Sign, left: Phrase, right: Phrase) -> Phrase {
        let (start, end) = (left.start, right.end);
        Phrase { form: Form::Two(sign, Box::new(left), Box::new(right)), start, end }
    }

    fn either(&mut self) -> Result<Phrase, ConditionError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ConditionError::at(self.place(), "the condition is too deep"));
        }
        let mut left = self.both()?;
        while self.take("||") {
            left = Self::two(Sign::Or, left, self.both()?);
        }
        self.depth -= 1;
        Ok(left)
    }

    fn both(&mut self) -> Result<Phrase, ConditionError> {
        let mut left = self.comparison()?;
        while self.take("&&") {
            left = Self::two(Sign::And, left, self.comparison()?);
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Phrase, ConditionError> {
        const COMPARISONS: [(&str, Sign); 6] = [
            ("==", Sign::Equal),
            ("!=", Sign::Unequal),
            ("<=", Sign::LessOrEqual),
            (">=", Sign::MoreOrEqual),
            ("<", Sign::Less),
            (">", Sign::More),
        ];
        let left = self.sum()?;
        let is_in = matches!(self.words.get(self.next), Some(Placed { token: Token::Name(name), .. }) if name == "in");
        if is_in {
            self.next += 1;
            return Ok(Self::two(Sign::In, left, self.sum()?));
        }
        match self.take_one_of(&COMPARISONS) {
            Some(sign) => Ok(Self::two(sign, left, self.sum()?)),
            None => Ok(left),
        }
    }

    fn sum(&mut self) -> Result<Phrase, ConditionError> {
        let mut left = self.signed()?;
        while let Some(sign) = self.take_one_of(&[("+", Sign::Plus), ("-", Sign::Minus)]) {
            left = Self::two(sign, left, self.signed()?);
        }
        Ok(left)
    }

    fn signed(&mut self) -> Result<Phrase, ConditionError> {
        let start = self.place();
        let wrap = if self.take("!") {
            Form::Not
        } else if self.take("-") {
            Form::Negative
        } else {
            return self.with_fields();
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ConditionError::at(start, "the condition is too deep"));
        }
        let of = self.signed()?;
        self.depth -= 1;
        let end = of.end;
        Ok(Phrase { form: wrap(Box::new(of)), start, end })
    }

    fn with_fields(&mut self) -> Result<Phrase, ConditionError> {
        let mut phrase = self.first()?;
        while self.take(".") {
            let (name, name_end) = self.name("a field's name")?;
            let (start, of) = (phrase.start, Box::new(phrase));
            let (form, end) = if self.take("(") {
                let (arguments, end) = self.arguments(")")?;
                (Form::Method { of, name, arguments }, end)
            } else {
                (Form::Field { of, name }, name_end)
            };
            phrase = Phrase { form, start, end };
        }
        Ok(phrase)
    }

    fn name(&mut self, what: &str) -> Result<(String, usize), ConditionError> {
        match self.words.get(self.next) {
            Some(Placed { token: Token::Name(name), end, .. }) => {
                let found = (name.clone(), *end);
                self.next += 1;
                Ok(found)
            }
            _ => Err(ConditionError::at(self.place(), format!("{what} is expected"))),
        }
    }

    fn first(&mut self) -> Result<Phrase, ConditionError> {
        let Some(Placed { token, start, end }) = self.words.get(self.next).cloned() else {
            return Err(ConditionError::at(self.end, "something is missing at the end"));
        };
        self.next += 1;
        let (form, end) = match token {
            Token::Number(number) => (Form::Number(number), end),
            Token::Text(text) => (Form::Text(text), end),
            Token::Name(name) if name == "true" => (Form::Truth(true), end),
            Token::Name(name) if name == "false" => (Form::Truth(false), end),
            Token::Name(name) if name == "null" => (Form::Nothing, end),
            Token::Name(name) if self.take("(") => {
                let (arguments, end) = self.arguments(")")?;
                (Form::Call { name, arguments }, end)
            }
            Token::Name(name) => (Form::Name(name), end),
            Token::Sign("(") => {
                let inner = self.either()?;
                self.expect(")")?;
                // With its parentheses, so that what is cut out of the text is whole.
                return Ok(Phrase { start, end: self.words[self.next - 1].end, ..inner });
            }
            Token::Sign("[") => {
                let (items, end) = self.arguments("]")?;
                (Form::List(items), end)
            }
            Token::Sign(sign) => return Err(ConditionError::at(start, format!("'{sign}' is not expected here"))),
        };
        Ok(Phrase { form, start, end })
    }

    /// Up to the closing sign, and where that ends.
    fn arguments(&mut self, close: &str) -> Result<(Vec<Phrase>, usize), ConditionError> {
        let mut found = Vec::new();
        while !self.take(close) {
            if !found.is_empty() {
                self.expect(",")?;
            }
            found.push(self.either()?);
        }
        Ok((found, self.words[self.next - 1].end))
    }
}
