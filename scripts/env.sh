#!/usr/bin/env bash
# Prints the settings with which cargo finds the shared build folder and the prebuilt RocksDB: eval "$(make -s env)"
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"

BAYPLAN_NATS_SERVER=$("$scripts/nats.sh" --if-there)

for name in CARGO_TARGET_DIR ROCKSDB_LIB_DIR ROCKSDB_STATIC BAYPLAN_NATS_SERVER; do
  if [ -n "${!name:-}" ]; then
    printf 'export %s=%q\n' "$name" "${!name}"
  fi
done
