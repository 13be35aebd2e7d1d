//! What one finds out from a log afterwards: stories, differences, searches, and what would have been otherwise.
//!
//! Works on records and states that somebody else reads; must not know where a log is kept, nor how anything is shown.

pub mod anonymise;
mod bisect;
mod condition;
pub mod diff;
mod filter;
pub mod kinds;
pub mod mention;
mod sought;
pub mod stats;
pub mod story;
mod subject;
pub mod what_if;
pub mod words;

pub use bisect::{Bisect, Change, Turn};
pub use condition::{Condition, ConditionError, Worth, vocabulary};
pub use diff::{Diff, diff};
pub use filter::{Filter, Found};
pub use sought::Sought;
pub use stats::Stats;
pub use story::{Story, Teller};
pub use subject::{NotOne, Search, Subject};
