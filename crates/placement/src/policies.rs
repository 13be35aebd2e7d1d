//! The policies that come with the crate, by name.

mod best_fit;
mod first_fit;
mod worst_fit;

use std::sync::Arc;

use crate::Policy;

pub use best_fit::BestFit;
pub use first_fit::FirstFit;
pub use worst_fit::WorstFit;

/// The vacancy that a score can tell apart: shares of four dimensions add up to less.
const VACANCY_BITS: u32 = 22;

/// Names and what they stand for.
pub const POLICIES: &[(&str, &str)] = &[
    ("best-fit", "the agent with the least left over: fills agents up and keeps others free for large tasks"),
    ("first-fit", "the agent that registered first: simple and predictable"),
    ("spread", "the agent with the fewest instances of the app, then the one with the most left over"),
    ("worst-fit", "another name of spread"),
];

#[must_use]
pub fn by_name(name: &str) -> Option<Arc<dyn Policy>> {
    match name {
        "best-fit" => Some(Arc::new(BestFit)),
        "first-fit" => Some(Arc::new(FirstFit)),
        "spread" => Some(Arc::new(WorstFit { name: "spread" })),
        "worst-fit" => Some(Arc::new(WorstFit { name: "worst-fit" })),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_policy_exists_under_its_name_and_no_other_does() {
        for (name, description) in POLICIES {
            assert_eq!(by_name(name).map(|policy| policy.name()), Some(*name));
            assert!(!description.is_empty());
        }
        assert!(by_name("bestfit").is_none());
    }
}
