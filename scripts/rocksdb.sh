#!/usr/bin/env bash
# Makes a static librocksdb.a once per machine and prints the folder it is in.
#
# Why: the librocksdb-sys crate compiles 343 C++ files one by one, which takes 15 to 20 minutes on two cores, because each
# of them parses the same headers again. Here a few chunk files #include all of them (a "unity build"), which takes
# about three minutes, and the result is kept in the user's cache, so that no clone and no `cargo clean` builds it again.
# The sources are the crate's own, so the library always fits the bindings.
#
# Usage:
#   scripts/rocksdb.sh          build if needed; print the library's folder on stdout, progress on stderr
#   scripts/rocksdb.sh --env    the same, as shell code: eval "$(scripts/rocksdb.sh --env)"
#
# When anything fails, the script says so, prints nothing on stdout and ends with 0: cargo then does the crate's own slow
# build, which is right in the end. With ROCKSDB_LIB_DIR or ROCKSDB_COMPILE set by the user it does nothing.
#
# Environment: CXX (compiler, default c++), XDG_CACHE_HOME, BAYPLAN_CACHE (default $XDG_CACHE_HOME/bayplan),
# BAYPLAN_ROCKSDB_OPT (default -O2), BAYPLAN_ROCKSDB_JOBS (compilers at a time; the default minds cores and memory).

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/lib.sh
source "$here/lib.sh"

readonly MEMORY_PER_COMPILER_MB=2400
readonly PROGRESS_EVERY_S=15

opt=${BAYPLAN_ROCKSDB_OPT:--O2}
compiler=${CXX:-c++}

# The slow way is still a way: say why, and let cargo take it.
fall_back() {
  say "RocksDB: $*"
  say "RocksDB: falling back to the crate's own build; it works, but takes 15 to 20 minutes on two cores"
  exit 0
}

# --- where the sources are and what the library is called -------------------------------------------------------------

crate_folder() {
  local target metadata
  target=$(rustc -vV | sed -n 's/^host: //p')
  metadata=$(cargo metadata --format-version 1 --filter-platform "$target" --manifest-path "$here/../Cargo.toml") || return 1
  # Only one line of the JSON matters, so no JSON tool has to be installed.
  grep -o '"manifest_path":"[^"]*/librocksdb-sys-[^"]*/Cargo.toml"' <<<"$metadata" | head -n 1 |
    sed 's/^"manifest_path":"//; s/\/Cargo.toml"$//' || true
}

# RocksDB picks its CRC at compile time. Without these flags each WAL record is checksummed in software.
machine_flags() {
  local cpu=/proc/cpuinfo
  [ -r "$cpu" ] || return 0
  case $(uname -m) in
    x86_64) if grep -qw sse4_2 "$cpu" && grep -qw pclmulqdq "$cpu"; then echo "-msse4.2 -mpclmul"; fi ;;
    aarch64) if grep -qw crc32 "$cpu" && grep -qw pmull "$cpu"; then echo "-march=armv8-a+crc+aes+crypto"; fi ;;
  esac
}

# --- the build ----------------------------------------------------------------------------------------------------

job_count() {
  local cores memory_mb by_memory jobs
  cores=$(nproc 2>/dev/null || echo 1)
  memory_mb=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo 2>/dev/null || echo 0)
  by_memory=$((${memory_mb:-0} / MEMORY_PER_COMPILER_MB))
  jobs=$((cores < by_memory ? cores : by_memory))
  jobs=$((jobs > 8 ? 8 : jobs))
  echo $((jobs < 1 ? 1 : jobs))
}

# Deals the sources out to chunk files in runs of about the same number of bytes, keeping the order of the list.
write_chunks() {
  local sources=$1 chunks=$2 into=$3
  (cd "$sources" && tr -d '\r' <rocksdb_lib_sources.txt | grep -v -e '^ *$' -e '^util/build_version.cc$' |
    while read -r file; do echo "$(wc -c <"rocksdb/$file") $file"; done) |
    awk -v chunks="$chunks" -v into="$into" '
      { size[NR] = $1; file[NR] = $2; total += $1 }
      END {
        for (i = 1; i <= NR; i++) {
          chunk = int(before * chunks / total) + 1
          print "#include \"rocksdb/" file[i] "\"" > (into "/chunk" chunk ".cc")
          before += size[i]
        }
      }'
}

running=()
stop_compilers() {
  local pid
  for pid in ${running[@]+"${running[@]}"}; do
    kill -- "-$pid" 2>/dev/null || true
  done
}

# Compiles all chunks, `jobs` at a time, and speaks now and then. Ends with 1 when one of them failed.
compile_chunks() {
  local sources=$1 work=$2 jobs=$3
  local -a waiting=("$work"/*.cc) still=()
  local total=${#waiting[@]} finished=0 next=0 last_said=0 pid elapsed
  local started=$SECONDS
  while [ "$finished" -lt "$total" ]; do
    while [ "${#running[@]}" -lt "$jobs" ] && [ "$next" -lt "$total" ]; do
      local unit=${waiting[$next]}
      # Job control gives each compiler a process group of its own, so that stopping it stops its children too.
      set -m
      (cd "$sources" && exec "$compiler" "${flags[@]}" -c "$unit" -o "${unit%.cc}.o") >"${unit%.cc}.log" 2>&1 9>&- &
      running+=($!)
      set +m
      next=$((next + 1))
    done
    sleep 1
    still=()
    for pid in "${running[@]}"; do
      if kill -0 "$pid" 2>/dev/null; then
        still+=("$pid")
      elif wait "$pid"; then
        finished=$((finished + 1))
      else
        return 1
      fi
    done
    running=(${still[@]+"${still[@]}"})
    elapsed=$((SECONDS - started))
    if [ $((elapsed - last_said)) -ge "$PROGRESS_EVERY_S" ]; then
      say "compiling RocksDB $rocksdb_version: $finished of $total parts done, ${#running[@]} under way, $elapsed s"
      last_said=$elapsed
    fi
  done
}

build() {
  local sources=$1 library_folder=$2
  local jobs=${BAYPLAN_ROCKSDB_JOBS:-$(job_count)} started=$SECONDS
  # Fewer chunks mean less work in all; more chunks occupy more cores and need less memory each.
  local chunks=$((jobs > 4 ? 8 : 4))
  work=$(mktemp -d "$library_folder.building.XXXXXX") || return 1
  trap 'stop_compilers; rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM HUP

  say "compiling RocksDB $rocksdb_version once for this machine ($compiler $opt, $jobs at a time); some three minutes on two cores"
  write_chunks "$sources" "$chunks" "$work" || return 1
  cp "$sources/build_version.cc" "$work/build_version.cc" || return 1
  if ! compile_chunks "$sources" "$work" "$jobs"; then
    tail -n 5 "$work"/*.log >&2
    return 1
  fi
  ar crs "$work/librocksdb.a" "$work"/*.o || return 1
  rm -f "$work"/*.o "$work"/*.cc "$work"/*.log
  chmod 755 "$work"
  mv -T "$work" "$library_folder" || return 1
  trap - EXIT INT TERM HUP
  say "RocksDB $rocksdb_version is ready, $((SECONDS - started)) s: $library_folder"
}

# --- main -----------------------------------------------------------------------------------------------------------

print_result() {
  if [ "${1:-}" = --env ]; then
    printf 'export ROCKSDB_LIB_DIR=%q ROCKSDB_STATIC=1\n' "$library_folder"
  else
    printf '%s\n' "$library_folder"
  fi
}

case ${1:-} in
  '' | --env) ;;
  *) sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; [ "$1" = --help ] && exit 0 || exit 2 ;;
esac

if [ -n "${ROCKSDB_LIB_DIR:-}" ] || [ -n "${ROCKSDB_COMPILE:-}" ]; then
  exit 0
fi
[ "$(uname -s)" = Linux ] || fall_back "the quick build is for Linux only"
command -v "$compiler" >/dev/null || fall_back "no C++ compiler ($compiler) found"
for tool in ar awk flock; do
  command -v "$tool" >/dev/null || fall_back "the program '$tool' is missing"
done

sources=$(crate_folder) || fail "cargo cannot read the workspace (see above)"
[ -n "$sources" ] && [ -f "$sources/rocksdb_lib_sources.txt" ] || fall_back "cannot find the sources of librocksdb-sys"
crate_version=${sources##*/librocksdb-sys-}
rocksdb_version=${crate_version##*+}

# What librocksdb-sys' build.rs passes on Linux, and sections so that the linker can drop what nobody calls.
read -r -a flags <<<"-std=c++20 $opt -w -fPIC -ffunction-sections -fdata-sections -fno-omit-frame-pointer \
  -include cstdint -I. -Irocksdb/include -Irocksdb -DNDEBUG -DHAVE_ALIGNED_NEW -DHAVE_UINT128_EXTENSION -DOS_LINUX \
  -DROCKSDB_PLATFORM_POSIX -DROCKSDB_LIB_IO_POSIX -DROCKSDB_SCHED_GETCPU_PRESENT -DROCKSDB_AUXV_GETAUXVAL_PRESENT \
  -DROCKSDB_FALLOCATE_PRESENT -DROCKSDB_RANGESYNC_PRESENT $(machine_flags)"
fingerprint=$(printf '%s\n' "${flags[@]}" "$("$compiler" -dumpmachine)" "$("$compiler" -dumpversion)" | cksum | cut -d ' ' -f 1)

cache=$(cache_folder)
mkdir -p "$cache" 2>/dev/null || fall_back "cannot write to $cache"
library_folder=$cache/rocksdb-$crate_version-$fingerprint

if [ ! -f "$library_folder/librocksdb.a" ]; then
  # A second run at the same time waits here, and then finds the library.
  exec 9>"$cache/rocksdb.lock" || fall_back "cannot write to $cache"
  if ! flock --nonblock 9; then
    say "another build of RocksDB is under way; waiting for it"
    flock 9
  fi
  if [ ! -f "$library_folder/librocksdb.a" ]; then
    rm -rf "$library_folder"
    # What a killed build left behind; nobody else builds while we hold the lock.
    rm -rf "$cache"/rocksdb-*.building.*
    build "$sources" "$library_folder" || fall_back "the quick build failed (see above)"
  fi
fi
print_result "${1:-}"
