//! Profiles, ready to decide: policies by their names, put together.
//!
//! Must not know where definitions come from, nor for whom they decide.

use std::fmt;
use std::sync::Arc;

use model::{Profile, ProfileTerm};

use crate::blend::{Blend, Decider, Term};
use crate::policies::{POLICIES, by_name};
use crate::policy::Policy;

/// So many terms a profile has at most.
pub const MAX_TERMS: usize = 16;
pub const MAX_WEIGHT: u32 = 1_000;
pub const MAX_SAMPLE: u32 = 100_000;
const MAX_NAME_BYTES: usize = 63;
/// Stands for what decides when nothing was chosen, where a profile is expected.
pub const DEFAULT_PROFILE: &str = "default";
const RANDOM_OF_2: &str = "random-of-2";

/// Profiles that are built in beside the policies, each of which is one: names and what they stand for.
pub const PROFILES: &[(&str, &str)] =
    &[(RANDOM_OF_2, "two agents at random, and of these the one that spread prefers: the power of two choices")];

/// A field that cannot be accepted, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {reason}")]
pub struct ProfileError {
    pub field: String,
    pub reason: String,
}

/// A profile whose policies are at hand.
#[derive(Clone)]
pub struct ReadyProfile {
    name: Arc<str>,
    what: What,
}

impl fmt::Debug for ReadyProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReadyProfile({})", self.name)
    }
}

#[derive(Clone)]
enum What {
    Policy(Arc<dyn Policy>),
    Blend(Arc<Blend>),
}

impl ReadyProfile {
    /// A built-in policy or profile.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Self> {
        if name == RANDOM_OF_2 {
            let term = ProfileTerm { policy: "spread".into(), weight: 1, normalise: true };
            let profile = Profile { name: RANDOM_OF_2.into(), terms: vec![term], sample: Some(2) };
            return Self::of(&profile, by_name);
        }
        by_name(name).map(|policy| Self::of_policy(name.into(), policy))
    }

    #[must_use]
    pub fn of_policy(name: Arc<str>, policy: Arc<dyn Policy>) -> Self {
        Self { name, what: What::Policy(policy) }
    }

    /// `policy_named` finds the policies of terms. None when one of them is not there, or there is no term.
    pub fn of(profile: &Profile, policy_named: impl Fn(&str) -> Option<Arc<dyn Policy>>) -> Option<Self> {
        let name = Arc::clone(&profile.name);
        let term = |term: &ProfileTerm| {
            let (weight, normalise) = (term.weight.max(1), term.normalise && profile.terms.len() > 1);
            policy_named(&term.policy).map(|policy| Term { policy, weight, normalise })
        };
        let mut terms: Vec<Term> = profile.terms.iter().map(term).collect::<Option<_>>()?;
        if profile.sample.is_none() && terms.len() == 1 {
            return Some(Self::of_policy(name, terms.remove(0).policy));
        }
        if terms.is_empty() {
            return None;
        }
        let sample = profile.sample.map(|sample| sample.max(1));
        Some(Self { what: What::Blend(Arc::new(Blend::new(&*name, terms, sample))), name })
    }

    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whether it looks at every agent for each decision, which counts as [`Scratch::work`](crate::Scratch::work).
    #[must_use]
    pub fn is_costly(&self) -> bool {
        match &self.what {
            What::Policy(policy) => policy.is_asked_at_once(),
            What::Blend(_) => true,
        }
    }

    #[must_use]
    pub fn decider(&self) -> Decider<'_> {
        match &self.what {
            What::Policy(policy) => Decider::Policy(policy.as_ref()),
            What::Blend(blend) => Decider::Blend(blend),
        }
    }
}

impl<'a> From<&'a ReadyProfile> for Decider<'a> {
    fn from(profile: &'a ReadyProfile) -> Self {
        profile.decider()
    }
}

/// Whether a name belongs to something built in, or means something else.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    name == DEFAULT_PROFILE || POLICIES.iter().chain(PROFILES).any(|(known, _)| *known == name)
}

/// Names of profiles and modules: lowercase letters, digits, dots and dashes; not what reads as a file.
pub fn validate_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return Err(format!("must have 1 to {MAX_NAME_BYTES} characters"));
    }
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_');
    if name.ends_with(".json") || name.ends_with(".wasm") {
        return Err("must not end as the name of a file does".to_owned());
    }
    let is_sound = name.chars().all(is_allowed) && !name.starts_with(['-', '.']);
    if is_sound {
        Ok(())
    } else {
        Err("must be of a-z, 0-9, '-', '_' and '.', and begin with a letter or digit".to_owned())
    }
}

/// `is_known` says whether there is a policy of a name.
pub fn validate_profile(profile: &Profile, is_known: impl Fn(&str) -> bool) -> Result<(), ProfileError> {
    let wrong = |field: String, reason: String| Err(ProfileError { field, reason });
    if let Err(reason) = validate_name(&profile.name) {
        return wrong("name".to_owned(), reason);
    }
    if is_reserved(&profile.name) {
        return wrong("name".to_owned(), format!("'{}' belongs to what is built in: choose another one", profile.name));
    }
    if profile.terms.is_empty() || profile.terms.len() > MAX_TERMS {
        return wrong("terms".to_owned(), format!("must be 1 to {MAX_TERMS} policies, not {}", profile.terms.len()));
    }
    for (index, term) in profile.terms.iter().enumerate() {
        if !is_known(&term.policy) {
            let names: Vec<&str> = POLICIES.iter().map(|(name, _)| *name).collect();
            let reason = format!("'{}' is no policy: there are {}, and modules", term.policy, names.join(", "));
            return wrong(format!("terms[{index}].policy"), reason);
        }
        if !(1..=MAX_WEIGHT).contains(&term.weight) {
            return wrong(format!("terms[{index}].weight"), format!("must be 1 to {MAX_WEIGHT}, not {}", term.weight));
        }
    }
    match profile.sample {
        Some(sample) if !(1..=MAX_SAMPLE).contains(&sample) => {
            wrong("sample".to_owned(), format!("must be 1 to {MAX_SAMPLE} agents, not {sample}"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(text: &str) -> Profile {
        serde_json::from_str(text).expect("a profile")
    }

    #[test]
    fn what_is_wrong_with_a_profile_is_named() {
        let check = |text: &str| validate_profile(&profile(text), |name| by_name(name).is_some());
        assert_eq!(
            check(r#"{"name":"mine","terms":[{"policy":"fgd","weight":3},{"policy":"spread"}],"sample":9}"#),
            Ok(())
        );
        let wrong = [
            (r#"{"name":"","terms":[{"policy":"fgd"}]}"#, "name must have 1 to 63 characters"),
            (r#"{"name":"Mine","terms":[{"policy":"fgd"}]}"#, "name must be of a-z"),
            (r#"{"name":"fgd","terms":[{"policy":"fgd"}]}"#, "name 'fgd' belongs to what is built in"),
            (r#"{"name":"default","terms":[{"policy":"fgd"}]}"#, "name 'default' belongs"),
            (r#"{"name":"mine","terms":[]}"#, "terms must be 1 to 16 policies, not 0"),
            (
                r#"{"name":"mine","terms":[{"policy":"fgd"},{"policy":"fdg"}]}"#,
                "terms[1].policy 'fdg' is no policy: there are best-fit",
            ),
            (r#"{"name":"mine","terms":[{"policy":"fgd","weight":0}]}"#, "terms[0].weight must be 1 to 1000, not 0"),
            (r#"{"name":"mine","terms":[{"policy":"fgd"}],"sample":0}"#, "sample must be 1 to 100000 agents, not 0"),
        ];
        for (text, reason) in wrong {
            let told = check(text).expect_err(text).to_string();
            assert!(told.starts_with(reason), "{told}");
        }
    }

    #[test]
    fn a_profile_of_one_policy_decides_as_that_does_and_others_are_blends() {
        let ready = |text: &str| ReadyProfile::of(&profile(text), by_name);
        let one = ready(r#"{"name":"mine","terms":[{"policy":"fgd","weight":7}]}"#).expect("known");
        assert!(matches!(one.decider(), Decider::Policy(policy) if policy.name() == "fgd"));
        let sampled = ready(r#"{"name":"mine","terms":[{"policy":"fgd"}],"sample":2}"#).expect("known");
        assert!(matches!(sampled.decider(), Decider::Blend(blend) if blend.name() == "mine"));
        assert!(ready(r#"{"name":"mine","terms":[{"policy":"gone"}]}"#).is_none());
        for (name, _) in POLICIES.iter().chain(PROFILES) {
            assert_eq!(
                ReadyProfile::built_in(name).map(|ready| ready.decider().name().to_owned()).as_deref(),
                Some(*name)
            );
        }
        assert!(ReadyProfile::built_in("mine").is_none());
    }
}
