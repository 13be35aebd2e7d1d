#!/usr/bin/env bash
# Builds the binary, and says where it is.
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"

say "building bayplan"
cargo build --package bayplan
say "ready: $CARGO_TARGET_DIR/debug/bayplan"
