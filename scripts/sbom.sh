#!/usr/bin/env bash
# Writes the software bill of materials (CycloneDX 1.6, JSON) to standard output: the pinned wheels with their hashes, and
# the Debian packages in the versions that are installed here, each with its licence. Uses cyclonedx-python-lib in a virtual
# environment that is removed again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
/usr/bin/python3 -m venv "$tools/venv"
"$tools/venv/bin/pip" install --quiet --disable-pip-version-check 'cyclonedx-python-lib[json-validation]==11.12.0'
"$tools/venv/bin/python" scripts/sbom.py
