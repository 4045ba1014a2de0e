#!/usr/bin/env bash
# Writes the SHA-256 of every wheel beside its pinned version, so that pip installs these bytes or nothing. Usage, after
# changing a version: scripts/lock_requirements.sh [FILE...] (default: all requirements*.txt). The hashes are those that
# PyPI states now; nothing is downloaded but uv itself (for x86-64), into a folder of its own that is removed again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
/usr/bin/python3 -m venv "$tools/venv"
echo "uv==0.13.9 --hash=sha256:d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19" >"$tools/uv.txt"
"$tools/venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$tools/uv.txt"
files=("$@")
if ((${#files[@]} == 0)); then files=(requirements*.txt); fi
for file in "${files[@]}"; do
  sed -E 's/ *\\$//; /^ *--hash=/d' "$file" >"$tools/pinned.txt"
  # One package at a time: the comments and the order of the file stay.
  while IFS= read -r line; do
    if [[ -z $line || $line == \#* ]]; then
      echo "$line"
    else
      echo "$line" >"$tools/one.in"
      "$tools/venv/bin/uv" pip compile --quiet --no-deps --no-header --no-annotate --generate-hashes \
        --python /usr/bin/python3 "$tools/one.in"
    fi
  done <"$tools/pinned.txt" >"$tools/locked.txt"
  cp "$tools/locked.txt" "$file"
done
