"""What `torch.nn.parallel.DistributedDataParallel` has to average, and what not."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.futures import Future
from torch.nn import Module
from torch.nn.parallel import DistributedDataParallel

from proxprop.nn import ProximalLayer
from proxprop.nn.diagonal import DiagonalLayer
from proxprop.preconditioner import Preconditioner


def average_explicit_gradients(parallel: DistributedDataParallel, preconditioner: Preconditioner | None = None) -> None:
    """Spares DistributedDataParallel the averages that change nothing: it sends the gradients of explicit layers alone.

    Directions that ranks solved for together are the same on all of them, and a `Preconditioner` looks at no gradient
    of a layer that it steps for. The steps stay the same, and about half of what is sent is not. The hook takes the
    place of any other communication hook.

    Parameters
    ----------
    parallel
        Around a model that was converted with a `process_group`, or whose layers have one.
    preconditioner
        The one with a `process_group` that steps for the model's layers.

    Examples
    --------
    Behind ``torch.distributed.init_process_group``::

        proxprop.convert(model, tau_theta=0.05, process_group=torch.distributed.group.WORLD)
        parallel = torch.nn.parallel.DistributedDataParallel(model)
        proxprop.average_explicit_gradients(parallel)
    """
    layers: dict[int, Module | None] = {}
    if preconditioner is not None:
        layers = {id(p): None for p in preconditioner.parameters()}
    else:
        for layer in parallel.module.modules():
            if isinstance(layer, ProximalLayer | DiagonalLayer):
                layers.update((id(p), layer) for p in layer.parameters())
    parallel.register_comm_hook(_Explicit(parallel.process_group, layers), _average)


@dataclass
class _Explicit:
    group: dist.ProcessGroup
    layers: dict[int, Module | None]  # by the parameters that they step for; None: the preconditioner does

    def averages(self, parameter: Tensor) -> bool:
        layer: Any = self.layers.get(id(parameter), self)
        if layer is self:
            return True
        if isinstance(layer, ProximalLayer):
            return layer.solver.process_group is None or layer.solver.kind == "gradient"
        return layer is not None and layer.process_group is None


def _average(state: _Explicit, bucket: dist.GradBucket) -> Future[Tensor]:  # type: ignore[name-defined]
    pairs = zip(bucket.parameters(), bucket.gradients(), strict=True)
    explicit = [gradient for parameter, gradient in pairs if state.averages(parameter)]
    future: Future[Tensor] = Future()
    future.set_result(bucket.buffer())
    if not explicit:
        return future
    all_of_it = len(explicit) == len(bucket.parameters())
    values = bucket.buffer() if all_of_it else torch.cat([gradient.flatten() for gradient in explicit])
    values.div_(state.group.size())

    def put_back(_: Any) -> Tensor:
        if not all_of_it:
            parts = values.split([gradient.numel() for gradient in explicit])
            for gradient, mean in zip(explicit, parts, strict=True):
                gradient.copy_(mean.view_as(gradient))
        result: Tensor = bucket.buffer()
        return result

    done: Future[Tensor] = dist.all_reduce(values, group=state.group, async_op=True).get_future().then(put_back)
    return done
