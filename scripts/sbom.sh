#!/usr/bin/env bash
# Writes the software bill of materials (CycloneDX 1.6, JSON) to standard output: the pinned wheels with their hashes, and
# the Debian packages in the versions that are installed here, each with its licence.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
"$(scripts/tools.sh)/python" scripts/sbom.py
