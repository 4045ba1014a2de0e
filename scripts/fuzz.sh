#!/usr/bin/env bash
# Fuzzes the readers of foreign files (tests/fuzz/) with libFuzzer, ASan and UBSan. Usage:
#   scripts/fuzz.sh [-j N] [MINUTES] [READER...]   until each reader has had MINUTES (default: 60) in all; N of them at once;
#                                                  +MINUTES: so many more than it has had
#   scripts/fuzz.sh report                         what each reader has had
#   scripts/fuzz.sh minimize                       merges what was found into tests/fuzz/corpus
# May be stopped at any time: build/fuzz/ledger.tsv keeps what was done, and the same command does the rest. A finding ends
# the fuzzing of its reader, and the input then lies in build/fuzz/findings/. A reader that has changed begins anew where its
# lines are removed from the ledger. What was interesting stays in build/fuzz/corpus/READER. Needs Clang with libFuzzer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
all=(idx cifar gzip archive safetensors checkpoint toml metrics run_info)
ledger=build/fuzz/ledger.tsv # reader, seconds, inputs tried, new in the corpus, peak memory in MB; a line for each slice
slice=300                    # seconds that are lost at most where the machine fails
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

dictionary() {
  case $1 in
    safetensors | checkpoint) echo safetensors ;;
    toml) echo toml ;;
    metrics | run_info) echo json ;;
    *) echo binary ;;
  esac
}

seconds_of() {
  awk -F '\t' -v reader="$1" '$1 == reader { sum += $2 } END { print sum + 0 }' "$ledger"
}

report() {
  awk -F '\t' '
    { seconds[$1] += $2; inputs[$1] += $3; new[$1] += $4; if ($5 > peak[$1]) peak[$1] = $5 }
    END { for (r in seconds) printf "| %s | %d | %d | %d | %d |\n", r, seconds[r] / 60, inputs[r], new[r], peak[r] }' \
    "$ledger" | sort
}

# Fuzzes one reader, slice by slice, until it has had $2 minutes, or +$2 more.
fuzz() {
  local reader=$1 wanted had begin now failed=0
  wanted=$((${2#+} * 60))
  if [[ $2 == +* ]]; then wanted=$((wanted + $(seconds_of "$reader"))); fi
  output=$(mktemp)
  trap 'rm -f "$output"' EXIT
  while had=$(seconds_of "$reader") && ((had < wanted)); do
    now=$((wanted - had < slice ? wanted - had : slice))
    echo "== $reader: $((had / 60)) of $((wanted / 60)) minutes"
    begin=$SECONDS
    build/fuzz/tests/fuzz/fuzz_"$reader" -max_total_time="$now" -timeout=60 -rss_limit_mb=2048 -max_len=65536 \
      -dict=tests/fuzz/dictionaries/"$(dictionary "$reader")".dict -artifact_prefix=build/fuzz/findings/"$reader"- \
      -print_final_stats=1 -verbosity=0 build/fuzz/corpus/"$reader" tests/fuzz/corpus/"$reader" >"$output" 2>&1 || failed=$?
    if ((failed)); then
      cat "$output" >&2
      return "$failed"
    fi
    awk -v reader="$reader" -v seconds=$((SECONDS - begin)) '
      /^stat::number_of_executed_units:/ { inputs = $2 }
      /^stat::new_units_added:/ { new = $2 }
      /^stat::peak_rss_mb:/ { peak = $2 }
      END { printf "%s\t%d\t%d\t%d\t%d\n", reader, seconds, inputs, new, peak }' "$output" >>"$ledger"
  done
}

case ${1:-} in
  report)
    report
    exit
    ;;
  --one) # what xargs starts below
    fuzz "$3" "$2"
    exit
    ;;
esac

[[ -f build/fuzz/build.ninja ]] || cmake --preset fuzz
cmake --build --preset fuzz
mkdir -p build/fuzz/findings
for reader in "${all[@]}"; do mkdir -p build/fuzz/corpus/"$reader"; done
touch "$ledger"

if [[ ${1:-} == minimize ]]; then
  for reader in "${all[@]}"; do
    build/fuzz/tests/fuzz/fuzz_"$reader" -merge=1 -max_len=4096 tests/fuzz/corpus/"$reader" build/fuzz/corpus/"$reader"
  done
  exit
fi

at_once=1
if [[ ${1:-} == -j ]]; then
  at_once=$2
  shift 2
fi
minutes=${1:-60}
readers=("${@:2}")
if ((${#readers[@]} == 0)); then readers=("${all[@]}"); fi
printf '%s\n' "${readers[@]}" | xargs -P "$at_once" -n 1 scripts/fuzz.sh --one "$minutes"
report
