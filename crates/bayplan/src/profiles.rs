//! What decides, by what a user calls it: `NAME`, `FILE.json` with a profile, or `FILE.wasm`, a module. One rule for all commands
//! that decide here rather than in a cluster.

use std::path::Path;

use model::Profile;
use placement::{ReadyProfile, validate_profile};
use scheduler::Policies;
use state::State;

use crate::failure::Failure;
use crate::modules;

/// Whether a profile is named by the file that defines it.
pub(crate) fn is_file(profile: &str) -> bool {
    profile.contains('/') || has_extension(profile, "json")
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found == extension)
}

pub(crate) fn read_profile(file: &Path) -> Result<Profile, Failure> {
    read(file).map_err(|why| Failure::Usage(format!("{}: {why}", file.display())))
}

fn read(file: &Path) -> Result<Profile, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| format!("is no profile: {error}"))
}

/// A name means what `state` says, and so do the policies of a file's profile: both know its modules. The error does not repeat
/// the name.
pub(crate) fn resolve(wish: &str, policies: &Policies, state: &State) -> Result<ReadyProfile, String> {
    if has_extension(wish, "wasm") {
        let bytes = std::fs::read(wish).map_err(|error| error.to_string())?;
        let stem = Path::new(wish).file_stem().and_then(|stem| stem.to_str()).unwrap_or(wish);
        let policy = modules::policy(stem, &bytes).map_err(|error| error.to_string())?;
        return Ok(ReadyProfile::of_policy(stem.into(), policy));
    }
    if is_file(wish) {
        let profile = read(wish.as_ref())?;
        let is_known = |name: &str| placement::by_name(name).is_some() || state.modules.contains(name);
        validate_profile(&profile, is_known).map_err(|error| error.to_string())?;
        return policies.defined(state, &profile);
    }
    let is_known =
        ReadyProfile::built_in(wish).is_some() || state.profiles.contains(wish) || state.modules.contains(wish);
    if is_known { policies.profile(state, wish) } else { Err(unknown(state)) }
}

/// The profiles of `--policy`; all policies where none is named.
pub(crate) fn resolve_all(wishes: &[String], policies: &Policies, state: &State) -> Result<Vec<ReadyProfile>, Failure> {
    if wishes.is_empty() {
        let policies = placement::POLICIES.iter().filter_map(|(name, _)| ReadyProfile::built_in(name));
        return Ok(policies.collect());
    }
    let resolved = wishes
        .iter()
        .map(|wish| resolve(wish, policies, state).map_err(|why| Failure::Usage(format!("--policy {wish}: {why}"))));
    resolved.collect()
}

fn unknown(state: &State) -> String {
    let built_in = placement::POLICIES.iter().chain(placement::PROFILES).map(|(name, _)| *name);
    let known = built_in.chain(state.profiles.keys().chain(state.modules.keys()).map(AsRef::as_ref));
    format!("there is no policy of that name; there are {}", known.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Epoch, Module, ModuleBytes, Row, Seq, Timestamp};
    use state::HashedRow;

    use super::*;

    const KEEP_GPUS: &[u8] = include_bytes!("../../../examples/policies/keep_gpus.wasm");

    /// Of a log in which a module and a profile of it are.
    fn state() -> State {
        let module = Module::new("keep".into(), ModuleBytes(KEEP_GPUS.into()));
        let profile = serde_json::from_str(r#"{"name": "mine", "terms": [{"policy": "keep"}, {"policy": "fgd"}]}"#);
        let profile: Profile = profile.expect("a profile");
        let rows = [Row::Module(Arc::new(module)), Row::Profile(Arc::new(profile))].map(HashedRow::of);
        State::from_rows(Seq(1), Epoch(1), Timestamp(1), rows)
    }

    #[test]
    fn names_files_and_modules_are_told_apart_wherever_they_lie() {
        let (policies, state) = (modules::policies().expect("an engine"), state());
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("written");
            path.display().to_string()
        };
        let of_module = file("of-module.json", br#"{"name": "other", "terms": [{"policy": "keep"}], "sample": 2}"#);
        let of_nothing = file("of-nothing.json", br#"{"name": "other", "terms": [{"policy": "gone"}]}"#);
        let module = file("fullest.wasm", KEEP_GPUS);
        let name_of = |wish: &str, state: &State| resolve(wish, &policies, state).map(|ready| ready.name().to_string());
        for (wish, name) in [
            ("fgd", "fgd"),
            ("random-of-2", "random-of-2"),
            ("keep", "keep"),
            ("mine", "mine"),
            (of_module.as_str(), "other"),
            (module.as_str(), "fullest"),
        ] {
            assert_eq!(name_of(wish, &state).as_deref(), Ok(name), "{wish}");
        }
        // Where there is no log, its modules are not known, but those in files are.
        let nothing = State::default();
        for wish in ["keep", "mine", of_module.as_str(), of_nothing.as_str(), "gone.wasm", "gone.json"] {
            assert!(name_of(wish, &nothing).is_err(), "{wish}");
        }
        assert_eq!(name_of(&module, &nothing).as_deref(), Ok("fullest"));
        let said = name_of("gone.wasm", &state).expect_err("there is no such file");
        assert!(said.contains("No such file"), "a module without a slash is a file all the same: {said}");
        assert!(name_of("bestfit", &state).expect_err("unknown").ends_with("random-of-2, mine, keep"));
    }
}
