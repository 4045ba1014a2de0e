#!/usr/bin/env python3
"""Tests the tests of src/prox: puts one mutant after another into a copy of the sources, builds and runs them.

Usage: scripts/mutate.py [--count N] [--seed S] [--files PATTERN...] [--again] [--report] [--list]

Judges N mutants (default: 60) of those that scripts/mutants.py makes, drawn at random from the seed, in a build of its own
(build/mutation/), and keeps each verdict in build/mutation/verdicts.jsonl, so that it may be stopped at any time and the
same command goes on. A larger N adds to those of a smaller one. A first round runs the quick tests, with few inputs of each
property; a second one runs all tests on what that left. Verdicts:

  killed    a test failed or crashed
  timeout   the tests took more than five times their processor time: also found
  passed    the quick tests passed, the others have not been run yet
  survived  all tests passed
  same      the compiler makes the same program of it
  invalid   it does not compile

Survivors that no test can kill are named with the reason in tests/prox/equivalent_mutants.tsv. --again judges those anew
that survived and are not named there; --report only tells the verdicts; --list only names the mutants that would be tried.
Takes one core, at low priority; needs what scripts/setup.sh installs.
"""

import argparse
import fnmatch
import hashlib
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from mutants import Mutant, mutants_of

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build/mutation"
COPY = WORK / "source"
BUILD = COPY / "build/release"
VERDICTS = WORK / "verdicts.jsonl"
EQUIVALENT = ROOT / "tests/prox/equivalent_mutants.tsv"
COPIED = ("CMakeLists.txt", "cmake", "docs/CMakeLists.txt", "examples", "include", "src", "tests")
MUTATED = "src/prox/"
# What judges a mutant: kernels once per instruction set, as ctest runs them. The first round takes one of them.
KERNELS = "tests/prox/test_kernels"
TESTS = [
    (KERNELS, {"PROXPROP_INSTRUCTION_SET": "avx512"}),
    ("tests/prox/test_prox", {}),
    ("tests/nn/test_nn", {}),
    (KERNELS, {"PROXPROP_INSTRUCTION_SET": "avx2"}),
    (KERNELS, {"PROXPROP_INSTRUCTION_SET": "baseline"}),
]
FIRST_ROUND = 3
TARGETS = ["test_kernels", "test_prox", "test_nn"]
PRODUCTS = ["src/libproxprop.so", "tests/prox/test_kernels", "tests/prox/test_prox", "tests/nn/test_nn"]
SLOW = 0.3  # seconds of a test that the first round leaves out
QUICK_INPUTS, ALL_INPUTS = 10, 100  # of each property; the latter is RapidCheck's default
GIGABYTE = 1 << 30


def copy_sources() -> None:
    """Bring the copy up to date; files that say the same keep their time, so that little is built anew."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *COPIED],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        source, target = ROOT / name, COPY / name
        if source.is_file() and not (target.is_file() and target.read_bytes() == source.read_bytes()):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def build() -> str:
    """Build the tests; return the compiler's words where that fails."""
    done = subprocess.run(
        ["ninja", "-C", BUILD, "-j1", *TARGETS], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout


def configure() -> None:
    """Make the build folder: the core and its tests, nothing else, without running tests to list them."""
    if (BUILD / "build.ninja").exists():
        return
    libtorch = next((ROOT / ".venv/lib").glob("python3*/site-packages/torch"))
    options = {
        "CMAKE_BUILD_TYPE": "Release",
        "CMAKE_CXX_FLAGS_RELEASE": "-O1 -DNDEBUG",
        "CMAKE_GTEST_DISCOVER_TESTS_DISCOVERY_MODE": "PRE_TEST",
        "PROXPROP_BUILD_APP": "OFF",
        "PROXPROP_BUILD_PYTHON": "OFF",
        "PROXPROP_TORCH_DIR": str(libtorch),
    }
    definitions = [f"-D{name}={value}" for name, value in options.items()]
    subprocess.run(["cmake", "-G", "Ninja", "-S", COPY, "-B", BUILD, *definitions], check=True)


def run_test(number: int, cpu_seconds: float, filtered: str = "*", inputs: int = ALL_INPUTS) -> tuple[str, float]:
    """Run one of TESTS; return what failed ("" if nothing, "timeout" if it took too long) and its processor time."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_seconds) + 1, int(cpu_seconds) + 2))
        resource.setrlimit(resource.RLIMIT_AS, (12 * GIGABYTE, 12 * GIGABYTE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    binary, variables = TESTS[number]
    # One thread for one core; RapidCheck's inputs are the same for every mutant.
    environment = os.environ | variables | {"OMP_NUM_THREADS": "1", "RC_PARAMS": f"seed=1 max_success={inputs}"}
    arguments = [
        f"--gtest_filter={filtered}",
        "--gtest_fail_fast",
        "--gtest_brief=1",
        f"--gtest_output=json:{WORK}/times.json",
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        done = subprocess.run(
            [BUILD / binary, *arguments],
            cwd=COPY,
            env=environment,
            preexec_fn=limit,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60 * cpu_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "timeout", 60 * cpu_seconds
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode == 0:
        return "", used
    if used >= cpu_seconds:
        return "timeout", used
    failed = re.findall(r"^\[  FAILED  \] ([\w/.]+)", done.stdout, re.MULTILINE)
    return failed[0] if failed else f"{Path(binary).name} ends with {done.returncode}", used


def quick_filter(used: float) -> str:
    """Return the filter that leaves out what took long in the last run, which used so much processor time."""
    suites = json.loads((WORK / "times.json").read_text())["testsuites"]
    times = {f"{suite['name']}.{t['name']}": float(t["time"].rstrip("s")) for suite in suites for t in suite["testsuite"]}
    # The times are by the clock, and other programs may have run meanwhile.
    share = used / max(sum(times.values()), used)
    return "*-" + ":".join(name for name, seconds in times.items() if share * seconds > SLOW)


def fingerprint() -> str:
    """Return a digest of what was built."""
    return hashlib.sha256(b"".join((BUILD / product).read_bytes() for product in PRODUCTS)).hexdigest()


@dataclass
class Undisturbed:
    """The program without a mutant."""

    digest: str
    quick_seconds: list[float]  # of processor time, by TESTS, of all tests with few inputs
    filters: list[str]  # the quick ones
    seconds: list[float]  # of all tests with all inputs; measured when the second round comes


def measure(inputs: int) -> Iterator[float]:
    """Run the tests of the program as it is; yield their processor times. Ends where one fails."""
    for number, (binary, variables) in enumerate(TESTS):
        failed, used = run_test(number, 1200, inputs=inputs)
        if failed:
            sys.exit(f"mutate: without a mutant, {binary} {variables} fails: {failed}")
        print(f"{binary} {variables}, {inputs} inputs: {used:.0f} s of processor time", flush=True)
        yield used


def prepare(second_round: bool) -> Undisturbed:
    """Build the program as it is, run its tests, and keep what was seen."""
    copy_sources()
    configure()
    if words := build():
        sys.exit(f"mutate: the program as it is does not build\n{words}")
    digest = fingerprint()
    kept = WORK / "undisturbed.json"
    known = Undisturbed("", [], [], [])
    if kept.exists():
        known = Undisturbed(**json.loads(kept.read_text()))
    if known.digest != digest:
        known = Undisturbed(digest, [], [], [])
        for used in measure(QUICK_INPUTS):
            known.quick_seconds.append(used)
            known.filters.append(quick_filter(used))
    if second_round and not known.seconds:
        known.seconds = list(measure(ALL_INPUTS))
    kept.write_text(json.dumps(asdict(known)))
    return known


def judge(mutant: Mutant, undisturbed: Undisturbed, first_round: bool) -> tuple[str, str]:
    """Return the verdict, and the test that gave it. The mutant stays in the copy."""
    (COPY / mutant.path).write_text(mutant.applied((ROOT / mutant.path).read_text()))
    if build():
        return "invalid", ""
    if fingerprint() == undisturbed.digest:
        return "same", ""
    for number, (binary, _) in enumerate(TESTS[:FIRST_ROUND] if first_round else TESTS):
        if first_round:
            limit = 5 + 5 * undisturbed.quick_seconds[number]
            failed, _ = run_test(number, limit, undisturbed.filters[number], QUICK_INPUTS)
        else:
            failed, _ = run_test(number, 5 + 5 * undisturbed.seconds[number])
        if failed:
            return ("timeout", binary) if failed == "timeout" else ("killed", failed)
    return ("passed" if first_round else "survived"), ""


def described(mutant: Mutant) -> str:
    """Return file, line and the change in one line."""
    text = (ROOT / mutant.path).read_text()
    first, last = text.rfind("\n", 0, mutant.begin) + 1, text.find("\n", mutant.end)
    before, after = text[first : mutant.begin].lstrip(), text[mutant.end : last]
    old = re.sub(r"\s+", " ", text[mutant.begin : mutant.end])
    return f"{mutant.path}:{mutant.line}: {before}[{old} -> {mutant.other}]{after}"


def equivalents() -> dict[str, str]:
    """Return why a mutant cannot be killed, by its identity."""
    rows = [line.split("\t") for line in EQUIVALENT.read_text().splitlines() if line and line[0] != "#"]
    return {row[0]: row[2] for row in rows}


def report(mutants: list[Mutant], verdicts: dict[str, dict[str, str]]) -> None:
    """Print figures per file and the survivors."""
    known = equivalents()
    kinds = ["killed", "timeout", "passed", "survived", "equivalent", "same", "invalid"]
    by_file: dict[str, Counter[str]] = {}
    survivors = []
    for mutant in mutants:
        if (verdict := verdicts.get(mutant.identity)) is None:
            continue
        kind = verdict["verdict"]
        if kind in {"passed", "survived"}:
            if mutant.identity in known:
                kind = "equivalent"
            else:
                survivors.append(mutant)
        by_file.setdefault(mutant.path, Counter())[kind] += 1
    print(f"{'':40}", *(f"{kind:>10}" for kind in kinds))
    total: Counter[str] = sum(by_file.values(), Counter())
    for path, count in [*sorted(by_file.items()), ("all", total)]:
        print(f"{path.removeprefix(MUTATED):40}", *(f"{count[kind]:10}" for kind in kinds))
    found = total["killed"] + total["timeout"]
    print(f"{found} of {found + total['passed'] + total['survived']} mutants that change something are found")
    for mutant in survivors:
        print(mutant.identity, described(mutant))


def main() -> None:
    """Draw, judge and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", nargs="+", default=["*"], help="patterns of paths below src/prox")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()

    paths = sorted(str(path.relative_to(ROOT)) for path in (ROOT / MUTATED).rglob("*") if path.suffix in {".cpp", ".h"})
    everything = [mutant for path in paths for mutant in mutants_of(ROOT, path)]
    verdicts: dict[str, dict[str, str]] = {}
    if VERDICTS.exists():
        verdicts = {row["identity"]: row for row in map(json.loads, VERDICTS.read_text().splitlines())}
    if arguments.report:
        report(everything, verdicts)
        return

    # A place in the order that a mutant keeps when others come or go.
    order = {m.identity: random.Random(f"{arguments.seed} {m.identity}").random() for m in everything}
    drawn = sorted(
        (m for m in everything if any(fnmatch.fnmatch(m.path, MUTATED + pattern) for pattern in arguments.files)),
        key=lambda m: order[m.identity],
    )[: arguments.count]
    known = equivalents()
    kept = {m.identity: verdicts.get(m.identity, {}).get("verdict") for m in drawn}
    if arguments.again:
        first = [m for m in drawn if kept[m.identity] in {"passed", "survived"} and m.identity not in known]
    else:
        first = [m for m in drawn if kept[m.identity] is None]
    if arguments.list:
        print(*map(described, first), sep="\n")
        return

    os.nice(max(0, 10 - os.nice(0)))
    for first_round in (True, False):
        if not first_round:
            first = [m for m in drawn if verdicts[m.identity]["verdict"] == "passed" and m.identity not in known]
        if not first:
            continue
        undisturbed = prepare(second_round=not first_round)
        # A file that gets its next mutant need not be built without one between.
        chosen = sorted(first, key=lambda m: (m.path, m.begin))
        for number, mutant in enumerate(chosen, 1):
            begin = time.monotonic()
            verdict, test = judge(mutant, undisturbed, first_round)
            verdicts[mutant.identity] = {"identity": mutant.identity, "verdict": verdict, "test": test}
            with VERDICTS.open("a") as record:
                record.write(json.dumps(verdicts[mutant.identity]) + "\n")
            took = time.monotonic() - begin
            print(f"{number}/{len(chosen)} {verdict} ({took:.0f} s) {described(mutant)} {test}", flush=True)
            if number == len(chosen) or chosen[number].path != mutant.path:
                shutil.copyfile(ROOT / mutant.path, COPY / mutant.path)
    report(everything, verdicts)


if __name__ == "__main__":
    main()
