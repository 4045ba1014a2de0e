#!/usr/bin/env bash
# Kills training, fails its file calls and cuts its power at many moments, and compares what it leaves after going on with
# an undisturbed run, bit by bit (tests/crash/). Usage: scripts/crash_test.sh [POINTS|all], the number of moments that each
# law is tried at, for each of its runs (default: all file calls). Needs build/release (scripts/setup.sh release).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PROXPROP_CRASH_POINTS=${1:-all}
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
build/release/tests/crash/test_crash --gtest_output="json:$results/crash.json" >"$results/log" || {
  cat "$results/log" >&2
  exit 1
}
python3 - "$results/crash.json" <<'END'
import json, re, sys
for suite in json.load(open(sys.argv[1]))["testsuites"]:
    for test in suite["testsuite"]:
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", test["name"]).lower()
        print(f"{words} ({test['time']})")
        known = {"name", "file", "line", "status", "result", "timestamp", "time", "classname"}
        for what in sorted(test.keys() - known):
            print(f"  {test[what]:>5} {what}")
END
