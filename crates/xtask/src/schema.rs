//! The generated schemas: what they are called, and what they say.

use std::fs;
use std::path::Path;

use anyhow::Context;

/// A generated file: its path from the root, and what it has to contain.
pub(crate) struct Generated {
    pub(crate) path: &'static str,
    pub(crate) text: String,
}

pub(crate) fn all() -> anyhow::Result<Vec<Generated>> {
    let generated = [
        ("schemas/record.schema.json", model::schema::record_schema()),
        ("schemas/part.schema.json", model::schema::part_schema()),
    ];
    let text = |(path, schema)| Ok(Generated { path, text: serde_json::to_string_pretty(&schema)? + "\n" });
    generated.into_iter().map(text).collect()
}

pub(crate) fn write(root: &Path) -> anyhow::Result<()> {
    for generated in all()? {
        let path = root.join(generated.path);
        if fs::read_to_string(&path).ok().as_deref() == Some(&generated.text) {
            println!("{} is up to date", generated.path);
            continue;
        }
        fs::create_dir_all(path.parent().unwrap_or(root))?;
        fs::write(&path, &generated.text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", generated.path);
    }
    Ok(())
}
