# Sourced by run.sh, test.sh and the others: makes the machine able to build, and exports what cargo needs.
# After it: cargo is on the PATH and new enough, the system packages are there, CARGO_TARGET_DIR and (unless it had to
# fall back) ROCKSDB_LIB_DIR are set, and the current folder is the clone's root. The second time it takes about a second.
# shellcheck shell=bash

set -euo pipefail

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$scripts/.."
# shellcheck source=scripts/lib.sh
source "$scripts/lib.sh"
# shellcheck source=scripts/packages.sh
source "$scripts/packages.sh"

# rustup's own folder is often missing from the PATH of services and of shells that were open during its installation.
find_cargo() {
  local rustup_folder=${CARGO_HOME:-${HOME:-/nowhere}/.cargo}/bin
  if ! command -v cargo >/dev/null && [ -x "$rustup_folder/cargo" ]; then
    export PATH="$rustup_folder:$PATH"
  fi
  command -v cargo >/dev/null || fail "there is no cargo on this machine. Install Rust with rustup (https://rustup.rs), then run make again"
}

check_rust_version() {
  local wanted found
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  found=$(rustc --version | sed 's/^rustc \([0-9.]*\).*/\1/')
  if [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -n 1)" != "$wanted" ]; then
    fail "Rust $found is too old, $wanted or later is needed. With rustup: rustup update stable"
  fi
}

find_cargo
check_rust_version
install_missing_packages

bayplan_cache=$(cache_folder)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$bayplan_cache/target}
mkdir -p "$CARGO_TARGET_DIR" 2>/dev/null || fail "cannot write to $CARGO_TARGET_DIR; set CARGO_TARGET_DIR to a folder of yours"

# All clones share one target folder, and cargo tells their crates apart by the age of files only: it would take what it
# built for another clone for this one's. So our own crates are built anew when the clone is another; dependencies stay.
forget_other_clones() {
  local marker=$CARGO_TARGET_DIR/bayplan-clone
  [ "$(cat "$marker" 2>/dev/null)" = "$PWD" ] && return 0
  if [ -e "$marker" ]; then
    say "the last build was of another clone, in $(cat "$marker"); building our own crates anew"
  fi
  rm -f "$marker"
  cargo clean --workspace --quiet || fail "cannot clear $CARGO_TARGET_DIR (see above)"
  printf '%s\n' "$PWD" >"$marker"
}

# Downloading apart from compiling: on a slow line it is clear what takes the time.
host=$(rustc -vV | sed -n 's/^host: //p')
if ! cargo fetch --quiet --offline --locked --target "$host" 2>/dev/null; then
  say "downloading the crates"
  cargo fetch --quiet --target "$host" || fail "cargo could not download the crates (see above)"
fi

forget_other_clones

# In two steps, so that an interrupted build of RocksDB ends this script too.
rocksdb_settings=$("$scripts/rocksdb.sh" --env)
eval "$rocksdb_settings"
