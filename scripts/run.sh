#!/usr/bin/env bash
# Builds what is missing and starts the embedded cluster in the foreground. Every flag of `bayplan dev` has an environment
# variable, so BAYPLAN_LISTEN=127.0.0.1:6050 make run does what one expects.

# Ctrl-C is how one ends this; it is no error, and make has nothing to add to it.
trap 'exit 0' INT

source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"

say "building bayplan"
cargo build --package bayplan
say "starting the embedded cluster"

# In place of this shell, so that Ctrl-C, and a SIGTERM from make, reach bayplan itself.
unset BAYPLAN_STARTED
exec "$CARGO_TARGET_DIR/debug/bayplan" dev --deploy examples/hello.json
