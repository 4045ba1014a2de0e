#!/usr/bin/env bash
# Trains for a long time and watches memory and open files. Usage: scripts/soak.sh [MINUTES] (default: 120). Each sample is a
# line "seconds resident-kB open-files lines-of-metrics"; fails where the last quarter's resident memory is more than 5 % above
# that of the second, or files stay open, or training ends by itself. Needs build/release.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
minutes=${1:-120}
folder=$(mktemp -d)
process=
trap '[[ -z $process ]] || kill -KILL "$process" 2>/dev/null || true; rm -rf "$folder"' EXIT
build/release/proxprop train -q --hidden=64,32 --train-size=1000 --batch-size=100 --threads=1 --method=exact \
  --epochs=1000000 --save-every=1 --check-residuals=100 --out "$folder/run" >/dev/null &
process=$!
begin=$SECONDS
while ((SECONDS - begin < minutes * 60)); do
  sleep 5
  kill -0 "$process" || {
    echo "soak: training ended by itself" >&2
    exit 1
  }
  [[ -s $folder/run/metrics.jsonl ]] || continue
  resident=$(awk '/^VmRSS:/ { print $2 }' "/proc/$process/status")
  files=$(find "/proc/$process/fd" -mindepth 1 | wc -l)
  lines=$(wc -l <"$folder/run/metrics.jsonl")
  echo "$((SECONDS - begin)) $resident $files $lines" | tee -a "$folder/samples"
done
kill -TERM "$process"
wait "$process" || (($? == 130))
process=
# Of open files the fewest count: a checkpoint is open while it is written.
awk '
  { resident[NR] = $2; files[NR] = $3 }
  function mean(from, to,   i, sum) { for (i = from; i <= to; ++i) sum += resident[i]; return sum / (to - from + 1) }
  function fewest(from, to,   i, least) { least = files[from]; for (i = from; i <= to; ++i) if (files[i] < least) least = files[i]; return least }
  END {
    quarter = int(NR / 4)
    if (quarter < 1) { print "soak: too short to tell"; exit 1 }
    early = mean(quarter + 1, 2 * quarter); late = mean(NR - quarter + 1, NR)
    open_early = fewest(quarter + 1, 2 * quarter); open_late = fewest(NR - quarter + 1, NR)
    printf "resident memory %.0f kB in the second quarter, %.0f kB in the last; open files %d and %d\n", early, late, open_early, open_late
    exit (late > 1.05 * early || open_late > open_early)
  }' "$folder/samples"
