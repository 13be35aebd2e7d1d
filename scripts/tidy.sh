#!/usr/bin/env bash
# The structural checks alone.
source "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"

cargo xtask tidy
