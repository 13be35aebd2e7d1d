//! Reads the workspace: its files, and what cargo says of its crates.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde::Deserialize;

/// A text file of the project, with its path from the root, written with slashes.
pub(crate) struct SourceFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A crate of the workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// The path of its manifest from the root.
    pub(crate) manifest: String,
    /// What it names in `[dependencies]` and `[build-dependencies]`.
    pub(crate) dependencies: Vec<String>,
    /// What it names in `[dev-dependencies]`.
    pub(crate) dev_dependencies: Vec<String>,
    /// Every crate that gets compiled into it, with the way it came in: `regex > memchr`.
    pub(crate) compiled_in: BTreeMap<String, String>,
}

pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.ancestors().nth(2).unwrap_or(xtask).to_path_buf()
}

/// The text files that are in git, and those that would be with `git add --all`.
pub(crate) fn source_files(root: &Path) -> anyhow::Result<Vec<SourceFile>> {
    let listed = output(Command::new("git").current_dir(root).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    let mut paths: Vec<&str> = listed.split('\0').filter(|path| !path.is_empty()).collect();
    paths.sort_unstable();
    paths.dedup();
    // A file may be listed and deleted, or binary; neither is anything to check.
    let read = |path: &str| Some(SourceFile { path: path.to_owned(), text: fs::read_to_string(root.join(path)).ok()? });
    Ok(paths.into_iter().filter_map(read).collect())
}

pub(crate) fn members(root: &Path) -> anyhow::Result<Vec<Member>> {
    let rustc = output(Command::new("rustc").arg("-vV"))?;
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc -vV names no host")?;
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let text = output(Command::new(cargo).current_dir(root).args([
        "metadata",
        "--format-version",
        "1",
        "--filter-platform",
        host,
    ]))?;
    let metadata: Metadata = serde_json::from_str(&text).context("cargo metadata is not what it used to be")?;
    Ok(metadata.members(root))
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<NodeDependency>,
}

#[derive(Deserialize)]
struct NodeDependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

impl Metadata {
    fn members(&self, root: &Path) -> Vec<Member> {
        let names: BTreeMap<&str, &str> = self.packages.iter().map(|p| (p.id.as_str(), p.name.as_str())).collect();
        let nodes: BTreeMap<&str, &Node> = self.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
        let is_member = |package: &&Package| self.workspace_members.contains(&package.id);
        self.packages.iter().filter(is_member).map(|package| package.member(root, &names, &nodes)).collect()
    }
}

impl Package {
    fn member(&self, root: &Path, names: &BTreeMap<&str, &str>, nodes: &BTreeMap<&str, &Node>) -> Member {
        let named = |dev: bool| {
            let of_kind = self.dependencies.iter().filter(|d| (d.kind.as_deref() == Some("dev")) == dev);
            of_kind.map(|dependency| dependency.name.clone()).collect()
        };
        let mut compiled_in = BTreeMap::new();
        follow(&self.id, "", names, nodes, &mut compiled_in);
        let manifest = Path::new(&self.manifest_path);
        Member {
            name: self.name.clone(),
            manifest: manifest.strip_prefix(root).unwrap_or(manifest).display().to_string(),
            dependencies: named(false),
            dev_dependencies: named(true),
            compiled_in,
        }
    }
}

/// Walks the normal dependencies; those of builds and tests do not end up in the crate.
fn follow<'a>(
    id: &str,
    way: &str,
    names: &BTreeMap<&'a str, &'a str>,
    nodes: &BTreeMap<&'a str, &'a Node>,
    found: &mut BTreeMap<String, String>,
) {
    let Some(node) = nodes.get(id) else { return };
    for dependency in node.deps.iter().filter(|d| d.dep_kinds.iter().any(|kind| kind.kind.is_none())) {
        let Some(name) = names.get(dependency.pkg.as_str()) else { continue };
        if found.contains_key(*name) {
            continue;
        }
        let way = if way.is_empty() { (*name).to_owned() } else { format!("{way} > {name}") };
        found.insert((*name).to_owned(), way.clone());
        follow(&dependency.pkg, &way, names, nodes, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{
        "workspace_members": ["m"],
        "packages": [
            { "id": "m", "name": "model", "manifest_path": "/p/crates/model/Cargo.toml", "dependencies": [
                { "name": "a", "kind": null }, { "name": "b", "kind": "build" }, { "name": "c", "kind": "dev" } ] },
            { "id": "a", "name": "a", "manifest_path": "", "dependencies": [] },
            { "id": "b", "name": "b", "manifest_path": "", "dependencies": [] },
            { "id": "c", "name": "c", "manifest_path": "", "dependencies": [] },
            { "id": "t", "name": "tokio", "manifest_path": "", "dependencies": [] }
        ],
        "resolve": { "nodes": [
            { "id": "m", "deps": [ { "pkg": "a", "dep_kinds": [{ "kind": null }] },
                { "pkg": "b", "dep_kinds": [{ "kind": "build" }] }, { "pkg": "c", "dep_kinds": [{ "kind": "dev" }] } ] },
            { "id": "a", "deps": [ { "pkg": "t", "dep_kinds": [{ "kind": null }] } ] }
        ] }
    }"#;

    #[test]
    fn a_member_is_told_by_kind_of_dependency_and_by_what_comes_in_with_them() {
        let metadata: Metadata = serde_json::from_str(METADATA).expect("valid");
        let member = Member {
            name: "model".to_owned(),
            manifest: "crates/model/Cargo.toml".to_owned(),
            dependencies: vec!["a".to_owned(), "b".to_owned()],
            dev_dependencies: vec!["c".to_owned()],
            compiled_in: [("a", "a"), ("tokio", "a > tokio")]
                .map(|(name, way)| (name.to_owned(), way.to_owned()))
                .into(),
        };
        assert_eq!(metadata.members(Path::new("/p")), [member]);
    }

    #[test]
    fn the_workspace_can_be_read() {
        let root = root();
        let members = members(&root).expect("cargo metadata");
        assert!(members.iter().any(|member| member.manifest == "crates/xtask/Cargo.toml"));
        let files = source_files(&root).expect("git ls-files");
        assert!(files.iter().any(|file| file.path == "crates/xtask/src/workspace.rs" && file.text.starts_with("//!")));
    }
}
