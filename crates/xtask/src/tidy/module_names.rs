//! Names that say nothing attract everything.

use super::Finding;
use crate::workspace::SourceFile;

const EMPTY_WORDS: [&str; 8] = ["common", "helper", "helpers", "manager", "misc", "shared", "util", "utils"];

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    files.iter().filter(|file| file.path.ends_with(".rs")).flat_map(check_file).collect()
}

fn check_file(file: &SourceFile) -> Vec<Finding> {
    let path = file.path.trim_end_matches(".rs");
    let of_path = path.split('/').filter(|name| says_nothing(name)).map(|name| (file.path.clone(), name));
    let inline = file.text.lines().enumerate().filter_map(|(number, line)| {
        let name = inline_module(line)?;
        says_nothing(name).then(|| (format!("{}:{}", file.path, number + 1), name))
    });
    of_path
        .chain(inline)
        .map(|(place, name)| {
            Finding::error(
                &place,
                format!("a module called {name} says nothing about what is in it"),
                "name it after its subject, or move the code to where it is used",
            )
        })
        .collect()
}

/// `mod name {`; a `mod name;` has a file, whose path is looked at.
fn inline_module(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = line.strip_prefix("pub(crate) ").or(line.strip_prefix("pub ")).unwrap_or(line);
    rest.strip_prefix("mod ")?.strip_suffix('{').map(str::trim)
}

fn says_nothing(name: &str) -> bool {
    EMPTY_WORDS
        .iter()
        .any(|word| name.strip_suffix(word).is_some_and(|before| before.is_empty() || before.ends_with('_')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixtures::file;

    fn places(path: &str, text: &str) -> Vec<String> {
        check(&[file(path, text)]).into_iter().map(|finding| finding.file).collect()
    }

    #[test]
    fn empty_names_are_found_in_files_folders_and_inline_modules() {
        assert_eq!(places("crates/a/src/utils.rs", ""), ["crates/a/src/utils.rs"]);
        assert_eq!(places("crates/a/tests/common/mod.rs", ""), ["crates/a/tests/common/mod.rs"]);
        assert_eq!(places("crates/a/src/task_manager.rs", ""), ["crates/a/src/task_manager.rs"]);
        assert_eq!(places("a.rs", "\npub mod helpers {\n}"), ["a.rs:2"]);
    }

    #[test]
    fn other_names_are_fine() {
        assert!(places("crates/a/src/commons.rs", "mod shared_volume {\n}\nmod tests {\n}").is_empty());
        assert!(places("docs/common.md", "").is_empty());
    }
}
