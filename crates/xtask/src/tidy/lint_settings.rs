//! The settings without which the other guards do nothing: shared lints, the bans of the pure crates, deny.toml.

use super::Finding;
use super::arrows::PURE;
use crate::workspace::{Member, SourceFile};

/// What every clippy.toml of a pure crate has to ban; a crate's own file replaces the root's.
const BANNED: [&str; 5] = [
    "std::time::SystemTime::now",
    "std::time::Instant::now",
    "std::env::var",
    "std::thread::spawn",
    "std::collections::HashMap",
];

pub(crate) fn check(files: &[SourceFile], members: &[Member]) -> Vec<Finding> {
    let text_of = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.text.as_str());
    let mut findings = Vec::new();
    if text_of("deny.toml").is_none() {
        findings.push(Finding::error(
            "deny.toml",
            "is missing",
            "it says which licences and sources are accepted; restore it",
        ));
    }
    for member in members {
        if !text_of(&member.manifest).is_some_and(shares_lints) {
            findings.push(Finding::error(
                &member.manifest,
                "does not take the workspace's lints",
                "add the two lines `[lints]` and `workspace = true`",
            ));
        }
    }
    for name in PURE {
        let path = format!("crates/{name}/clippy.toml");
        let text = text_of(&path).unwrap_or_default();
        let missing: Vec<&str> = BANNED.into_iter().filter(|banned| !text.contains(&format!("\"{banned}\""))).collect();
        if !missing.is_empty() {
            findings.push(Finding::error(
                &path,
                format!("does not ban {}", missing.join(", ")),
                "copy the file of another pure crate; clocks, threads and unordered maps make a replay differ",
            ));
        }
    }
    findings
}

fn shares_lints(manifest: &str) -> bool {
    let lines: Vec<&str> = manifest.lines().map(str::trim).collect();
    lines.windows(2).any(|pair| pair == ["[lints]", "workspace = true"]) || lines.contains(&"lints.workspace = true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixtures::{file, member};

    const MANIFEST: &str = "[package]\nname = \"state\"\n\n[lints]\nworkspace = true\n";

    fn complete() -> Vec<SourceFile> {
        let bans = BANNED.map(|banned| format!("{{ path = \"{banned}\" }}")).join("\n");
        let mut files: Vec<_> = PURE.iter().map(|name| file(&format!("crates/{name}/clippy.toml"), &bans)).collect();
        files.extend([file("deny.toml", ""), file("crates/state/Cargo.toml", MANIFEST)]);
        files
    }

    /// What is found when one file of a complete set has another text, or is gone.
    fn found_with(path: &str, text: Option<&str>) -> Vec<String> {
        let mut files = complete();
        files.retain(|file| file.path != path);
        files.extend(text.map(|text| file(path, text)));
        check(&files, &[member("state", &[])]).into_iter().map(|finding| finding.file).collect()
    }

    #[test]
    fn a_complete_set_is_fine() {
        assert_eq!(check(&complete(), &[member("state", &[])]), []);
    }

    #[test]
    fn each_missing_guard_is_found() {
        assert_eq!(found_with("deny.toml", None), ["deny.toml"]);
        assert_eq!(found_with("crates/state/Cargo.toml", Some("[package]\n")), ["crates/state/Cargo.toml"]);
        assert_eq!(found_with("crates/model/clippy.toml", None), ["crates/model/clippy.toml"]);
        assert_eq!(found_with("crates/model/clippy.toml", Some("\"std::env::var\"")), ["crates/model/clippy.toml"]);
    }
}
