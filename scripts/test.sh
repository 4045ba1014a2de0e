#!/usr/bin/env bash
# Sets up, builds and runs every test. Arguments go to ctest, e.g. scripts/test.sh -R CgSolver
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh --python release
exec ctest --preset release "$@"
