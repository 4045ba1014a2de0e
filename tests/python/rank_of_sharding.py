"""What each process of test_sharding.py runs: every way to shard a layer is refused, before or after it is proximal."""

import re
from collections.abc import Callable

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

import proxprop

REFUSED = "sharded parameters.*process_group.*DistributedDataParallel"


def refused(action: Callable[[], object]) -> None:
    try:
        action()
    except RuntimeError as error:
        assert re.search(REFUSED, str(error)), error
    else:
        raise AssertionError("was not refused")


def network() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4), nn.Tanh(), nn.Linear(4, 2)).double()


def loss(model: nn.Module, width: int = 6) -> torch.Tensor:
    return model(torch.ones(4, width, dtype=torch.double)).square().mean()


def tensor_parallel(model: nn.Module) -> nn.Module:
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    return parallelize_module(model, mesh, {"0": ColwiseParallel(), "2": RowwiseParallel()})


def kept_whole(model: nn.Module) -> nn.Module:
    """As long as the parameters are whole after backward they are no DTensors."""
    fully_shard(model)
    model.set_reshard_after_backward(False)
    return model


def of_old(model: nn.Module) -> nn.Module:
    return FullyShardedDataParallel(model, use_orig_params=True, device_id=torch.device("cpu"))


def check_convert(shard: Callable[[nn.Module], nn.Module]) -> None:
    sharded = shard(network())
    refused(lambda: proxprop.convert(sharded, process_group=dist.group.WORLD))
    assert not any(isinstance(module, proxprop.nn.ProximalLayer) for module in sharded.modules())
    converted = proxprop.convert(network(), process_group=dist.group.WORLD).model
    refused(lambda: loss(shard(converted)).backward())
    assert all(p.grad is None for p in converted.parameters())


def check_preconditioner(shard: Callable[[nn.Module], nn.Module]) -> None:
    refused(lambda: proxprop.Preconditioner(shard(network()), process_group=dist.group.WORLD))
    model = network()
    preconditioner = proxprop.Preconditioner(model, process_group=dist.group.WORLD)
    loss(shard(model)).backward()
    refused(preconditioner.step)


def check_layers() -> None:
    step = {"tau_theta": 0.5, "dtype": torch.double}
    kinds = (
        proxprop.nn.Conv2d(2, 2, 3, **step),
        proxprop.nn.MultiheadAttention(4, 2, **step),
        proxprop.nn.LayerNorm(4, **step),
        proxprop.nn.Embedding(4, 4, **step),
    )
    for layer in kinds:
        refused(lambda layer=layer: fully_shard(layer))
    attention = proxprop.nn.MultiheadAttention(4, 2, **step)
    fully_shard(attention.out_proj)
    x = torch.ones(3, 4, dtype=torch.double)
    refused(lambda: attention(x, x, x))
    linear_map = nn.Sequential(nn.Tanh(), proxprop.nn.LinearMap(nn.Linear(6, 4, dtype=torch.double)))
    fully_shard(linear_map)
    refused(lambda: loss(linear_map))
    shared = nn.Sequential(nn.ModuleDict({name: nn.Linear(4, 4) for name in ("q_proj", "k_proj")}), nn.Linear(4, 4))
    proxprop.convert(shared)
    refused(lambda: fully_shard(shared))


def check_what_is_left_out() -> None:
    """The other layers of a model of which one is sharded step as those of one process with the whole batch."""
    model, expected = network(), network()
    x = torch.randn(4, 6, dtype=torch.double, generator=torch.Generator().manual_seed(dist.get_rank()))
    every = [torch.empty_like(x) for _ in range(dist.get_world_size())]
    dist.all_gather(every, x)
    proxprop.convert(expected, 0.3, filter=lambda name, module: name == "0")
    expected(torch.cat(every)).square().mean().backward()
    fully_shard(model[2])
    proxprop.convert(model, 0.3, filter=lambda name, module: name == "0", process_group=dist.group.WORLD)
    model(x).square().mean().backward()
    found, right = model[0].weight.grad, expected[0].weight.grad
    assert (found - right).norm() <= 1e-10 * right.norm()


def main() -> None:
    dist.init_process_group("gloo")
    for shard in (fully_shard, kept_whole, tensor_parallel, of_old):
        check_convert(shard)
    for shard in (fully_shard, kept_whole, tensor_parallel):
        check_preconditioner(shard)
    check_layers()
    check_what_is_left_out()
    dist.barrier()  # none leaves while another may still need it
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
