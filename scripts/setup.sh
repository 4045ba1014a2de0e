#!/usr/bin/env bash
# Installs what is missing and builds: Debian packages (scripts/apt-packages.txt), the pinned wheels (requirements.txt)
# in .venv, then the CMake preset given as the first argument (default: release), or only the targets that follow it.
# Run again with nothing changed, it only asks Ninja whether anything is to do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset=${1:-release}
step="start"
trap 'echo "proxprop setup: step \"$step\" failed (line $LINENO). $hint" >&2' ERR
hint="See the output above."

step="Debian packages"
hint="Needs root or sudo and a reachable Debian mirror; or install by hand: $(tr '\n' ' ' <scripts/apt-packages.txt)"
missing=()
while read -r package; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done <scripts/apt-packages.txt
if ((${#missing[@]})); then
  echo "proxprop setup: installing ${missing[*]}" >&2
  as_root=()
  if (($(id -u) != 0)); then as_root=(sudo); fi
  ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get update -q
  ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

step="Python environment .venv"
hint="Remove .venv and try again; python3-venv must be installed."
python=/usr/bin/python3
stamp=.venv/requirements.installed
if ! cmp -s requirements.txt "$stamp"; then
  # A venv does not survive being moved or copied: a stale one is rebuilt.
  if [[ ! -x .venv/bin/python ]] || ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    rm -rf .venv
    "$python" -m venv .venv
  fi
  step="LibTorch and Plotly from PyPI"
  hint="Needs a reachable PyPI and about 2.5 GB of disk; run again to go on."
  .venv/bin/python -m pip install --disable-pip-version-check --no-deps -r requirements.txt
  cp requirements.txt "$stamp"
fi

step="CMake configuration ($preset)"
hint="Remove build/$preset and try again."
if [[ ! -f build/$preset/build.ninja ]]; then
  cmake --preset "$preset"
fi
step="build ($preset)"
hint="If memory ran out, try CMAKE_BUILD_PARALLEL_LEVEL=1."
targets=("${@:2}")
cmake --build --preset "$preset" ${targets[@]+--target "${targets[@]}"}
