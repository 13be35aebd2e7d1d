//! Nothing in the project may depend on, or tell of, the folders of one developer's machine.

use super::Finding;
use crate::workspace::SourceFile;

/// Top-level folders where people keep their checkouts.
const FOLDERS: [&str; 4] = ["home", "root", "work", "Users"];

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    files.iter().flat_map(check_file).collect()
}

fn check_file(file: &SourceFile) -> Vec<Finding> {
    let found = file.text.lines().enumerate().filter_map(|(number, line)| Some((number, machine_path(line)?)));
    found
        .map(|(number, path)| {
            Finding::error(
                &format!("{}:{}", file.path, number + 1),
                format!("names {path}, a folder of one machine"),
                "use a path from the clone's root, a temporary folder or a setting",
            )
        })
        .collect()
}

/// The first absolute path below one of the folders. What begins with a variable, a URL's host or another folder is none.
fn machine_path(line: &str) -> Option<&str> {
    let starts = line.match_indices('/').map(|(at, _)| at).filter(|&at| begins_a_path(&line[..at]));
    starts.map(|at| path_at(&line[at..])).find(|path| {
        let mut parts = path[1..].splitn(2, '/');
        FOLDERS.contains(&parts.next().unwrap_or_default()) && parts.next().is_some_and(|rest| !rest.is_empty())
    })
}

fn begins_a_path(before: &str) -> bool {
    before.chars().next_back().is_none_or(|c| c.is_whitespace() || "\"'`=:(,[<>|".contains(c))
}

fn path_at(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "/._-".contains(c))).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixtures::file;

    #[test]
    fn paths_of_a_machine_are_found_with_their_line() {
        for folder in FOLDERS {
            let text = format!("fine\nsee `/{folder}/someone/x.rs`\n");
            let findings = check(&[file("a.md", &text)]);
            assert_eq!(findings.len(), 1, "{folder}");
            assert_eq!(findings[0].file, "a.md:2");
            assert!(findings[0].reason.contains(&format!("/{folder}/someone/x.rs")));
        }
    }

    #[test]
    fn other_paths_are_fine() {
        for folder in FOLDERS {
            for before in ["$PREFIX", "https://example.org", "crates"] {
                let line = format!("{before}/{folder}/x");
                assert_eq!(machine_path(&line), None, "{line}");
            }
            for line in [format!("/{folder}"), format!("/{folder}ed/x")] {
                assert_eq!(machine_path(&line), None, "{line}");
            }
        }
        for line in ["/var/lib/x", "cd /"] {
            assert_eq!(machine_path(line), None, "{line}");
        }
    }
}
