//! Generated files are in git, so that readers without a toolchain have them; they must say what the types say.

use super::Finding;
use crate::schema::Generated;
use crate::workspace::SourceFile;

pub(crate) fn check(files: &[SourceFile], generated: &[Generated]) -> Vec<Finding> {
    generated.iter().filter_map(|expected| check_one(files, expected)).collect()
}

fn check_one(files: &[SourceFile], expected: &Generated) -> Option<Finding> {
    let reason = match files.iter().find(|file| file.path == expected.path) {
        None => "is missing".to_owned(),
        Some(file) if file.text == expected.text => return None,
        Some(file) => {
            format!("is not what the code says, first in line {}", first_difference(&file.text, &expected.text))
        }
    };
    let way_out = "run `cargo xtask schema` or `cargo xtask metrics`; if old logs cannot be read any more, add an up-cast with it";
    Some(Finding::error(expected.path, reason, way_out))
}

fn first_difference(found: &str, expected: &str) -> usize {
    found.lines().zip(expected.lines()).take_while(|(found, expected)| found == expected).count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::fixtures::file;

    fn expected() -> [Generated; 1] {
        [Generated { path: "schemas/a.json", text: "{\n  \"a\": 1\n}\n".to_owned() }]
    }

    #[test]
    fn an_equal_file_is_fine() {
        assert_eq!(check(&[file("schemas/a.json", &expected()[0].text)], &expected()), []);
    }

    #[test]
    fn a_stale_file_is_found_with_the_line() {
        let findings = check(&[file("schemas/a.json", "{\n  \"a\": 2\n}\n")], &expected());
        assert_eq!(findings[0].reason, "is not what the code says, first in line 2");
    }

    #[test]
    fn a_missing_file_is_found() {
        assert_eq!(check(&[], &expected())[0].reason, "is missing");
    }
}
