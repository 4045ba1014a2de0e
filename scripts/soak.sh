#!/usr/bin/env bash
# Trains for a long time and watches memory and open files. Usage: scripts/soak.sh [MINUTES] (default: 120). Each sample is a
# line "seconds resident-kB open-files steps"; fails where the last quarter's resident memory is more than 5 % above that of
# the second, or files stay open. Needs build/release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
minutes=${1:-120}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
build/release/proxprop train -q --hidden=64,32 --train-size=1000 --batch-size=100 --threads=1 --method=exact \
  --epochs=1000000 --save-every=1 --check-residuals=100 --out "$folder/run" >/dev/null &
process=$!
begin=$SECONDS
while ((SECONDS - begin < minutes * 60)); do
  sleep 5
  kill -0 "$process"
  resident=$(awk '/^VmRSS:/ { print $2 }' "/proc/$process/status")
  files=$(find "/proc/$process/fd" -mindepth 1 | wc -l)
  steps=$(wc -l <"$folder/run/metrics.jsonl")
  echo "$((SECONDS - begin)) $resident $files $steps" | tee -a "$folder/samples"
done
kill -TERM "$process"
wait "$process" || (($? == 130))
awk '
  { resident[NR] = $2; files[NR] = $3 }
  function mean(from, to,   i, sum) { for (i = from; i <= to; ++i) sum += resident[i]; return sum / (to - from + 1) }
  END {
    quarter = int(NR / 4)
    early = mean(quarter + 1, 2 * quarter); late = mean(NR - quarter + 1, NR)
    printf "resident memory %.0f kB in the second quarter, %.0f kB in the last; open files %d and %d\n", early, late, files[quarter + 1], files[NR]
    exit (late > 1.05 * early || files[NR] > files[quarter + 1])
  }' "$folder/samples"
