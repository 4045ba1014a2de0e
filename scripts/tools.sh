#!/usr/bin/env bash
# Installs the tools of the other scripts (requirements-tools.txt) in build/tools, where they differ from what is there, and
# prints the folder of their programs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if ! cmp -s requirements-tools.txt build/tools/installed.txt || ! build/tools/bin/python -c 'import pip' 2>/dev/null; then
  rm -rf build/tools
  /usr/bin/python3 -m venv build/tools
  build/tools/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
    -r requirements-tools.txt
  cp requirements-tools.txt build/tools/installed.txt
fi
echo "$PWD/build/tools/bin"
