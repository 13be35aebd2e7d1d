//! A lint may be silenced, but not without saying why.

use super::Finding;
use crate::workspace::SourceFile;

const SILENCERS: [&str; 4] = ["#[allow(", "#![allow(", "#[expect(", "#![expect("];
const LINES_PER_ATTRIBUTE: usize = 10;

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    files.iter().filter(|file| file.path.ends_with(".rs")).flat_map(check_file).collect()
}

fn check_file(file: &SourceFile) -> Vec<Finding> {
    let lines: Vec<&str> = file.text.lines().collect();
    let silences = |line: &str| SILENCERS.iter().any(|silencer| line.trim_start().starts_with(silencer));
    let starts = (0..lines.len()).filter(|&number| silences(lines[number]));
    let bare = starts.filter(|&number| !attribute(&lines[number..]).contains("reason = \""));
    bare.map(|number| {
        Finding::error(
            &format!("{}:{}", file.path, number + 1),
            "silences a lint without a reason",
            "write #[expect(the_lint, reason = \"…\")], or do what the lint asks for",
        )
    })
    .collect()
}

/// The attribute that begins in the first line, up to its closing bracket.
fn attribute(lines: &[&str]) -> String {
    let mut text = String::new();
    for line in lines.iter().take(LINES_PER_ATTRIBUTE) {
        text.push_str(line);
        if line.contains(")]") {
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixtures::file;

    #[test]
    fn a_bare_allow_is_found_with_its_line() {
        let source = file("a.rs", "fn a() {}\n    #[allow(dead_code)]\nfn b() {} // reason = \"none\"\n");
        let found: Vec<String> = check(&[source]).into_iter().map(|finding| finding.file).collect();
        assert_eq!(found, ["a.rs:2"]);
    }

    #[test]
    fn a_reason_may_stand_in_a_later_line_of_the_attribute() {
        let source = file("a.rs", "#[expect(\n    dead_code,\n    reason = \"kept for the tests\"\n)]\nfn a() {}\n");
        assert_eq!(check(&[source]), []);
    }

    #[test]
    fn only_attributes_count() {
        let source = file("a.rs", "// #[allow(dead_code)] is not allowed\nlet a = \"#[allow(x)]\";\n");
        assert_eq!(check(&[source, file("a.md", "#[allow(x)]")]), []);
    }
}
