#!/usr/bin/env bash
# Builds if needed, trains the demo (experiments/demo.toml: backpropagation and two proximal methods on the embedded MNIST
# digits, half a minute on two cores), prints the table and writes runs/demo/report.html. Run again, it replaces its
# own run folder. Arguments go to `proxprop compare`, e.g. scripts/demo.sh --epochs 5
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh release proxprop_app

# Threads that wait should sleep, not spin: a busy machine would otherwise slow the training down many times.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
build/release/proxprop compare --config experiments/demo.toml --out runs/demo --force "$@"

report="$PWD/runs/demo/report.html"
echo
echo "Open the report in a browser (it needs no network):"
if [[ $(uname -s) == Darwin ]]; then echo "  open \"$report\""; else echo "  xdg-open \"$report\""; fi
echo "or copy that one file to wherever a browser is."
