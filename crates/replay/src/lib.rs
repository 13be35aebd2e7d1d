//! What one finds out from a log afterwards: stories, differences, searches, and what would have been otherwise.
//!
//! Works on records and states that somebody else reads; must not know where a log is kept, nor how anything is shown.

pub mod anonymise;
pub mod what_if;
