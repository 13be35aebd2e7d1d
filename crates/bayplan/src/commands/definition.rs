//! App definitions in a file, or on stdin. Only what the command line itself needs of them is read: the ids.

use std::io::Read;
use std::path::Path;

use model::AppId;
use serde_json::Value;

use crate::failure::Failure;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Definitions {
    One(AppId, Value),
    /// Deployed together.
    Several(Vec<AppId>, Vec<Value>),
}

impl Definitions {
    /// `-` is stdin.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let (name, text) = if path == Path::new("-") {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text).map(|_| text);
            ("stdin".to_owned(), read)
        } else {
            (path.display().to_string(), std::fs::read_to_string(path))
        };
        let text = text.map_err(|error| Failure::Usage(format!("{name}: cannot be read: {error}")))?;
        Self::parse(&text).map_err(|reason| Failure::Usage(format!("{name}: {reason}")))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
        match value {
            Value::Object(_) => Ok(Self::One(id_of(&value)?, value)),
            Value::Array(apps) if apps.is_empty() => Err("holds no app".to_owned()),
            Value::Array(apps) => {
                let id = |(index, app)| id_of(app).map_err(|reason| format!("app {}: {reason}", index + 1));
                let ids = apps.iter().enumerate().map(id).collect::<Result<_, String>>()?;
                Ok(Self::Several(ids, apps))
            }
            _ => Err("holds neither an app's definition nor an array of them".to_owned()),
        }
    }

    pub(crate) fn ids(&self) -> &[AppId] {
        match self {
            Self::One(id, _) => std::slice::from_ref(id),
            Self::Several(ids, _) => ids,
        }
    }

    /// The definitions of apps that are none of `known`; None when all are.
    pub(crate) fn without(&self, known: &[AppId]) -> Option<Self> {
        match self {
            Self::One(id, _) => (!known.contains(id)).then(|| self.clone()),
            Self::Several(ids, apps) => {
                let all = ids.iter().zip(apps).filter(|(id, _)| !known.contains(id));
                let (ids, apps): (Vec<AppId>, Vec<Value>) = all.map(|(id, app)| (id.clone(), app.clone())).unzip();
                (!ids.is_empty()).then_some(Self::Several(ids, apps))
            }
        }
    }
}

fn id_of(app: &Value) -> Result<AppId, String> {
    match app.get("id") {
        Some(Value::String(id)) => AppId::parse(id).map_err(|error| format!("id {error}")),
        Some(_) => Err("id must be a string".to_owned()),
        None => Err("id is missing".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_app_or_several_each_with_an_id() {
        let ids = |text: &str| Definitions::parse(text).map(|all| all.ids().iter().map(ToString::to_string).collect());
        assert_eq!(ids(r#"{"id": "a"}"#), Ok(vec!["/a".to_owned()]));
        assert_eq!(ids(r#"[{"id": "a"}, {"id": "/b/c"}]"#), Ok(vec!["/a".to_owned(), "/b/c".to_owned()]));
        let both = Definitions::parse(r#"[{"id": "a"}, {"id": "b"}]"#).expect("two apps");
        let (a, b) = (AppId::parse("a").expect("an id"), AppId::parse("b").expect("an id"));
        assert_eq!(both.without(std::slice::from_ref(&a)).map(|rest| rest.ids().to_vec()), Some(vec![b.clone()]));
        assert_eq!(both.without(&[a, b]), None);
        assert_eq!(ids("{}"), Err("id is missing".to_owned()));
        assert_eq!(ids(r#"[{"id": "a"}, {"id": 3}]"#), Err("app 2: id must be a string".to_owned()));
        for wrong in ["", "3", "[]", "[3]", r#"{"id": "a b"}"#] {
            assert!(ids(wrong).is_err(), "{wrong}");
        }
    }
}
