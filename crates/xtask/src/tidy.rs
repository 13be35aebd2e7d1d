//! The structural checks. Each is a function from what was read to findings, so that its tests need no files.

mod arrows;
mod bare_allow;
mod dashboards;
mod drift;
mod file_sizes;
mod lint_settings;
mod machine_paths;
mod module_names;

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use crate::{metrics, schema, workspace};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    Warning,
    Error,
}

/// One thing that is not as it should be. Shown as one line: the file, the reason and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) file: String,
    pub(crate) reason: String,
    pub(crate) way_out: String,
}

impl Finding {
    pub(crate) fn error(file: &str, reason: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self { severity: Severity::Error, file: file.to_owned(), reason: reason.into(), way_out: way_out.into() }
    }

    pub(crate) fn warning(file: &str, reason: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(file, reason, way_out) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {}: {}; {}", self.file, self.reason, self.way_out)
    }
}

pub(crate) fn run(root: &Path) -> anyhow::Result<ExitCode> {
    let files = workspace::source_files(root)?;
    let members = workspace::members(root)?;
    let findings: Vec<Finding> = [
        arrows::check(&members),
        bare_allow::check(&files),
        dashboards::check(&files),
        drift::check(&files, &schema::all()?),
        drift::check(&files, &[metrics::page(&files)]),
        file_sizes::check(&files),
        lint_settings::check(&files, &members),
        machine_paths::check(&files),
        module_names::check(&files),
    ]
    .concat();

    for finding in &findings {
        println!("{finding}");
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    println!(
        "tidy: {} files, {} crates, {errors} errors, {} warnings",
        files.len(),
        members.len(),
        findings.len() - errors
    );
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
pub(crate) mod fixtures {
    use crate::workspace::{Member, SourceFile};

    pub(crate) fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.to_owned(), text: text.to_owned() }
    }

    pub(crate) fn member(name: &str, dependencies: &[&str]) -> Member {
        Member {
            name: name.to_owned(),
            manifest: format!("crates/{name}/Cargo.toml"),
            dependencies: dependencies.iter().map(|&dependency| dependency.to_owned()).collect(),
            ..Member::default()
        }
    }
}
