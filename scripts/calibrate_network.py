#!/usr/bin/env python3
"""What `proxprop scaling` needs to know of a cluster: --flops, --latency and --bandwidth, measured.

    torchrun --nproc-per-node=2 scripts/calibrate_network.py [--backend gloo] [--repeats 20] [--json FILE]

(or as a launcher on several machines starts it). Sums and gathers of tensors from 8 bytes to 64 MB are timed, and the
scaling model fitted to them: over R ranks a sum of b bytes takes 2 log2 R messages and 2 (R - 1) / R b bytes of a
rank's bandwidth, a gather of b bytes from each rank log2 R messages and (R - 1) b bytes. The fit is by relative errors,
which are printed: where a size's is large, the model does not describe this network there. Operations are those of
float32 products of 1,024 x 1,024 matrices, by all ranks at once, with the threads that a rank has. Times are medians.
Needs torch alone, and a machine that does nothing else.
"""

import argparse
import json
import math
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist

SIZES = [8 * 8**power for power in range(8)] + [64 << 20]
PRODUCT = 1024


def seconds(action: Callable[[], object], repeats: int) -> float:
    """Median over the repeats of the slowest rank's time, in seconds."""
    times = []
    for _ in range(repeats + 2):
        dist.barrier()
        start = time.perf_counter()
        action()
        own = torch.tensor(time.perf_counter() - start, dtype=torch.double)
        dist.all_reduce(own, op=dist.ReduceOp.MAX)
        times.append(own.item())
    return statistics.median(times[2:])


def collectives(repeats: int) -> list[dict]:
    """Seconds of each collective and size, with the messages and bytes that the model counts for it."""
    ranks = dist.get_world_size()
    rounds = math.ceil(math.log2(ranks))
    rows = []
    for size in SIZES:
        tensor = torch.ones(size // 8, dtype=torch.double)
        few = repeats if size < 1 << 20 else max(repeats // 4, 3)
        sum_time = seconds(lambda tensor=tensor: dist.all_reduce(tensor), few)
        rows.append(
            {
                "collective": "sum",
                "bytes": size,
                "messages": 2 * rounds,
                "sent": 2 * (ranks - 1) / ranks * size,
                "seconds": sum_time,
            }
        )
        if size * ranks > SIZES[-1]:
            continue
        parts = [torch.empty_like(tensor) for _ in range(ranks)]
        gather_time = seconds(lambda tensor=tensor, parts=parts: dist.all_gather(parts, tensor), few)
        rows.append(
            {
                "collective": "gather",
                "bytes": size,
                "messages": rounds,
                "sent": (ranks - 1) * size,
                "seconds": gather_time,
            }
        )
    return rows


def fit(rows: list[dict]) -> tuple[float, float]:
    """Latency and bandwidth with the least sum of squared relative errors."""
    times = torch.tensor([row["seconds"] for row in rows], dtype=torch.double)
    counts = torch.tensor([[row["messages"], row["sent"]] for row in rows], dtype=torch.double)
    relative = counts / times[:, None] / torch.tensor([1.0, 1e9])  # so that both columns are of one order
    ones = torch.ones(len(rows), 1, dtype=torch.double)
    latency, per_gigabyte = torch.linalg.lstsq(relative, ones).solution.flatten().tolist()
    if latency < 0:
        latency, per_gigabyte = 0.0, torch.linalg.lstsq(relative[:, 1:], ones).solution.item()
    return latency, 1e9 / per_gigabyte


def flops(repeats: int) -> float:
    """Float32 operations per second of a rank while all work."""
    x = torch.randn(PRODUCT, PRODUCT)
    return 2 * PRODUCT**3 / seconds(lambda: x @ x, repeats)


def main() -> None:
    """Measures, prints the table and the flags, and writes the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="gloo")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    dist.init_process_group(arguments.backend)
    ranks, rank = dist.get_world_size(), dist.get_rank()
    if ranks < 2:
        parser.error("there is one rank: start it by torchrun --nproc-per-node=2")
    rate = flops(arguments.repeats)
    rows = collectives(arguments.repeats)
    latency, bandwidth = fit(rows)
    for row in rows:
        row["model_seconds"] = row["messages"] * latency + row["sent"] / bandwidth
    if rank == 0:
        print(f"{'':8}{'bytes':>10}  {'measured ms':>12}  {'model ms':>12}  {'ratio':>6}")
        for row in rows:
            ratio = row["model_seconds"] / row["seconds"]
            measured, model = 1e3 * row["seconds"], 1e3 * row["model_seconds"]
            print(f"{row['collective']:8}{row['bytes']:>10}  {measured:12.4f}  {model:12.4f}  {ratio:6.2f}")
        print(f"{ranks} ranks, {arguments.backend}, {torch.get_num_threads()} threads each of {os.cpu_count()}")
        print(f"--flops {rate:.3g} --latency {latency:.3g} --bandwidth {bandwidth:.3g}")
        if arguments.json:
            record = {
                "ranks": ranks,
                "backend": arguments.backend,
                "threads": torch.get_num_threads(),
                "torch": torch.__version__,
                "flops": rate,
                "latency": latency,
                "bandwidth": bandwidth,
                "rows": rows,
            }
            arguments.json.write_text(json.dumps(record, indent=2) + "\n")
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
