#!/usr/bin/env python3
"""Bytes and seconds of a training step on several ranks of this machine, beside backpropagation's and the model's.

    python scripts/measure_ranks.py [--ranks 4,8] [--batch 500] [--steps 4] [--methods backprop,exact,cg3]
        [--flops F --latency S --bandwidth B] [--wire] [--json FILE]

The paper's fully connected network (3072-4000-1000-4000-10) on generated images, `--batch` of them over all ranks, by
`python -m proxprop train` under torchrun with Gloo. For each number of ranks and method:

- `MB`: what a rank sends per step by the library's own count (`bytes_per_step` of the run's record), and `ratio`, that
  over what averaging all gradients takes, as DistributedDataParallel does (`gradient_bytes_per_step`);
- `wire MB` with --wire: bytes that the loopback device carried per step and rank, headers and acknowledgements
  included, by the kernel's count: of a run with all steps, less that of a run with one. Nothing else may use the
  device: start the script in a network of its own,
  `unshare -rn sh -c 'ip link set lo up; exec python scripts/measure_ranks.py --wire'`;
- `ms`: the median step after the first;
- `model MB` and `model ms` with the cluster's numbers, as scripts/calibrate_network.py prints them: what
  `proxprop scaling` says of that step.

Needs the Python package with the program. Seconds mean something where ranks have a core each and nothing else runs.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

MB = 1e6


def program(ranks: int, *words: str) -> str:
    """What `python -m proxprop` prints, run as one rank of several."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"] if ranks > 1 else []
    command = [sys.executable, *launcher, "-m", "proxprop", *words]
    environment = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"} | os.environ | {"GLOO_SOCKET_IFNAME": "lo"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{run.stderr}")
    return run.stdout


def loopback_bytes() -> int:
    """Bytes that the loopback device has carried."""
    lines = Path("/proc/net/dev").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.lstrip().startswith("lo:"))


def train(ranks: int, method: str, batch: int, steps: int) -> tuple[dict, list[float], int]:
    """One run: its end, the seconds of its steps, and what the loopback device carried."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["train", "-q", "--json", "--data", "synthetic", "--method", method, "--out", f"{folder}/run"]
        words += ["--train-size", str(batch * steps), "--validation-size", "0", "--batch-size", str(batch)]
        words += ["--epochs", "1"]
        before = loopback_bytes()
        end = json.loads(program(ranks, *words))
        carried = loopback_bytes() - before
        events = [json.loads(line) for line in Path(f"{folder}/run/metrics.jsonl").read_text().splitlines()]
    seconds = [event["seconds"] for event in events if event["event"] == "step"]
    return end, [b - a for a, b in itertools.pairwise(seconds)], carried


def modelled(ranks: int, batch: int, cluster: list[str]) -> dict[str, dict]:
    """The rows of `proxprop scaling` by method."""
    words = ["scaling", "--network", "mlp", "--ranks", str(ranks), "--samples", str(batch // ranks), "--json", *cluster]
    return {row["method"]: row for row in json.loads(program(1, *words))["rows"]}


def measure(ranks: int, method: str, arguments: argparse.Namespace, cluster: list[str]) -> dict:
    """One row of the table."""
    end, seconds, carried = train(ranks, method, arguments.batch, arguments.steps)
    row = {
        "ranks": ranks,
        "method": method,
        "bytes_per_step": end["bytes_per_step"],
        "gradient_bytes_per_step": end["gradient_bytes_per_step"],
        "ratio": end["bytes_per_step"] / end["gradient_bytes_per_step"],
        "seconds": statistics.median(seconds),
    }
    if arguments.wire:
        less = train(ranks, method, arguments.batch, 1)[2]
        row["wire_bytes_per_step"] = (carried - less) / (arguments.steps - 1) / ranks
    if cluster:
        model = modelled(ranks, arguments.batch, cluster)[method]
        row |= {"model_bytes_per_step": model["bytes_sent"], "model_seconds": model["seconds"]}
    return row


def main() -> None:
    """Measures and prints the table, and writes the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", default="4,8")
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--methods", default="backprop,exact,cg3")
    for number in ("flops", "latency", "bandwidth"):
        parser.add_argument(f"--{number}", help="of `proxprop scaling`")
    parser.add_argument("--wire", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.steps < 2:
        parser.error("the first step is not measured: --steps is at least 2")
    numbers = {name: getattr(arguments, name) for name in ("flops", "latency", "bandwidth")}
    if any(numbers.values()) and not all(numbers.values()):
        parser.error("the model needs --flops, --latency and --bandwidth")
    cluster = [word for name, value in numbers.items() if value for word in (f"--{name}", value)]
    columns = {"MB": "bytes_per_step", "wire MB": "wire_bytes_per_step", "model MB": "model_bytes_per_step"}
    columns |= {"ratio": "ratio", "ms": "seconds", "model ms": "model_seconds"}
    units = {"MB": MB, "ms": 1e-3}
    rows = []
    for ranks in map(int, arguments.ranks.split(",")):
        for method in arguments.methods.split(","):
            row = measure(ranks, method, arguments, cluster)
            shown = {title: key for title, key in columns.items() if key in row}
            if not rows:
                print(f"{'ranks':>5}  {'method':10}" + "".join(f"{title:>10}" for title in shown))
            rows.append(row)
            cells = [f"{row[key] / units.get(title.split()[-1], 1):10.2f}" for title, key in shown.items()]
            print(f"{ranks:5}  {method:10}" + "".join(cells), flush=True)
    if arguments.json:
        record = {"batch": arguments.batch, "steps": arguments.steps, "cores": os.cpu_count(), **numbers, "rows": rows}
        arguments.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
