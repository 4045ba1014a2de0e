"""Parameters of which a rank has only a part: no proximal step.

V of a layer is solved for from all its inputs; a rank that has a slice of the weight, or of the inputs (tensor
parallel), or whose gradients are summed by someone else afterwards (FSDP), would compute another direction.
"""

import sys
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module


def is_sharded(value: Any) -> bool:
    """Whether the value is a DTensor, or a view into the flat parameter of FullyShardedDataParallel."""
    if not isinstance(value, Tensor):
        return False
    # Who has not imported these (a second's work) has none of their tensors.
    tensors, fsdp = sys.modules.get("torch.distributed.tensor"), sys.modules.get("torch.distributed.fsdp")
    if tensors is not None and isinstance(value, tensors.DTensor):
        return True
    flat = None if fsdp is None else sys.modules.get("torch.distributed.fsdp._flat_param")
    return flat is not None and isinstance(value._base, flat.FlatParameter)


def is_wrapper(module: Module) -> bool:
    """Whether the module is FullyShardedDataParallel, inside of which layers may have no parameters at all."""
    fsdp = sys.modules.get("torch.distributed.fsdp")
    return fsdp is not None and isinstance(module, fsdp.FullyShardedDataParallel)


def is_managed(module: Module) -> bool:
    """Whether fully_shard has the module's own parameters, which are whole while a forward pass lasts."""
    states = sys.modules.get("torch.distributed._composable_state")
    if states is None:
        return False
    for state in states._module_state_mapping.values():
        group = getattr(state(), "_fsdp_param_group", None)
        for parameter in [] if group is None else group.fsdp_params:
            info = parameter._module_info
            if any(owner is module for owner in (info.module, *info.shared_modules)):
                return True
    return False


def refuse_sharded(where: str, values: Iterable[Any]) -> None:
    """Raises RuntimeError where one of the values is sharded."""
    if any(is_sharded(value) for value in values):
        refuse(where)


def refuse_sharded_module(name: str, module: Module) -> None:
    """Raises RuntimeError where the module's own parameters are sharded, or are whole for now only."""
    refuse_sharded(name, module._parameters.values())
    if is_managed(module):
        refuse(name)


def refuse(where: str) -> None:
    """Raises RuntimeError, with what to do instead."""
    raise RuntimeError(
        f"proxprop: {where} has sharded parameters (fully_shard, FullyShardedDataParallel, parallelize_module), but a "
        "proximal step needs the whole layer on every rank. Give convert or the Preconditioner the process_group and "
        "wrap the model in DistributedDataParallel; or leave this layer out, by their filter or of the sharding "
        "(ignored_params of fully_shard)"
    )


class WholeParameters(torch.nn.Module):
    """A layer that refuses to be sharded, when that is tried."""

    def __setattr__(self, name: str, value: Any) -> None:
        refuse_sharded(type(self).__name__, [value])
        super().__setattr__(name, value)

    def register_parameter(self, name: str, param: torch.nn.Parameter | None) -> None:
        refuse_sharded(type(self).__name__, [param])
        super().register_parameter(name, param)
