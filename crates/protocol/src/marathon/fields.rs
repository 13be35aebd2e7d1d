//! Reading one JSON object, field by field, without stopping at what is wrong.
//!
//! Each reader says what is wrong with its field and then counts the field as left out. Null counts as left out too.

use std::collections::BTreeMap;

use model::{Scalar, ScalarError};
use serde_json::{Map, Value};

use super::problems::Problems;
use super::shapes::{AS_IT_IS_DONE, Shape, asks_for_nothing};

pub(crate) struct Fields<'v> {
    path: String,
    map: &'v Map<String, Value>,
}

impl<'v> Fields<'v> {
    /// Names the fields that are unknown or not built yet.
    pub(crate) fn open(path: &str, value: &'v Value, shape: &Shape, problems: &mut Problems) -> Option<Self> {
        let Some(map) = value.as_object() else {
            problems.add(path, must_be("an object", value));
            return None;
        };
        for (name, value) in map {
            let at = format!("{path}/{name}");
            if shape.not_built.contains(&name.as_str()) {
                if !asks_for_nothing(name, value) {
                    problems.add(at, not_built(name));
                }
            } else if !shape.built.contains(&name.as_str()) && !shape.answered.contains(&name.as_str()) {
                problems.add(at, "unknown field");
            }
        }
        Some(Self { path: path.to_owned(), map })
    }

    pub(crate) fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&'v Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, name: &str, problems: &mut Problems) -> Option<&'v str> {
        text(&self.at(name), self.value(name)?, problems)
    }

    /// A text that counts as left out when it is empty.
    pub(crate) fn filled_text(&self, name: &str, problems: &mut Problems) -> Option<&'v str> {
        self.text(name, problems).filter(|text| !text.is_empty())
    }

    pub(crate) fn flag(&self, name: &str, problems: &mut Problems) -> Option<bool> {
        let value = self.value(name)?;
        if !value.is_boolean() {
            problems.add(self.at(name), must_be("true or false", value));
        }
        value.as_bool()
    }

    /// A quantity of a resource: not negative, kept in thousandths.
    pub(crate) fn scalar(&self, name: &str, problems: &mut Problems) -> Option<Scalar> {
        let number = self.number(name, problems)?;
        let scalar = Scalar::try_from_f64(number).map_err(|error: ScalarError| error.to_string());
        let scalar = scalar.and_then(|scalar| match scalar {
            Scalar::ZERO if number > 0.0 => Err("is too small: three decimals are kept".to_owned()),
            scalar => Ok(scalar),
        });
        scalar.map_err(|reason| problems.add(self.at(name), reason)).ok()
    }

    /// Seconds, as milliseconds.
    pub(crate) fn seconds(&self, name: &str, limit_s: u32, problems: &mut Problems) -> Option<u64> {
        let ms = self.scalar(name, problems)?.0;
        if ms > i64::from(limit_s) * 1000 {
            problems.add(self.at(name), format!("must not be above {limit_s}"));
            return None;
        }
        u64::try_from(ms).ok()
    }

    pub(crate) fn number(&self, name: &str, problems: &mut Problems) -> Option<f64> {
        let value = self.value(name)?;
        if !value.is_number() {
            problems.add(self.at(name), must_be("a number", value));
        }
        value.as_f64()
    }

    pub(crate) fn whole(&self, name: &str, limit: u32, problems: &mut Problems) -> Option<u32> {
        whole(&self.at(name), self.value(name)?, limit, problems)
    }

    pub(crate) fn port(&self, name: &str, problems: &mut Problems) -> Option<u16> {
        self.whole(name, u32::from(u16::MAX), problems).and_then(|port| u16::try_from(port).ok())
    }

    /// The items of a list with their paths.
    pub(crate) fn items(&self, name: &str, problems: &mut Problems) -> Option<Vec<(String, &'v Value)>> {
        let value = self.value(name)?;
        items(&self.at(name), value, problems)
    }

    pub(crate) fn texts(&self, name: &str, problems: &mut Problems) -> Option<Vec<String>> {
        let items = self.items(name, problems)?;
        Some(items.iter().filter_map(|(at, item)| text(at, item, problems).map(ToOwned::to_owned)).collect())
    }

    pub(crate) fn text_map(&self, name: &str, problems: &mut Problems) -> Option<BTreeMap<String, String>> {
        let value = self.value(name)?;
        let Some(map) = value.as_object() else {
            problems.add(self.at(name), must_be("an object", value));
            return None;
        };
        let at = self.at(name);
        let mut texts = BTreeMap::new();
        for (key, value) in map {
            if let Some(value) = text(&format!("{at}/{key}"), value, problems) {
                texts.insert(key.clone(), value.to_owned());
            }
        }
        Some(texts)
    }
}

fn not_built(field: &str) -> String {
    match AS_IT_IS_DONE.iter().find(|(name, _)| *name == field) {
        Some((_, done)) => format!("is not built yet: leave it out, or say {done}"),
        None => "is not built yet: leave it out".to_owned(),
    }
}

pub(crate) fn text<'v>(at: &str, value: &'v Value, problems: &mut Problems) -> Option<&'v str> {
    let Some(text) = value.as_str() else {
        problems.add(at, must_be("a string", value));
        return None;
    };
    if text.contains('\0') {
        problems.add(at, "must not contain a NUL character");
        return None;
    }
    Some(text)
}

pub(crate) fn items<'v>(at: &str, value: &'v Value, problems: &mut Problems) -> Option<Vec<(String, &'v Value)>> {
    let Some(list) = value.as_array() else {
        problems.add(at, must_be("an array", value));
        return None;
    };
    Some(list.iter().enumerate().map(|(index, item)| (format!("{at}({index})"), item)).collect())
}

pub(crate) fn whole(at: &str, value: &Value, limit: u32, problems: &mut Problems) -> Option<u32> {
    let Some(number) = value.as_f64() else {
        problems.add(at, must_be("a number", value));
        return None;
    };
    let reason = if number < 0.0 {
        "must not be negative".to_owned()
    } else if number.fract() != 0.0 {
        "must be a whole number".to_owned()
    } else if number > f64::from(limit) {
        format!("must not be above {limit}")
    } else {
        return Some(number as u32);
    };
    problems.add(at, reason);
    None
}

pub(crate) fn must_be(wanted: &str, found: &Value) -> String {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    format!("must be {wanted}, not {found}")
}
