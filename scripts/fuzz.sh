#!/usr/bin/env bash
# Fuzzes the readers of foreign files (tests/fuzz/) with libFuzzer, ASan and UBSan. Usage: scripts/fuzz.sh [MINUTES] [READER...]
# (default: 60 minutes for each reader, one after another). A finding ends it; the input then lies in build/fuzz/findings/.
# What was interesting stays in build/fuzz/corpus/READER; `scripts/fuzz.sh minimize` merges it into tests/fuzz/corpus.
# Needs Clang with libFuzzer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
all=(idx cifar gzip archive safetensors checkpoint toml metrics run_info)
[[ -f build/fuzz/build.ninja ]] || cmake --preset fuzz
cmake --build --preset fuzz

dictionary() {
  case $1 in
    safetensors | checkpoint) echo safetensors ;;
    toml) echo toml ;;
    metrics | run_info) echo json ;;
    *) echo binary ;;
  esac
}

if [[ ${1:-} == minimize ]]; then
  for reader in "${all[@]}"; do
    build/fuzz/tests/fuzz/fuzz_"$reader" -merge=1 -max_len=4096 tests/fuzz/corpus/"$reader" build/fuzz/corpus/"$reader"
  done
  exit
fi

minutes=${1:-60}
readers=("${@:2}")
if ((${#readers[@]} == 0)); then readers=("${all[@]}"); fi
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
mkdir -p build/fuzz/findings
for reader in "${readers[@]}"; do
  mkdir -p build/fuzz/corpus/"$reader"
  echo "== $reader, $minutes minutes"
  build/fuzz/tests/fuzz/fuzz_"$reader" -max_total_time=$((minutes * 60)) -timeout=60 -rss_limit_mb=2048 -max_len=65536 \
    -dict=tests/fuzz/dictionaries/"$(dictionary "$reader")".dict -artifact_prefix=build/fuzz/findings/"$reader"- \
    -print_final_stats=1 -verbosity=0 build/fuzz/corpus/"$reader" tests/fuzz/corpus/"$reader"
done
