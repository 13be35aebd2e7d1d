//! Any record that the schema allows, with a secret in every text. So a text that is added to the model is in here by itself.

use serde_json::{Map, Value, json};

use crate::dice::Dice;

/// In every text that could say anything.
pub(crate) const SECRET: &str = "secret";

pub(crate) struct Maker {
    root: Value,
    secrets: u64,
}

impl Maker {
    pub(crate) fn new() -> Self {
        let root = serde_json::to_value(model::schema::record_schema()).expect("a schema is JSON");
        Self { root, secrets: 0 }
    }

    /// The variants of an enum of the schema.
    pub(crate) fn variants(&self, name: &str) -> Vec<Value> {
        let definition = &self.root["$defs"][name];
        let variants = definition["oneOf"].as_array().expect("an enum with values");
        variants.clone()
    }

    pub(crate) fn make(&mut self, schema: &Value, dice: &mut Dice) -> Value {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.trim_start_matches("#/$defs/");
            let definition = self.root["$defs"][name].clone();
            return self.make(&definition, dice);
        }
        for choice in ["oneOf", "anyOf", "enum"] {
            if let Some(all) = schema[choice].as_array() {
                let one = dice.one_of(all).clone();
                return if choice == "enum" { one } else { self.make(&one, dice) };
            }
        }
        if let Some(all) = schema["allOf"].as_array() {
            let one = all[0].clone();
            return self.make(&one, dice);
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => dice.one_of(kinds).clone(),
            kind => kind.clone(),
        };
        match kind.as_str() {
            Some("null") => Value::Null,
            Some("boolean") => json!(dice.chance(50)),
            Some("integer") => number(schema, dice),
            Some("string") => self.text(schema, dice),
            Some("array") => self.array(schema, dice),
            Some("object") => self.object(schema, dice),
            _ => panic!("the schema has something that is not made here: {schema}"),
        }
    }

    fn text(&mut self, schema: &Value, dice: &mut Dice) -> Value {
        match schema["pattern"].as_str() {
            Some("^[0-9a-f]{32}$") => json!(format!("{:032x}", dice.next())),
            Some("^[0-9a-f]{64}$") => json!(format!("{:064x}", dice.next())),
            Some("^([0-9a-f]{2})*$") => json!(SECRET.bytes().map(|byte| format!("{byte:02x}")).collect::<String>()),
            Some(pattern) => panic!("texts like {pattern} are not made here"),
            None => json!(self.secret(dice)),
        }
    }

    /// Alone, as an app's id could be, or in a form that texts of the cluster's own have.
    pub(crate) fn secret(&mut self, dice: &mut Dice) -> String {
        self.secrets += 1;
        let secret = format!("{SECRET}{}", self.secrets);
        match dice.below(40) {
            0 => format!("agent@{secret}"),
            1 => format!("agent:S{secret}"),
            2 => format!("agent S1 on {secret} is gone for good"),
            3 => format!("exited with status 1{secret}"),
            4 => format!("F1.O2.{secret}"),
            5 => format!("{secret}.instance-b2363d83-c099-1dc6-c25d-0297a488419a._app.1"),
            6 => format!("docker-{secret}"),
            7 => format!("{secret}:5051"),
            8 => format!("best-fit.{secret}"),
            9 => format!("/{secret}/{SECRET}"),
            _ => secret,
        }
    }

    fn array(&mut self, schema: &Value, dice: &mut Dice) -> Value {
        if let Some(items) = schema["prefixItems"].as_array() {
            let items = items.clone();
            return items.iter().map(|item| self.make(item, dice)).collect();
        }
        (0..dice.below(3)).map(|_| self.make(&schema["items"], dice)).collect()
    }

    fn object(&mut self, schema: &Value, dice: &mut Dice) -> Value {
        let mut made = Map::new();
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            if required.contains(&name.as_str()) || dice.chance(80) {
                made.insert(name.clone(), self.make(schema, dice));
            }
        }
        if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
            for _ in 0..dice.below(3) {
                made.insert(self.secret(dice), self.make(values, dice));
            }
        }
        Value::Object(made)
    }
}

fn number(schema: &Value, dice: &mut Dice) -> Value {
    match schema["format"].as_str() {
        Some("uint8") => json!(dice.below(1 << 8)),
        Some("uint16") => json!(dice.below(1 << 16)),
        Some("int32" | "uint32") => json!(dice.below(1 << 31)),
        _ => json!(dice.below(1 << 40)),
    }
}
