#!/usr/bin/env python3
"""What the Python layers cost over the C++ ones: steps of the same networks, in both, by processes that take turns.

    python benchmarks/comparative/python_overhead.py PROGRAM [--case CASE] [--blocks 4] [--rounds 8] [--json FILE]

PROGRAM is `proxprop`. A block is one `proxprop bench --suite paper` process and one Python process with the same
methods in the same order, batch 500, the paper's MLP or ConvNet; a step is forward, loss and backward. Printed and
recorded: medians of each block's median milliseconds, and the median over blocks of Python's divided by C++'s. Needs
the Python package and a quiet machine.

The last line of a case is a bound that noise does not reach: the Python step of the same network with every size 1.
That is all that Python can add to a step, and much of LibTorch's own overhead.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pytorch_backprop import convnet, mlp
from torch import nn

import proxprop

CASES: dict[str, tuple[Callable[[], nn.Module], float]] = {"mlp": (mlp, 0.05), "convnet": (convnet, 1.0)}
Times = dict[str, float]


def cpp_block(program: Path, case: str, rounds: int, threads: int) -> Times:
    options = ["--suite", "paper", "--filter", case, "--rounds", rounds, "--threads", threads, "--no-memory", "--quiet"]
    command = [str(word) for word in (program, "bench", *options, "--json", "-")]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {row["method"]: row["ms_median"] for row in json.loads(output[output.index("{") :])["rows"]}


def python_block(case: str, methods: list[str], rounds: int, warmup: int = 4) -> Times:
    steps = [paper_step(case, method) for method in methods]
    times: list[list[float]] = [[] for _ in methods]
    for step in steps:
        for _ in range(warmup):
            step()
    for round in range(rounds):
        for i in range(len(steps)):  # every round starts with another method, as in the program
            turn = (i + round) % len(steps)
            start = time.perf_counter()
            steps[turn]()
            times[turn].append(1e3 * (time.perf_counter() - start))
    return {method: statistics.median(values) for method, values in zip(methods, times, strict=True)}


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
    network = smallest(CASES[case][0]())
    step = training_step(network, "exact", CASES[case][1], [(torch.rand(1, 1, 1, 1), torch.zeros(1, dtype=torch.long))])
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def paper_step(case: str, method: str) -> Callable[[], None]:
    torch.manual_seed(0)
    batches = [(torch.rand(500, 3, 32, 32), torch.randint(10, (500,))) for _ in range(4)]
    build, tau_theta = CASES[case]
    return training_step(build(), method, tau_theta, batches)


def training_step(
    model: nn.Module, method: str, tau_theta: float, batches: list[tuple[torch.Tensor, torch.Tensor]]
) -> Callable[[], None]:
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


def compare(case: str, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    cpp, python = [], []
    for _ in range(arguments.blocks):
        cpp.append(cpp_block(arguments.program, case, arguments.rounds, arguments.threads))
        block = [sys.executable, *sys.argv, "--case", case, "--methods", ",".join(cpp[-1])]
        python.append(json.loads(subprocess.run(block, check=True, capture_output=True, text=True).stdout))
    rows: list[dict[str, Any]] = []
    for method in cpp[0]:
        pairs = [(p[method], c[method]) for p, c in zip(python, cpp, strict=True)]
        ratios = sorted(p / c for p, c in pairs)
        row = {
            "case": case,
            "method": method,
            "ms_cpp": statistics.median(c for _, c in pairs),
            "ms_python": statistics.median(p for p, _ in pairs),
            "ratio_median": statistics.median(ratios),
            "ratio_least": ratios[0],
            "ratio_most": ratios[-1],
        }
        rows.append(row)
        print("{case:8} {method:9} C++ {ms_cpp:7.1f} ms  Python {ms_python:7.1f} ms".format(**row), end="  ")
        print("ratio {ratio_median:.3f}  ({ratio_least:.3f} to {ratio_most:.3f})".format(**row))
    bound = overhead(case)
    exact = next(row["ms_cpp"] for row in rows if row["method"] == "exact")
    print(f"{case:8} every size 1, exact: {bound:.3f} ms, {bound / exact:.2%} of the C++ step")
    return [*rows, {"case": case, "method": "exact, every size 1", "ms_python": bound, "ratio_most": bound / exact}]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("--case", choices=CASES, help="default: both")
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--methods", help=argparse.SUPPRESS)  # one Python block, on standard output
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.methods:
        print(json.dumps(python_block(arguments.case, arguments.methods.split(","), arguments.rounds)))
        return

    cases = [arguments.case] if arguments.case else list(CASES)
    rows = [row for case in cases for row in compare(case, arguments)]
    if arguments.json:
        record = {"torch": torch.__version__, "threads": arguments.threads, "blocks": arguments.blocks, "rows": rows}
        Path(arguments.json).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
