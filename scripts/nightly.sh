#!/usr/bin/env bash
# Everything that is too slow for each change: sanitizers over the whole suite, crash tests at every file call, an hour of
# fuzzing per reader, two hours of training. Usage: scripts/nightly.sh [PART...] (default: asan tsan crash fuzz soak). Ends
# with the first part that fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export OMP_WAIT_POLICY=passive
parts=("$@")
if ((${#parts[@]} == 0)); then parts=(asan tsan crash fuzz soak); fi

sanitized_suite() {
  scripts/setup.sh "$1"
  ctest --preset "$1" -E '^Python\.'
}

for part in "${parts[@]}"; do
  echo "== $part"
  case $part in
    asan | tsan) sanitized_suite "$part" ;;
    crash) scripts/crash_test.sh all ;;
    fuzz) scripts/fuzz.sh +60 ;;
    soak) scripts/soak.sh 120 ;;
    *)
      echo "nightly: no part '$part'" >&2
      exit 2
      ;;
  esac
done
