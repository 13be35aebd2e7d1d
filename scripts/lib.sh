# Sourced by the other scripts: what all of them need, and nothing else.
# shellcheck shell=bash

# The start of the whole `make` target, so that a script called by another one goes on counting.
export BAYPLAN_STARTED=${BAYPLAN_STARTED:-$(date +%s)}

# Progress goes to stderr, so that stdout stays free for results.
say() {
  local elapsed=$(($(date +%s) - BAYPLAN_STARTED))
  printf '[%d:%02d] %s\n' $((elapsed / 60)) $((elapsed % 60)) "$*" >&2
}

fail() {
  say "error: $*"
  exit 1
}

# Where builds are kept: never in the clone, so that a second clone, or `git clean`, costs nothing.
cache_folder() {
  if [ -n "${BAYPLAN_CACHE:-}" ]; then
    echo "$BAYPLAN_CACHE"
  elif [ -n "${XDG_CACHE_HOME:-}" ]; then
    echo "$XDG_CACHE_HOME/bayplan"
  elif [ -n "${HOME:-}" ] && mkdir -p "$HOME/.cache/bayplan" 2>/dev/null && [ -w "$HOME/.cache/bayplan" ]; then
    echo "$HOME/.cache/bayplan"
  else
    # No home, or one that cannot be written (a daemon's or a container's user): a folder of the clone still works.
    (cd "$(dirname "${BASH_SOURCE[0]}")/.." && echo "$PWD/target/cache")
  fi
}
