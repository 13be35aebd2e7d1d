//! A file one can read in one go.

use super::Finding;
use crate::workspace::SourceFile;

const LINES_AIM: usize = 400;
const LINES_MAX: usize = 800;

pub(crate) fn check(files: &[SourceFile]) -> Vec<Finding> {
    files.iter().filter(|file| file.path.ends_with(".rs")).filter_map(check_file).collect()
}

fn check_file(file: &SourceFile) -> Option<Finding> {
    let lines = file.text.lines().count();
    if lines > LINES_MAX {
        Some(Finding::error(&file.path, format!("{lines} lines, the limit is {LINES_MAX}"), "split it by subject"))
    } else if lines > LINES_AIM {
        Some(Finding::warning(
            &file.path,
            format!("{lines} lines, the aim is {LINES_AIM}"),
            "think of splitting it by subject",
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::Severity;
    use crate::tidy::fixtures::file;

    fn severity_of(path: &str, lines: usize) -> Option<Severity> {
        check(&[file(path, &"x\n".repeat(lines))]).first().map(|finding| finding.severity)
    }

    #[test]
    fn the_aim_warns_and_the_limit_fails() {
        assert_eq!(severity_of("a.rs", LINES_AIM), None);
        assert_eq!(severity_of("a.rs", LINES_AIM + 1), Some(Severity::Warning));
        assert_eq!(severity_of("a.rs", LINES_MAX), Some(Severity::Warning));
        assert_eq!(severity_of("a.rs", LINES_MAX + 1), Some(Severity::Error));
        assert_eq!(severity_of("a.json", LINES_MAX + 1), None);
    }
}
