#!/usr/bin/env bash
# Installs what is missing and builds: Debian packages (scripts/apt-packages.txt), the pinned wheels (requirements.txt)
# in .venv, then the CMake preset given as the first argument (default: release), or only the targets that follow it.
# Before the preset, --python adds what `import torch`, the Python tests (requirements-python.txt, 3 GB more) and the
# documentation (requirements-docs.txt) need.
# Run again with nothing changed, it only asks Ninja whether anything is to do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
requirements=(requirements.txt)
if [[ ${1:-} == --python ]]; then
  requirements+=(requirements-python.txt requirements-docs.txt)
  shift
fi
preset=${1:-release}
step="start"
trap 'echo "proxprop setup: step \"$step\" failed (line $LINENO). $hint" >&2' ERR
hint="See the output above."

step="Debian packages"
hint="Needs root or sudo and a reachable Debian mirror (and waits five minutes for another apt-get to release its lock); \
or install by hand: $(tr '\n' ' ' <scripts/apt-packages.txt)"
missing=()
while read -r package; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done <scripts/apt-packages.txt
if ((${#missing[@]})); then
  echo "proxprop setup: installing ${missing[*]}" >&2
  as_root=()
  if (($(id -u) != 0)); then as_root=(sudo); fi
  apt_get=(${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
  "${apt_get[@]}" update
  "${apt_get[@]}" install -y --no-install-recommends "${missing[@]}"
fi

step="Python environment .venv"
hint="Remove .venv and try again; python3-venv must be installed."
python=/usr/bin/python3
# A venv does not survive being moved or copied, nor its Python going away: a stale one is rebuilt.
made_as=$(sed -n 's/^command = .* -m venv //p' .venv/pyvenv.cfg 2>/dev/null || true)
if { [[ -n $made_as ]] && [[ $(readlink -m "$made_as") != "$(readlink -m .venv)" ]]; } ||
  ! .venv/bin/python -c 'import pip' 2>/dev/null; then
  rm -rf .venv
  "$python" -m venv .venv
fi
for file in "${requirements[@]}"; do
  stamp=.venv/${file%.txt}.installed
  if ! cmp -s "$file" "$stamp"; then
    step="packages of $file from PyPI"
    hint="Needs a reachable PyPI and disk (2.5 GB for requirements.txt, 3 GB for requirements-python.txt); run again to go on."
    .venv/bin/python -m pip install --disable-pip-version-check --no-deps --require-hashes -r "$file"
    cp "$file" "$stamp"
  fi
done

step="CMake configuration ($preset)"
hint="Remove build/$preset and try again."
# A checkout that was copied or moved brings a build folder along that builds the tree it came from.
configured_for=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "build/$preset/CMakeCache.txt" 2>/dev/null || true)
if [[ -n $configured_for ]] && [[ $(readlink -m "$configured_for") != "$(pwd -P)" ]]; then
  cmake --fresh --preset "$preset"
elif [[ ! -f build/$preset/build.ninja ]]; then
  cmake --preset "$preset"
fi
step="build ($preset)"
hint="If memory ran out, try CMAKE_BUILD_PARALLEL_LEVEL=1."
targets=("${@:2}")
cmake --build --preset "$preset" ${targets[@]+--target "${targets[@]}"}
