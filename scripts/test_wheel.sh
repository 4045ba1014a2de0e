#!/usr/bin/env bash
# Builds the wheel as `pip install .` does - isolated, the command line included - from a copy of the last commit that is
# then removed, installs it in an environment of its own, and runs what needs the package's own libraries and files.
# Needs PyPI, the packages of scripts/apt-packages.txt, 10 GB of disk in $TMPDIR, and the time of a whole build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir "$work/source"
git archive HEAD | tar -x -C "$work/source"
/usr/bin/python3 -m venv "$work/env"
"$work/env/bin/python" -m pip wheel -q --disable-pip-version-check --no-deps -w "$work/wheel" "$work/source"
rm -rf "$work/source" # nothing may be looked for there any more
"$work/env/bin/python" -m pip install -q --disable-pip-version-check "$work"/wheel/proxprop-*.whl
ls -l "$work"/wheel/proxprop-*.whl

cd "$work"
python=$work/env/bin/python
"$python" - <<'PYTHON'
import torch

import proxprop

layer = proxprop.nn.Linear(4, 3, tau_theta=0.5)
layer(torch.ones(2, 4)).sum().backward()
assert layer.weight.grad.isfinite().all()
PYTHON
"$python" -m proxprop --version
short=(train -q --hidden 16 --max-steps 3)
"$python" -m proxprop "${short[@]}" --out one
"$python" -m torch.distributed.run --standalone --nproc-per-node=2 -m proxprop "${short[@]}" --out two
for run in one two; do
  test -s "$run/report.html" # by the package's plotly.min.js, on the package's digits
done
echo "the wheel works"
