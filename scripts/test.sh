#!/usr/bin/env bash
# The whole test suite, as the continuous integration runs it. Stops at the first stage that fails.
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"

# A toolchain of rustup's minimal profile has neither of the two.
for component in rustfmt clippy; do
  if ! "cargo-${component/rustfmt/fmt}" --version >/dev/null 2>&1; then
    say "installing $component"
    rustup component add "$component" || fail "$component is missing; install it for $(rustc --version)"
  fi
done

# Tests that need Docker look at this variable: 1 means they must run, 0 that they skip themselves.
docker_host=${DOCKER_HOST:-unix:///var/run/docker.sock}
why_without_docker="BAYPLAN_TEST_DOCKER is 0"
engine_answers() {
  [ "${docker_host#unix://}" = "$docker_host" ] ||
    curl --silent --fail --max-time 10 --unix-socket "${docker_host#unix://}" http://docker/_ping >/dev/null
}
if [ -z "${BAYPLAN_TEST_DOCKER:-}" ]; then
  BAYPLAN_TEST_DOCKER=0
  if ! engine_answers; then
    why_without_docker="no Docker engine answers at $docker_host"
  elif ! provide_for_docker_tests; then
    why_without_docker="something that they need is missing (see above)"
  else
    BAYPLAN_TEST_DOCKER=1
  fi
fi
export BAYPLAN_TEST_DOCKER
without_docker() {
  say "##### The tests that need Docker are SKIPPED: $why_without_docker #####"
}
[ "$BAYPLAN_TEST_DOCKER" = 1 ] || without_docker

# Tests that need NATS servers start this program. Set to nothing, they skip themselves.
if [ -z "${BAYPLAN_NATS_SERVER+set}" ]; then
  BAYPLAN_NATS_SERVER=$("$scripts/nats.sh")
fi
export BAYPLAN_NATS_SERVER
without_nats() {
  say "##### BAYPLAN_NATS_SERVER IS EMPTY: the tests that need NATS servers are SKIPPED #####"
}
[ -n "$BAYPLAN_NATS_SERVER" ] || without_nats

stage() {
  say "$1"
  shift
  "$@" || fail "this stage failed: $*"
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

run_tests() {
  cargo test --workspace --no-fail-fast 2>&1 | tee "$log"
}

stage "formatting" cargo fmt --all --check
stage "lints" cargo clippy --workspace --all-targets --quiet -- --deny warnings
stage "tidy checks" cargo xtask tidy
if command -v promtool >/dev/null; then
  stage "alerts" promtool check config dashboards/prometheus.yml
  stage "tests of the alerts" promtool test rules \
    dashboards/alerts_test.yml dashboards/normal_test.yml dashboards/recorded_test.yml
else
  say "no promtool on this machine: the tests of the alerts are skipped"
fi
stage "the binaries that the tests start" cargo build --package bayplan --package agent --bins
stage "tests" run_tests

counts=$(awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 } END { print passed + 0, failed + 0, ignored + 0 }' "$log")
read -r passed failed ignored <<<"$counts"
[ "$BAYPLAN_TEST_DOCKER" = 1 ] || without_docker
[ -n "$BAYPLAN_NATS_SERVER" ] || without_nats
say "all stages passed: $passed tests passed, $failed failed, $ignored ignored"
