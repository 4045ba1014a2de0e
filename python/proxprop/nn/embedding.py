"""The proximal embedding; the formula is in diagonal.py."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import embedding

from proxprop.nn.diagonal import DiagonalLayer, apply, sum_over_ranks
from proxprop.solvers import Scaling


class Embedding(DiagonalLayer, torch.nn.Embedding):
    """`torch.nn.Embedding` with a proximal parameter step: V = gradient / (beta + n) for a row that was picked n times.

    Parameters
    ----------
    num_embeddings, embedding_dim, padding_idx, device, dtype
        As in torch.nn; its other options are not supported.
    tau_theta
        Step size of the proximal mapping, positive.
    scaling
        ``"sum"`` or ``"mean"``: n divided by the number of indices.
    process_group
        See `proxprop.nn.diagonal.DiagonalLayer`.

    Examples
    --------
    >>> layer = proxprop.nn.Embedding(10, 4, tau_theta=1.0)
    >>> layer(torch.tensor([3, 3, 7])).sum().backward()
    >>> layer.weight.grad[[3, 7], 0]  # 2 / (1 + 2) and 1 / (1 + 1)
    tensor([0.6667, 0.5000])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        tau_theta: float = 1.0,
        scaling: Scaling = "sum",
        process_group: str | None = None,
    ) -> None:
        torch.nn.Embedding.__init__(self, num_embeddings, embedding_dim, padding_idx, device=device, dtype=dtype)
        self.set_step(tau_theta, scaling, process_group)

    def forward(self, input: Tensor) -> Tensor:
        step = (1 / self.tau_theta, self.scaling, self.process_group)
        return apply(_PickRows, input, self.weight, self.padding_idx, *step)


class _PickRows(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any,
        indices: Tensor,
        weight: Tensor,
        padding: int | None,
        beta: float,
        scaling: Scaling,
        process_group: str | None,
    ) -> Tensor:
        context.save_for_backward(indices)
        context.rows, context.padding, context.beta = weight.size(0), padding, beta
        context.scaling, context.process_group = scaling, process_group
        return embedding(indices, weight)

    @staticmethod
    @once_differentiable
    def backward(context: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        (indices,) = context.saved_tensors
        flat = indices.reshape(-1)
        dtype = torch.promote_types(g.dtype, torch.float32)
        width = g.size(-1)
        sums = torch.zeros(context.rows, width + 1, dtype=dtype, device=g.device)  # of g, and how often it was picked
        sums[:, :width].index_add_(0, flat, g.reshape(flat.numel(), -1).to(dtype))
        sums[:, width].index_add_(0, flat, torch.ones_like(flat, dtype=dtype))
        sums, ranks = sum_over_ranks(sums, context.process_group)
        rows, counts = sums[:, :width] / ranks, sums[:, width:]
        divisor = counts.sum() if context.scaling == "mean" else 1
        direction = (rows / (context.beta + counts / divisor)).to(g.dtype)
        if context.padding is not None:
            direction[context.padding] = 0
        return None, direction, None, None, None, None
