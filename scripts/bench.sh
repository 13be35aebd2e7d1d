#!/usr/bin/env bash
# The benchmarks, with the release profile. One benchmark, or its options: BENCH_ARGS='--bench log' make bench
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"

read -r -a more <<<"${BENCH_ARGS:-}"
# One of them starts a NATS server.
BAYPLAN_NATS_SERVER=${BAYPLAN_NATS_SERVER:-$("$scripts/nats.sh")}
export BAYPLAN_NATS_SERVER
say "building and running the benchmarks"
cargo bench --package bayplan-benches ${more[@]+"${more[@]}"}
