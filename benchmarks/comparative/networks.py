#!/usr/bin/env python3
"""The baseline of `proxprop bench --suite paper`, in PyTorch itself: is torch::nn, which we compare with, as fast?

Measures forward, loss and backward of the paper's two models, batch 500, float32, as `proxprop bench` does, and prints
milliseconds per step (median, quartiles). Needs the packages of requirements-python.txt.

    python benchmarks/comparative/pytorch_backprop.py [--rounds 30] [--threads 2] [--json FILE]
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(3072, 4000),
        nn.ReLU(),
        nn.Linear(4000, 1000),
        nn.ReLU(),
        nn.Linear(1000, 4000),
        nn.ReLU(),
        nn.Linear(4000, 10),
    )


def convnet() -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs in ((3, 16), (16, 20), (20, 20)):
        layers += [nn.Conv2d(inputs, outputs, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(320, 10))


def measure(model: nn.Module, rounds: int, warmup: int = 4) -> list[float]:
    torch.manual_seed(0)
    images, labels = torch.rand(500, 3, 32, 32), torch.randint(10, (500,))
    times = []
    for _ in range(rounds + warmup):
        start = time.perf_counter()
        model.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(model(images), labels).backward()
        times.append(1e3 * (time.perf_counter() - start))
    return times[warmup:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    rows = []
    for name, build in (("mlp", mlp), ("convnet", convnet)):
        q1, median, q3 = statistics.quantiles(measure(build(), arguments.rounds), n=4)
        rows.append({"case": name, "method": "backprop (PyTorch)", "ms_median": median, "ms_q1": q1, "ms_q3": q3})
        print(f"{name:8} {median:8.2f} ms  {q1:.2f} .. {q3:.2f}")
    if arguments.json:
        record = {"torch": torch.__version__, "threads": arguments.threads, "rows": rows}
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
