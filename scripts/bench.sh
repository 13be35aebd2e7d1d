#!/usr/bin/env bash
# The benchmarks, with the release profile. One benchmark, or its options: BENCH_ARGS='--bench log' make bench
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"

read -r -a more <<<"${BENCH_ARGS:-}"
say "building and running the benchmarks"
cargo bench --package bayplan-benches ${more[@]+"${more[@]}"}
