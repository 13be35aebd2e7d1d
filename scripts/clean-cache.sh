#!/usr/bin/env bash
# Deletes what was built or downloaded: the target folder, the RocksDB library and the nats-server. The next build is a
# cold one.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cache=$(cache_folder)
say "deleting $cache/target, $cache/rocksdb-* and $cache/nats-server-*"
rm -rf "$cache/target" "$cache"/rocksdb-* "$cache"/nats-server-*
