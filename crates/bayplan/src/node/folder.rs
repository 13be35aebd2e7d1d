//! Where a process keeps what must outlive it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The given folder, or `<data>/bayplan/<part>` with the user's folder for data.
pub(crate) fn choose(given: Option<PathBuf>, part: &str) -> PathBuf {
    given.unwrap_or_else(|| default(part, |name| std::env::var_os(name)))
}

fn default(part: &str, variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")));
    data.map_or_else(|| PathBuf::from(".bayplan"), |data| data.join("bayplan")).join(part)
}

/// Makes the folder, for this user only, and gives its absolute path.
pub(crate) fn create(folder: &Path, flag: &str) -> Result<PathBuf, Failure> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    let made = builder.create(folder).and_then(|()| folder.canonicalize());
    made.map_err(|error| {
        Failure::failed(format!("the folder {} cannot be used: {error}; choose another with {flag}", folder.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(variables: &[(&str, &str)]) -> String {
        let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into());
        default("dev", variable).display().to_string()
    }

    #[test]
    fn the_user_s_folder_for_data_is_preferred() {
        assert_eq!(chosen(&[("XDG_DATA_HOME", "/d"), ("HOME", "/h")]), "/d/bayplan/dev");
        assert_eq!(chosen(&[("XDG_DATA_HOME", "relative"), ("HOME", "/h")]), "/h/.local/share/bayplan/dev");
        assert_eq!(chosen(&[]), ".bayplan/dev");
    }
}
