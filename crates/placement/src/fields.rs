//! What constraints look at: each agent's hostname, region, zone and attributes, as columns of small numbers.
//!
//! Equal texts of a field have equal numbers, so a constraint is judged once per distinct value, not once per agent.
//! Must not know what a constraint is.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{AgentDescription, Constraint};

/// The number of "the agent does not have this field".
pub(crate) const ABSENT: u32 = 0;
const HOSTNAME: usize = 0;
/// A field may remember this many texts that no agent has any more, and once more as many as there are agents.
const FORGOTTEN_TEXTS_KEPT: usize = 64;

#[derive(Debug, Clone)]
pub(crate) struct Field {
    name: Arc<str>,
    /// By number, less one.
    texts: Vec<Arc<str>>,
    numbers: BTreeMap<Arc<str>, u32>,
    /// By row.
    column: Vec<u32>,
}

#[derive(Debug, Clone)]
pub(crate) struct Fields(Vec<Field>);

impl Field {
    fn new(name: &str, rows: usize) -> Self {
        Self { name: name.into(), texts: Vec::new(), numbers: BTreeMap::new(), column: vec![ABSENT; rows] }
    }

    pub(crate) fn column(&self) -> &[u32] {
        &self.column
    }

    /// The distinct texts; the first one's number is 1.
    pub(crate) fn texts(&self) -> &[Arc<str>] {
        &self.texts
    }

    pub(crate) fn number_of(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    fn text_at(&self, row: usize) -> Option<&str> {
        let index = self.column[row].checked_sub(1)?;
        self.texts.get(index as usize).map(|text| &**text)
    }

    fn set(&mut self, row: usize, text: &str) {
        self.column[row] = self.number_of(text).unwrap_or_else(|| self.add(text.into()));
        if self.texts.len() > FORGOTTEN_TEXTS_KEPT + 2 * self.column.len() {
            self.forget_unused();
        }
    }

    fn add(&mut self, text: Arc<str>) -> u32 {
        self.texts.push(Arc::clone(&text));
        let number = self.texts.len() as u32;
        self.numbers.insert(text, number);
        number
    }

    fn forget_unused(&mut self) {
        let texts = std::mem::take(&mut self.texts);
        self.numbers.clear();
        for row in 0..self.column.len() {
            if let Some(index) = self.column[row].checked_sub(1) {
                let text = &texts[index as usize];
                self.column[row] = self.number_of(text).unwrap_or_else(|| self.add(Arc::clone(text)));
            }
        }
    }
}

impl Default for Fields {
    fn default() -> Self {
        Self(vec![Field::new(Constraint::HOSTNAME, 0)])
    }
}

impl Fields {
    pub(crate) fn by_name(&self, name: &str) -> Option<(usize, &Field)> {
        let name = Constraint::field_of(name);
        self.0.iter().enumerate().find(|(_, field)| *field.name == *name)
    }

    pub(crate) fn at(&self, index: usize) -> &Field {
        &self.0[index]
    }

    pub(crate) fn push_row(&mut self) {
        for field in &mut self.0 {
            field.column.push(ABSENT);
        }
    }

    pub(crate) fn clear_row(&mut self, row: usize) {
        for field in &mut self.0 {
            field.column[row] = ABSENT;
        }
    }

    pub(crate) fn describe(&mut self, row: usize, description: &AgentDescription) {
        self.clear_row(row);
        self.0[HOSTNAME].set(row, &description.hostname);
        for (name, value) in &description.attributes {
            // Nobody can give an agent another hostname by giving it an attribute.
            if Constraint::field_of(name) != Constraint::HOSTNAME {
                self.set(row, name, &value.to_string());
            }
        }
    }

    pub(crate) fn set(&mut self, row: usize, name: &str, text: &str) {
        let index = self.by_name(name).map(|(index, _)| index).unwrap_or_else(|| {
            let rows = self.0[HOSTNAME].column.len();
            self.0.push(Field::new(name, rows));
            self.0.len() - 1
        });
        self.0[index].set(row, text);
    }

    pub(crate) fn hostname(&self, row: usize) -> &str {
        self.0[HOSTNAME].text_at(row).unwrap_or_default()
    }

    /// The fields that a row has, the hostname among them.
    pub(crate) fn of_row(&self, row: usize) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(move |field| Some((&*field.name, field.text_at(row)?)))
    }
}
