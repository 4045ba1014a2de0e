#!/usr/bin/env bash
# Kills training, fails its file calls and cuts its power at many moments, and compares what it leaves after going on with
# an undisturbed run, bit by bit (tests/crash/). Usage: scripts/crash_test.sh [-j N] [POINTS|all], the number of moments that
# each law is tried at, for each of its runs (default: all file calls), N laws at once. May be stopped: laws that held are kept
# in build/crash/POINTS until the program changes, and are not tried again. Needs build/release (scripts/setup.sh release).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=build/release/tests/crash/test_crash
at_once=1
if [[ ${1:-} == -j ]]; then
  at_once=$2
  shift 2
fi

# Tries one law and keeps its figures where it held.
try() {
  local law=$1 kept=build/crash/$PROXPROP_CRASH_POINTS/$1.json built
  for built in "$program" build/release/proxprop build/release/src/libproxprop.so build/release/tests/crash/libfault_injection.so; do
    if [[ ! $kept -nt $built ]]; then rm -f "$kept"; fi
  done
  [[ ! -f $kept ]] || return 0
  echo "== $law"
  "$program" --gtest_filter="*.$law" --gtest_output="json:$kept.part" >"$kept.log" || {
    cat "$kept.log" >&2
    return 1
  }
  mv "$kept.part" "$kept"
}

if [[ ${1:-} == --one ]]; then # what xargs starts below
  try "$2"
  exit
fi

export PROXPROP_CRASH_POINTS=${1:-all}
mkdir -p build/crash/"$PROXPROP_CRASH_POINTS"
"$program" --gtest_list_tests | sed -n 's/^  //p' | xargs -P "$at_once" -n 1 scripts/crash_test.sh --one
python3 - build/crash/"$PROXPROP_CRASH_POINTS"/*.json <<'END'
import json, re, sys
for path in sys.argv[1:]:
    for suite in json.load(open(path))["testsuites"]:
        for test in suite["testsuite"]:
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", test["name"]).lower()
            print(f"{words} ({test['time']})")
            known = {"name", "file", "line", "status", "result", "timestamp", "time", "classname"}
            for what in sorted(test.keys() - known):
                print(f"  {test[what]:>5} {what}")
END
