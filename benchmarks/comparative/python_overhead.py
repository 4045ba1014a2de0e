#!/usr/bin/env python3
"""What the Python layers cost over the C++ ones: steps of the same networks, in both, that take turns in one process.

    ninja -C build/release proxprop_step_library
    python benchmarks/comparative/python_overhead.py build/release/benchmarks/libproxprop_step_library.so
        [--case CASE] [--rounds 16] [--threads 2] [--json FILE]

The library holds the steps of `proxprop bench --suite paper`: forward, loss and backward of the paper's MLP or ConvNet,
batch 500. Both languages share the process's threads and heap. Between processes the heap decides, not the language:
where glibc gives freed activations back to the kernel and fetches them again, a step of the ConvNet has some 14,000
page faults, and is a quarter slower than in a process that happens to keep them. Here all steps keep them; page faults
are recorded. Needs the Python package of the same build and a quiet machine.

A round takes one step of every method in each language; which is first alternates. Printed and recorded: medians of
milliseconds, and the median and quartiles of Python's time divided by C++'s of the same round.

The last line of a case is a bound that noise does not reach: the Python step of the same network with every size 1.
That is all that Python can add to a step, and much of LibTorch's own overhead.
"""

import argparse
import ctypes
import json
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from networks import convnet, mlp
from torch import nn

import proxprop

CASES: dict[str, tuple[Callable[[], nn.Module], float]] = {"mlp": (mlp, 1.0), "convnet": (convnet, 1.0)}
METHODS = ("backprop", "exact", "cg1", "cg3", "cg5", "cg10")
WARMUP = 4
Step = Callable[[], None]


@dataclass
class Measured:
    """A step, and what it took each time."""

    step: Step
    milliseconds: list[float] = field(default_factory=list)
    page_faults: list[int] = field(default_factory=list)

    def take(self) -> None:
        faults, start = _page_faults(), time.perf_counter()
        self.step()
        self.milliseconds.append(1e3 * (time.perf_counter() - start))
        self.page_faults.append(_page_faults() - faults)


def _page_faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def keep_freed_memory() -> None:
    """Tells glibc to give nothing back to the kernel: no trimming of the heap, no blocks of their own."""
    trim_threshold, mmap_max = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of <malloc.h>
    libc = ctypes.CDLL(None)
    if not (libc.mallopt(trim_threshold, -1) and libc.mallopt(mmap_max, 0)):
        raise SystemExit("mallopt failed: this needs glibc")


def cpp_step(library: ctypes.CDLL, case: str, method: str) -> Step:
    library.proxprop_paper_step.restype = ctypes.c_void_p
    made = library.proxprop_paper_step(case.encode(), method.encode())
    if made is None:
        raise SystemExit(f"the library has no step {method} of {case}")
    handle = ctypes.c_void_p(made)

    def step() -> None:
        if library.proxprop_take_step(handle) != 0:
            raise SystemExit(f"the step {method} of {case} failed")

    return step


def python_step(case: str, method: str) -> Step:
    torch.manual_seed(0)
    batches = [(torch.rand(500, 3, 32, 32), torch.randint(10, (500,))) for _ in range(4)]
    build, tau_theta = CASES[case]
    return training_step(build(), method, tau_theta, batches)


def training_step(
    model: nn.Module, method: str, tau_theta: float, batches: list[tuple[torch.Tensor, torch.Tensor]]
) -> Step:
    count = 0
    if method != "backprop":
        solver = proxprop.Exact() if method == "exact" else proxprop.CG(int(method.removeprefix("cg")))
        proxprop.convert(model, tau_theta, solver)

    def step() -> None:
        nonlocal count
        images, labels = batches[count % len(batches)]
        count += 1
        model.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(model(images), labels).backward()

    return step


def smallest(network: nn.Module) -> nn.Sequential:
    """The same layers, every size 1."""
    layers = []
    for layer in network.children():
        if isinstance(layer, nn.Linear):
            layer = nn.Linear(1, 1)
        elif isinstance(layer, nn.Conv2d):
            layer = nn.Conv2d(1, 1, 1)
        elif isinstance(layer, nn.MaxPool2d):
            layer = nn.MaxPool2d(1)
        layers.append(layer)
    return nn.Sequential(*layers)


def overhead(case: str, steps: int = 2000) -> float:
    """Milliseconds of an exact step with next to no arithmetic."""
    build, tau_theta = CASES[case]
    batch = [(torch.rand(1, 1, 1, 1), torch.zeros(1, dtype=torch.long))]
    measured = Measured(training_step(smallest(build()), "exact", tau_theta, batch))
    for _ in range(steps):
        measured.take()
    return statistics.median(measured.milliseconds)


def compare(library: ctypes.CDLL, case: str, rounds: int) -> list[dict[str, Any]]:
    pairs = [(Measured(cpp_step(library, case, m)), Measured(python_step(case, m))) for m in METHODS]
    for pair in pairs:
        for measured in pair:
            for _ in range(WARMUP):
                measured.step()
    for round in range(rounds):
        for i in range(len(pairs)):  # every round starts with another method and the other language
            pair = pairs[(i + round) % len(pairs)]
            for measured in pair if round % 2 == 0 else reversed(pair):
                measured.take()
    rows = [row(case, method, *pair) for method, pair in zip(METHODS, pairs, strict=True)]
    bound = overhead(case)
    exact = rows[METHODS.index("exact")]["ms_cpp"]
    print(f"{case:8} every size 1, exact: {bound:.3f} ms, {bound / exact:.2%} of the C++ step")
    return [*rows, {"case": case, "method": "exact, every size 1", "ms_python": bound, "ratio_median": bound / exact}]


def row(case: str, method: str, cpp: Measured, python: Measured) -> dict[str, Any]:
    ratios = [p / c for p, c in zip(python.milliseconds, cpp.milliseconds, strict=True)]
    q1, median, q3 = statistics.quantiles(ratios, n=4, method="inclusive")
    result = {
        "case": case,
        "method": method,
        "ms_cpp": statistics.median(cpp.milliseconds),
        "ms_python": statistics.median(python.milliseconds),
        "ratio_median": median,
        "ratio_q1": q1,
        "ratio_q3": q3,
        "page_faults_cpp": statistics.median(cpp.page_faults),
        "page_faults_python": statistics.median(python.page_faults),
    }
    print("{case:8} {method:9} C++ {ms_cpp:7.1f} ms  Python {ms_python:7.1f} ms".format(**result), end="  ")
    print("ratio {ratio_median:.3f}  ({ratio_q1:.3f} to {ratio_q3:.3f})".format(**result))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path, help="libproxprop_step_library.so")
    parser.add_argument("--case", choices=CASES, help="default: both")
    parser.add_argument("--rounds", type=int, default=16)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    library = ctypes.CDLL(str(arguments.library))

    cases = [arguments.case] if arguments.case else list(CASES)
    rows = [row for case in cases for row in compare(library, case, arguments.rounds)]
    if arguments.json:
        record = {"torch": torch.__version__, "threads": arguments.threads, "rounds": arguments.rounds, "rows": rows}
        Path(arguments.json).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
