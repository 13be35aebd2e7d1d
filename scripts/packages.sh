# Sourced by prepare.sh and nats.sh: finds out which system packages the build needs, and installs those that are missing.
# Nothing is asked of the network, and no root rights are used, when everything is there.
# shellcheck shell=bash

# Runs a command as root: directly, or with sudo. Never waits for a password when nobody is there to type it.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    sudo -- "$@"
  else
    return 1
  fi
}

# bindgen loads libclang at run time to read RocksDB's C header, and needs clang's own stddef.h.
has_libclang() {
  local found
  found=$(compgen -G "${LIBCLANG_PATH:-/nowhere}/libclang*.so*" || compgen -G '/usr/lib/llvm-*/lib/libclang[.-]*so*' ||
    compgen -G '/usr/lib/*-linux-*/libclang[.-]*so*' || compgen -G '/usr/lib*/libclang[.-]*so*' ||
    compgen -G '/usr/local/lib/libclang[.-]*so*' || true)
  [ -n "$found" ] || return 1
  found=$(compgen -G '/usr/lib*/llvm*/lib*/clang/*/include/stddef.h' || compgen -G '/usr/lib*/clang/*/include/stddef.h' ||
    compgen -G '/usr/local/lib/clang/*/include/stddef.h' || true)
  [ -n "$found" ]
}

# One word for each thing that is missing; nothing when all is there.
missing_things() {
  command -v cc >/dev/null || echo cc
  command -v "${CXX:-c++}" >/dev/null || echo c++
  command -v ar >/dev/null || echo ar
  command -v curl >/dev/null || echo curl
  has_libclang || echo libclang
}

# The two small packages of the release's own clang (30 MB) rather than libclang-dev (300 MB), where they exist.
libclang_packages() {
  local version
  version=$(apt-cache depends libclang-dev 2>/dev/null | sed -n 's/.*Depends: libclang-\([0-9]*\)-dev.*/\1/p' | head -n 1)
  if [ -n "$version" ] && apt-cache show "libclang1-$version" "libclang-common-$version-dev" >/dev/null 2>&1; then
    echo "libclang1-$version libclang-common-$version-dev"
  else
    echo libclang-dev
  fi
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 --no-install-recommends "$@" \
    </dev/null >"$apt_log" 2>&1
}

install_with_apt() {
  local thing
  local -a packages=() clang=()
  apt_log=$(mktemp)
  if ! as_root apt-get update --quiet=2 </dev/null >"$apt_log" 2>&1; then
    # A stale or partly unreachable list of packages is often good enough.
    say "apt-get update failed; going on with the lists that are there"
  fi
  for thing in "$@"; do
    case $thing in
      cc) packages+=(gcc libc6-dev) ;;
      c++) packages+=(g++) ;;
      ar) packages+=(binutils) ;;
      curl) packages+=(curl ca-certificates) ;;
      pip) packages+=(python3-pip) ;;
      busybox-static) packages+=(busybox-static) ;;
      libclang) read -r -a clang <<<"$(libclang_packages)"; packages+=("${clang[@]}") ;;
    esac
  done
  if ! apt_install "${packages[@]}"; then
    tail -n 5 "$apt_log" >&2
    return 1
  fi
  rm -f "$apt_log"
}

# The tests make their container images of one static program.
has_static_busybox() {
  local program
  for program in /bin/busybox /usr/bin/busybox; do
    # ldd fails for a program that needs no library.
    if [ -x "$program" ] && ! ldd "$program" >/dev/null 2>&1; then return 0; fi
  done
  return 1
}

# What the tests with Docker need beside an engine; ends with 1, and says why, when it is not there and cannot be had.
provide_for_docker_tests() {
  if ! command -v docker >/dev/null; then
    say "the program docker is missing: install Debian's docker.io or docker-cli, or Docker's docker-ce-cli"
    return 1
  fi
  has_static_busybox && return 0
  say "installing busybox-static, which the tests make container images of"
  if command -v apt-get >/dev/null && as_root true && install_with_apt busybox-static && has_static_busybox; then
    return 0
  fi
  say "busybox-static is missing; ask an administrator for: apt-get install busybox-static"
  return 1
}

install_missing_packages() {
  local -a missing=()
  mapfile -t missing < <(missing_things)
  [ "${#missing[@]}" -gt 0 ] || return 0

  say "installing what the build needs: ${missing[*]}"
  if ! command -v apt-get >/dev/null; then
    fail "missing: ${missing[*]}. Install a C and C++ compiler, binutils, curl and libclang (with clang's headers), then run make again"
  fi
  if ! as_root true; then
    fail "missing: ${missing[*]}, and neither root nor sudo is at hand. Ask an administrator for:
  apt-get install gcc g++ libc6-dev binutils curl libclang-dev"
  fi
  install_with_apt "${missing[@]}" || fail "apt-get could not install what is missing: ${missing[*]}"

  mapfile -t missing < <(missing_things)
  [ "${#missing[@]}" -eq 0 ] || fail "still missing after the installation: ${missing[*]}"
}
