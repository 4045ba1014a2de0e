"""What each process of test_ranks.py runs: trains, and compares with one process that has the whole batch."""

import copy
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

import proxprop

STEPS, BATCH = 20, 12


def network() -> torch.nn.Sequential:
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1),
        torch.nn.Tanh(),
        torch.nn.Flatten(),
        torch.nn.Linear(4 * 5 * 5, 8),
        torch.nn.Tanh(),
        torch.nn.Linear(8, 3),
    ).double()


def transformer_ends() -> torch.nn.Sequential:
    """The layers with a closed form, in front of an explicit one; what `network` takes picks their rows."""
    torch.manual_seed(1)
    step = {"tau_theta": 0.3, "dtype": torch.float64}
    return torch.nn.Sequential(
        Tokens(),
        proxprop.nn.Embedding(9, 4, **step),
        proxprop.nn.LayerNorm(4, **step, scaling="mean"),
        torch.nn.Flatten(),
        torch.nn.Linear(4 * 50, 3, dtype=torch.float64),
    )


def noisy_network() -> torch.nn.Sequential:
    """With layers that work on the samples of one rank: batch normalization and dropout."""
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1),
        torch.nn.BatchNorm2d(4),
        torch.nn.Tanh(),
        torch.nn.Dropout(0.3),
        torch.nn.Flatten(),
        torch.nn.Linear(4 * 5 * 5, 8),
        torch.nn.BatchNorm1d(8),
        torch.nn.Tanh(),
        torch.nn.Linear(8, 3),
    ).double()


def attentive_network() -> torch.nn.Sequential:
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Flatten(2), Attention(25), torch.nn.Flatten(), torch.nn.Linear(50, 3)).double()


class Attention(torch.nn.Module):
    """Layers of one input; the first steps pass one of them by, which is then without a use."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj = (torch.nn.Linear(width, width) for _ in range(3))
        self.calls = 0

    def forward(self, a: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        k = self.k_proj(a) if self.calls > 2 else a
        return torch.nn.functional.scaled_dot_product_attention(self.q_proj(a), k, self.v_proj(a))


class Tokens(torch.nn.Module):
    def forward(self, a: torch.Tensor) -> torch.Tensor:
        return (2 * a.flatten(1)).round().long().clamp(-4, 4) + 4


def train(
    model: torch.nn.Module, preconditioner: proxprop.Preconditioner | None, parts: Sequence[slice]
) -> torch.Tensor:
    """The parameters after training on these parts of every batch, which pass through the model one after another."""
    generator = torch.Generator().manual_seed(2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    for step in range(STEPS):
        a = torch.randn(BATCH, 2, 5, 5, dtype=torch.double, generator=generator)
        labels = torch.randint(0, 3, (BATCH,), generator=generator)
        optimizer.zero_grad()
        losses = []
        for part in parts:
            torch.manual_seed(BATCH * step + part.start)  # of dropout
            losses.append(torch.nn.functional.cross_entropy(model(a[part]), labels[part]))
        torch.stack(losses).mean().backward()
        if preconditioner is not None:
            preconditioner.step()
        optimizer.step()
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@contextmanager
def counted_sums() -> Iterator[list[int]]:
    """Sizes of what Python sums over the ranks without waiting for it: not the layers with a closed form."""
    sizes, all_reduce = [], dist.all_reduce

    def counting(tensor: torch.Tensor, *arguments: Any, **options: Any) -> Any:
        if options.get("async_op"):
            sizes.append(tensor.numel())
        return all_reduce(tensor, *arguments, **options)

    dist.all_reduce = counting
    try:
        yield sizes
    finally:
        dist.all_reduce = all_reduce


def compare(way: str, kind: str, spared: bool) -> None:
    """Trains by "convert", "preconditioner" or closed forms ("diagonal"), on ranks and in this process alone."""
    world = dist.group.WORLD
    rank, size = dist.get_rank(), dist.get_world_size()
    networks = {"plain": network, "noisy": noisy_network, "attentive": attentive_network, "diagonal": transformer_ends}
    model = networks[kind]()
    alone = copy.deepcopy(model)
    if way != "diagonal":
        proxprop.convert(alone, 0.3)
    shares = [slice(r * BATCH // size, (r + 1) * BATCH // size) for r in range(size)]
    expected = train(alone, None, shares if kind == "noisy" else [slice(0, BATCH)])

    preconditioner = None
    if way == "convert":
        proxprop.convert(model, 0.3, process_group=world)
    elif way == "diagonal":
        for layer in model[1:3]:
            layer.set_step(0.3, layer.scaling, world.group_name)
    else:
        preconditioner = proxprop.Preconditioner(model, tau_theta=0.3, process_group=world)
    parallel = DistributedDataParallel(model, find_unused_parameters=kind == "attentive")
    if spared:
        proxprop.average_explicit_gradients(parallel, preconditioner)
    with counted_sums() as sums:
        result = train(parallel, preconditioner, [shares[rank]])
    if spared:  # the output layer alone is explicit
        assert sum(sums) == STEPS * sum(p.numel() for p in model[-1].parameters()), sums
    error = (result - expected).abs().max() / expected.abs().max()
    assert error <= 1e-10, f"rank {rank}: relative error {error:.1e}"


def main(way: str, kind: str, spared: str = "") -> None:
    dist.init_process_group("gloo")
    compare(way, kind, bool(spared))
    dist.barrier()  # none leaves while another may still need it
    dist.destroy_process_group()
    # Threads of a group that is still held would run into the end of the interpreter.
    names = [task.read_text().strip() for task in Path("/proc/self/task").glob("*/comm")]
    assert not any("gloo" in name for name in names), names


if __name__ == "__main__":
    main(*sys.argv[1:])
