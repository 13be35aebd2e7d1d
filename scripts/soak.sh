#!/usr/bin/env bash
# What takes hours: many simulated histories, and a real leader that is killed again and again.
#
# Environment: BAYPLAN_SOAK_HISTORIES (100000), BAYPLAN_SOAK_KILLS (50).
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"

histories=${BAYPLAN_SOAK_HISTORIES:-100000}
kills=${BAYPLAN_SOAK_KILLS:-50}

BAYPLAN_NATS_SERVER=${BAYPLAN_NATS_SERVER:-$("$scripts/nats.sh")}
export BAYPLAN_NATS_SERVER

say "$kills kills of a leader, with 200 agents and 5,000 tasks"
cargo build --package bayplan --package agent --bins || fail "the build failed (see above)"
BAYPLAN_TEST_KILLS=$kills cargo test --package bayplan-tests --test cluster failover:: -- --nocapture ||
  fail "a kill was not survived (see above)"

say "$histories simulated histories with all faults, with the release profile"
cargo run --release --package bayplan --bin bayplan -- sim --seeds "0..$histories" --faults all --keep-going ||
  fail "a history breaks an invariant; the line that repeats it is above"
