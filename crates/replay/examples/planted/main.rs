//! Writes the log with four planted faults that docs/replay.md looks into:
//!
//! `cargo run -p replay --example planted -- examples/replay/harbour.log`

mod cluster;
mod file;
mod scenario;

#[expect(clippy::disallowed_methods, reason = "it is run by hand, and writes a file")]
fn main() -> std::io::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "examples/replay/harbour.log".to_owned());
    std::fs::write(path, file::bytes(&scenario::records()))
}
