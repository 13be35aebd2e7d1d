//! What happened in the cluster and how it stands, as metrics: a picture of one state and of nothing else.
//!
//! A master shows them, and whoever has folded a log to a record gets the same ones for that record. It must not know how
//! a process measures itself, nor who asks.

mod cluster;
mod history;
mod packing;
mod text;

use model::Times;

pub use text::text;

use crate::State;

/// A metric with all of its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    pub name: &'static str,
    pub kind: Kind,
    /// The label by which samples are told apart, if there is more than one.
    pub label: Option<&'static str>,
    pub help: &'static str,
    pub samples: Vec<Sample>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Of the family's label; empty without one.
    pub label: String,
    pub value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    Number(f64),
    Times(Times),
}

/// Every metric of a state. Each label that a metric can have is there from the beginning, as 0, but for profiles' names.
#[must_use]
pub fn families(state: &State) -> Vec<Family> {
    let mut families = history::families(state);
    families.extend(cluster::families(state));
    families.extend(packing::families(state));
    families
}

impl Family {
    fn counter(name: &'static str, label: Option<&'static str>, help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, label, help, samples: Vec::new() }
    }

    fn gauge(name: &'static str, label: Option<&'static str>, help: &'static str) -> Self {
        Self { kind: Kind::Gauge, ..Self::counter(name, label, help) }
    }

    fn histogram(name: &'static str, label: Option<&'static str>, help: &'static str) -> Self {
        Self { kind: Kind::Histogram, ..Self::counter(name, label, help) }
    }

    /// The only sample.
    fn of(self, value: f64) -> Self {
        self.with("", value)
    }

    fn of_count(self, value: u64) -> Self {
        self.of(value as f64)
    }

    fn with(mut self, label: &str, value: f64) -> Self {
        self.samples.push(Sample { label: label.to_owned(), value: Value::Number(value) });
        self
    }

    fn with_times(mut self, label: &str, times: Times) -> Self {
        self.samples.push(Sample { label: label.to_owned(), value: Value::Times(times) });
        self
    }
}
