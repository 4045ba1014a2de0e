#!/usr/bin/env bash
# Line and branch coverage of the C++ of this repository by its tests (gcov, read by gcovr). Usage:
# scripts/coverage.sh [TARGET...] [-- CTEST_ARGUMENT...]. Without targets it builds everything (build/coverage) and the Python
# tests count, too; with targets, files that they are not built from are not counted. Prints a table by folder and the files
# of lowest coverage; build/coverage/summary.json has all figures, build/coverage/html/index.html every line.
# Branches that only exceptions take, and those that the compiler made up, are not counted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
targets=()
while (($# > 0)) && [[ $1 != -- ]]; do
  targets+=("$1")
  shift
done
shift $(($# > 0))

if ((${#targets[@]})); then
  scripts/setup.sh coverage "${targets[@]}"
else
  scripts/setup.sh --python coverage
fi
tools=$(scripts/tools.sh)
find build/coverage -name '*.gcda' -delete
# What fails is told at the end: what it covered is counted all the same.
passed=0
ctest --preset coverage "$@" || passed=$?

mkdir -p build/coverage/html
# Threads that count at the same time may lose counts, down to negative ones.
nice "$tools/gcovr" --root . --object-directory build/coverage --gcov-ignore-parse-errors=negative_hits.warn \
  --filter '(include|src|lab|train|reproduce|benchmarks|app)/' --exclude-throw-branches --exclude-unreachable-branches \
  --merge-mode-functions=separate --json-summary build/coverage/summary.json --html-nested build/coverage/html/index.html \
  build/coverage
python3 - build/coverage/summary.json <<'END'
import collections, json, sys
kinds = "line", "branch"
files = json.load(open(sys.argv[1]))["files"]
folders = collections.defaultdict(collections.Counter)
for file in files:
    parts = file["filename"].split("/")
    for folder in {parts[0], "/".join(parts[:-1]), "all"}:
        for kind in kinds:
            for what in "covered", "total":
                folders[folder][kind, what] += file[f"{kind}_{what}"]
print(f"{'':36}{'lines':>16}{'branches':>18}")
for folder, count in sorted(folders.items(), key=lambda entry: (entry[0] == "all", entry[0])):
    row = f"{folder:36}"
    for kind in kinds:
        covered, total = count[kind, "covered"], count[kind, "total"]
        row += f"{100 * covered / max(total, 1):7.1f} % {f'of {total}':>8}"
    print(row)
print("lowest coverage of lines:")
for file in sorted(files, key=lambda file: file["line_covered"] / max(file["line_total"], 1))[:15]:
    print(f"  {file['line_covered']:4} of {file['line_total']:4} {file['filename']}")
END
exit "$passed"
