//! What differs between two moments: rows that were added, removed or changed, field by field.

use std::collections::BTreeMap;

use model::{PortRanges, Resources, Seq, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use state::{State, Table};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    pub from: Instant,
    pub to: Instant,
    /// By table: `apps`, `tasks`, …; only those in which anything differs.
    pub tables: BTreeMap<&'static str, TableDiff>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Instant {
    pub seq: Seq,
    pub at: Timestamp,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TableDiff {
    pub added: BTreeMap<String, Value>,
    pub removed: BTreeMap<String, Value>,
    pub changed: BTreeMap<String, Vec<FieldDiff>>,
}

/// A field by its path, as `spec.instances`. What is not there is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldDiff {
    pub field: String,
    pub before: Value,
    pub after: Value,
}

/// What is used of an agent, and what there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Use {
    used: Resources,
    total: Resources,
}

#[must_use]
pub fn diff(before: &State, after: &State) -> Diff {
    let mut tables = BTreeMap::new();
    let mut enter = |name, found: TableDiff| {
        if !found.is_empty() {
            tables.insert(name, found);
        }
    };
    enter("apps", of_table(&before.apps, &after.apps, ToString::to_string));
    enter("tasks", of_table(&before.tasks, &after.tasks, ToString::to_string));
    enter("agents", of_table(&before.agents, &after.agents, ToString::to_string));
    enter("offers", of_table(&before.offers, &after.offers, ToString::to_string));
    enter("deployments", of_table(&before.deployments, &after.deployments, ToString::to_string));
    enter("frameworks", of_table(&before.frameworks, &after.frameworks, ToString::to_string));
    enter("profiles", profiles(before, after));
    enter("modules", of_rows(&modules(before), &modules(after)));
    enter("resources", of_rows(&resources(before), &resources(after)));
    enter("cluster", of_rows(&cluster(before), &cluster(after)));
    let instant = |state: &State| Instant { seq: state.seq, at: state.at };
    Diff { from: instant(before), to: instant(after), tables }
}

impl TableDiff {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// Rows are compared as they are, and looked into only where they differ: most rows of two moments are the same.
fn of_table<K, V>(before: &Table<K, V>, after: &Table<K, V>, name: impl Fn(&K) -> String) -> TableDiff
where
    K: Ord + Clone + Serialize,
    V: Clone + Serialize + PartialEq,
{
    let mut found = TableDiff::default();
    for (key, row) in before.iter() {
        match after.get(key) {
            None => drop(found.removed.insert(name(key), json(row))),
            Some(now) if now == row => {}
            Some(now) => drop(found.changed.insert(name(key), fields(&json(row), &json(now)))),
        }
    }
    for (key, row) in after.iter().filter(|(key, _)| !before.contains(*key)) {
        found.added.insert(name(key), json(row));
    }
    found
}

fn of_rows<V: Serialize + PartialEq>(before: &BTreeMap<String, V>, after: &BTreeMap<String, V>) -> TableDiff {
    let mut found = TableDiff::default();
    for (name, row) in before {
        match after.get(name) {
            None => drop(found.removed.insert(name.clone(), json(row))),
            Some(now) if now == row => {}
            Some(now) => drop(found.changed.insert(name.clone(), fields(&json(row), &json(now)))),
        }
    }
    for (name, row) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
        found.added.insert(name.clone(), json(row));
    }
    found
}

/// The profiles themselves, and who is decided for by which.
fn profiles(before: &State, after: &State) -> TableDiff {
    fn rows(state: &State) -> BTreeMap<String, Value> {
        let choices = &state.header.profiles;
        let defined = state.profiles.iter().map(|(name, profile)| (name.to_string(), json(profile)));
        let users = choices.users().map(|(profile, user)| (format!("for {user}"), json(profile)));
        let default = (!state.header.placement_policy.is_empty())
            .then(|| ("for everybody else".to_owned(), json(&state.header.placement_policy)));
        defined.chain(users).chain(default).collect()
    }
    of_rows(&rows(before), &rows(after))
}

/// Without their bytes, which nobody reads.
fn modules(state: &State) -> BTreeMap<String, (String, Option<String>)> {
    let row = |module: &model::Module| (module.hash.to_string(), module.disabled.as_deref().map(str::to_owned));
    state.modules.iter().map(|(name, module)| (name.to_string(), row(module))).collect()
}

fn resources(state: &State) -> BTreeMap<String, Use> {
    let of = |agent: &model::Agent| Use { used: state.used_on(agent.id), total: agent.description.resources.clone() };
    state.agents.iter().map(|(id, agent)| (id.to_string(), of(agent))).collect()
}

fn cluster(state: &State) -> BTreeMap<String, Value> {
    let header = &state.header;
    let rows = [
        ("leader", json(&header.leader)),
        ("epoch", json(&state.epoch)),
        ("offer_timeout_ms", json(&header.offer_timeout_ms)),
        ("totals", json(&header.totals)),
    ];
    rows.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn json<T: Serialize>(row: &T) -> Value {
    serde_json::to_value(row).unwrap_or(Value::Null)
}

/// Every field that differs, by its path.
#[must_use]
pub fn fields(before: &Value, after: &Value) -> Vec<FieldDiff> {
    let mut found = Vec::new();
    compare("", before, after, &mut found);
    found
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut Vec<FieldDiff>) {
    if before == after {
        return;
    }
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        let (before, after) = (before.clone(), after.clone());
        found.push(FieldDiff { field: path.to_owned(), before, after });
        return;
    };
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let of = |map: &serde_json::Map<String, Value>| map.get(name).cloned().unwrap_or(Value::Null);
        compare(&path, &of(old), &of(new), found);
    }
}

/// A list of ranges of ports.
#[must_use]
pub fn ports(value: &Value) -> Option<PortRanges> {
    PortRanges::deserialize(value).ok()
}

/// The first part that differs, by its path, as `offers.resources[37].ports`: as deep as there is one.
#[must_use]
pub fn first_part(before: &Value, after: &Value) -> Option<FieldDiff> {
    let first = fields(before, after).into_iter().next()?;
    let (Value::Array(old), Value::Array(new)) = (&first.before, &first.after) else { return Some(first) };
    if ports(&first.before).is_some() && ports(&first.after).is_some() {
        return Some(first);
    }
    let differs = (0..old.len().max(new.len())).find(|index| old.get(*index) != new.get(*index))?;
    let of = |list: &[Value]| list.get(differs).cloned().unwrap_or(Value::Null);
    let place = format!("{}[{differs}]", first.field);
    let part = first_part(&of(old), &of(new))?;
    let joint = if part.field.is_empty() || part.field.starts_with('[') { "" } else { "." };
    Some(FieldDiff { field: format!("{place}{joint}{}", part.field), ..part })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_named_by_their_paths() {
        let before = json!({"spec": {"instances": 3, "env": {"A": "1"}}, "waiting": null, "ports": [1]});
        let after = json!({"spec": {"instances": 5, "env": {"A": "1"}}, "waiting": {"instances": 2}, "ports": [1, 2]});
        let told: Vec<_> = fields(&before, &after)
            .into_iter()
            .map(|diff| format!("{} {} {}", diff.field, diff.before, diff.after))
            .collect();
        assert_eq!(told, ["ports [1] [1,2]", "spec.instances 3 5", "waiting null {\"instances\":2}"]);
    }

    #[test]
    fn the_first_part_that_differs_is_looked_for_in_lists() {
        let told = |before: Value, after: Value| {
            first_part(&before, &after).map(|diff| format!("{} {} {}", diff.field, diff.before, diff.after))
        };
        let of = |ports: &str| json!({"kind": "made", "offers": [{"ports": "1-2"}, {"cpus": 1, "ports": ports}]});
        assert_eq!(told(of("3-4"), of("3-5")), Some("offers[1].ports \"3-4\" \"3-5\"".to_owned()));
        assert_eq!(told(of("3-4"), of("3-4")), None);
        let ranges = |end: u16| json!({"ports": [{"begin": 1, "end": end}]});
        let part = first_part(&ranges(2), &ranges(3)).expect("they differ");
        assert_eq!((part.field.as_str(), ports(&part.after)), ("ports", "1-3".parse().ok()));
        assert_eq!(told(json!([[1, 2]]), json!([[1, 2, 3]])), Some("[0][2] null 3".to_owned()));
        assert_eq!(told(json!({"a": [1]}), json!({"a": null})), Some("a [1] null".to_owned()));
    }
}
