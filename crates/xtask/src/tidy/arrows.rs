//! Which crate may know which. The table is the twin of the one in ARCHITECTURE.md.

use super::Finding;
use crate::workspace::Member;

enum MayKnow {
    Only(&'static [&'static str]),
    Everything,
}
use MayKnow::{Everything, Only};

/// The crates that decide: no clock, no random source, no IO.
pub(crate) const PURE: [&str; 5] = ["model", "placement", "replay", "scheduler", "state"];

const ARROWS: [(&str, MayKnow); 19] = [
    ("agent", Only(&["model", "protocol"])),
    ("api", Only(&["master", "model", "placement", "protocol", "scheduler", "state"])),
    ("bayplan", Everything),
    ("bayplan-benches", Everything),
    ("bayplan-tests", Everything),
    ("eventlog", Only(&["model"])),
    ("load", Only(&["agent", "model", "protocol"])),
    ("master", Only(&["eventlog", "model", "placement", "protocol", "scheduler", "snapshot", "state"])),
    ("model", Only(&[])),
    ("placement", Only(&["model"])),
    ("policy-wasm", Only(&["model", "placement"])),
    ("protocol", Only(&["model"])),
    ("replay", Only(&["model", "placement", "scheduler", "state"])),
    ("scheduler", Only(&["model", "placement", "state"])),
    ("sim", Everything),
    ("snapshot", Only(&["model", "state"])),
    ("state", Only(&["model"])),
    ("trace", Only(&["model", "placement"])),
    ("xtask", Only(&["model"])),
];

/// External crates that only the named members may use.
const RESERVED: [(&str, &[&str]); 4] = [
    ("async-nats", &["bayplan-benches", "bayplan-tests", "eventlog"]),
    ("petgraph", &["scheduler"]),
    ("rocksdb", &["eventlog", "snapshot"]),
    ("wasmtime", &["policy-wasm"]),
];

/// What must not get into a pure crate, not even through another crate.
const IMPURE: [&str; 26] = [
    "async-nats",
    "async-std",
    "async-trait",
    "axum",
    "bollard",
    "chrono",
    "fastrand",
    "futures",
    "futures-core",
    "futures-util",
    "getrandom",
    "hyper",
    "metrics",
    "mio",
    "nix",
    "rand",
    "reqwest",
    "rocksdb",
    "rustix",
    "smol",
    "socket2",
    "tempfile",
    "tokio",
    "tokio-util",
    "tracing",
    "uuid",
];

pub(crate) fn check(members: &[Member]) -> Vec<Finding> {
    members.iter().flat_map(|member| check_member(member, members)).collect()
}

fn check_member(member: &Member, members: &[Member]) -> Vec<Finding> {
    let mut findings = Vec::new();
    match ARROWS.iter().find(|(name, _)| *name == member.name) {
        None => findings.push(Finding::error(
            &member.manifest,
            format!("the crate {} is in no table of arrows", member.name),
            "say in ARCHITECTURE.md and in crates/xtask/src/tidy/arrows.rs which crates it may know",
        )),
        Some((_, Everything)) => {}
        Some((_, Only(allowed))) => {
            let in_workspace = |name: &&String| members.iter().any(|other| other.name == **name);
            let strangers = member.dependencies.iter().filter(in_workspace).filter(|d| !allowed.contains(&d.as_str()));
            findings.extend(strangers.map(|stranger| {
                Finding::error(
                    &member.manifest,
                    format!("{} must not know {stranger}", member.name),
                    format!("it may know {}; move the code, or pass in what it needs", or_nothing(allowed)),
                )
            }));
        }
    }
    for (external, users) in RESERVED {
        let used = member.dependencies.iter().chain(&member.dev_dependencies).any(|dependency| dependency == external);
        if used && !users.contains(&member.name.as_str()) {
            findings.push(Finding::error(
                &member.manifest,
                format!("{external} is reserved for {}", users.join(", ")),
                format!("use what {} offers", users.join(", ")),
            ));
        }
    }
    if PURE.contains(&member.name.as_str()) {
        let impure = member.compiled_in.iter().filter(|(name, _)| IMPURE.contains(&name.as_str()));
        findings.extend(impure.map(|(name, way)| {
            Finding::error(
                &member.manifest,
                format!("{} is a pure crate, but {name} gets into it ({way})", member.name),
                "let the shell do the IO, read the clock or draw the random number, and pass the result in",
            )
        }));
    }
    findings
}

fn or_nothing(allowed: &[&str]) -> String {
    if allowed.is_empty() { "no crate of the workspace".to_owned() } else { format!("only {}", allowed.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixtures::member;

    fn reasons(members: &[Member]) -> Vec<String> {
        check(members).into_iter().map(|finding| finding.reason).collect()
    }

    #[test]
    fn arrows_that_are_in_the_table_are_fine() {
        let members =
            [member("model", &["serde"]), member("state", &["model"]), member("bayplan", &["state", "model"])];
        assert_eq!(reasons(&members), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_that_is_not_in_the_table_is_found() {
        let members = [member("model", &[]), member("state", &["model"]), member("agent", &["model", "state"])];
        assert_eq!(reasons(&members), ["agent must not know state"]);
    }

    #[test]
    fn a_new_crate_has_to_be_entered() {
        assert_eq!(reasons(&[member("novel", &[])]), ["the crate novel is in no table of arrows"]);
    }

    #[test]
    fn tests_of_a_crate_may_know_more_but_reserved_crates_stay_reserved() {
        let mut placement = member("placement", &[]);
        placement.dev_dependencies = vec!["state".to_owned(), "petgraph".to_owned()];
        assert_eq!(reasons(&[placement, member("state", &[])]), ["petgraph is reserved for scheduler"]);
    }

    #[test]
    fn an_impure_crate_is_found_however_it_got_in() {
        let mut model = member("model", &["a"]);
        model.compiled_in = [("tokio".to_owned(), "a > tokio".to_owned())].into();
        let mut master = member("master", &["tokio"]);
        master.compiled_in = [("tokio".to_owned(), "tokio".to_owned())].into();
        assert_eq!(reasons(&[model, master]), ["model is a pure crate, but tokio gets into it (a > tokio)"]);
    }
}
