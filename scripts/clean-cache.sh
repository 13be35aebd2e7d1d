#!/usr/bin/env bash
# Deletes what was built: the target folder and the RocksDB library. The next build is a cold one.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cache=$(cache_folder)
say "deleting $cache/target and $cache/rocksdb-*"
rm -rf "$cache/target" "$cache"/rocksdb-*
