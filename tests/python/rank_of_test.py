"""What each process of test_ranks.py runs: trains, and compares with one process that has the whole batch."""

import copy
import sys

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


class Tokens(torch.nn.Module):
    def forward(self, a: torch.Tensor) -> torch.Tensor:
        return (2 * a.flatten(1)).round().long().clamp(-4, 4) + 4


def train(model: torch.nn.Module, preconditioner: proxprop.Preconditioner | None, rank: int, size: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    share = BATCH // size
    for _ in range(STEPS):
        a = torch.randn(BATCH, 2, 5, 5, dtype=torch.float64, generator=generator)
        labels = torch.randint(0, 3, (BATCH,), generator=generator)
        own = slice(rank * share, (rank + 1) * share)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(a[own]), labels[own]).backward()
        if preconditioner is not None:
            preconditioner.step()
        optimizer.step()
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def main(way: str) -> None:
    dist.init_process_group("gloo")
    world = dist.group.WORLD
    model = transformer_ends() if way == "diagonal" else network()
    alone = copy.deepcopy(model)
    if way != "diagonal":
        proxprop.convert(alone, 0.3)
    expected = train(alone, None, 0, 1)

    preconditioner = None
    if way == "convert":
        proxprop.convert(model, 0.3, process_group=world)
    elif way == "diagonal":
        for layer in model[1:3]:
            layer.set_step(0.3, layer.scaling, world.group_name)
    else:
        preconditioner = proxprop.Preconditioner(model, tau_theta=0.3, process_group=world)
    parallel = DistributedDataParallel(model)
    result = train(parallel, preconditioner, dist.get_rank(), dist.get_world_size())
    error = (result - expected).abs().max() / expected.abs().max()
    assert error <= 1e-10, f"rank {dist.get_rank()}: relative error {error:.1e}"
    dist.barrier()  # none leaves while another may still need it
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1])
