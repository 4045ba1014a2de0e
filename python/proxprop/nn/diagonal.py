"""Layers whose phi* phi is (nearly) diagonal: the proximal step in closed form.

With beta = 1/tau_theta and S samples (``scaling="mean"``: sums below divided by S):

- An embedding picks rows of its weight, so phi* phi holds the number of times n_v that each row v was picked:
  V_v = (dJ/dW)_v / (beta + n_v).
- Norms scale and shift the normalized input xhat: z = xhat w + b for each feature by itself. phi* phi is a 2 x 2 block
  per feature,

      [beta + sum xhat^2    sum xhat ] [V_w]   [sum g xhat]
      [sum xhat             beta + S ] [V_b] = [sum g     ],

  and V_w = sum g xhat / (beta + sum xhat^2) where only the scale is trained.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import batch_norm, embedding, layer_norm

from proxprop.solvers import Exact, Scaling, check_step


class DiagonalLayer(torch.nn.Module):
    """A layer of torch.nn whose parameters receive the exact proximal direction V in place of the gradient.

    The paper takes explicit steps of such layers; `proxprop.convert` leaves them alone. Each use is a step of its own,
    and V is not differentiable.

    Attributes
    ----------
    tau_theta
        Step size of the proximal mapping (eq. 11). May be changed between steps.
    scaling
        ``"sum"``, the paper's, or ``"mean"``.
    """

    tau_theta: float
    scaling: Scaling

    def set_step(self, tau_theta: float, scaling: Scaling) -> None:
        """Sets all options of the step. Raises ValueError for invalid ones."""
        check_step(tau_theta, Exact(), scaling)
        self.tau_theta = tau_theta
        self.scaling = scaling

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, tau_theta={self.tau_theta}, scaling={self.scaling}"


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
    ) -> None:
        torch.nn.Embedding.__init__(self, num_embeddings, embedding_dim, padding_idx, device=device, dtype=dtype)
        self.set_step(tau_theta, scaling)

    def forward(self, input: Tensor) -> Tensor:
        return _apply(_PickRows, input, self.weight, self.padding_idx, 1 / self.tau_theta, self.scaling)


class LayerNorm(DiagonalLayer, torch.nn.LayerNorm):
    """`torch.nn.LayerNorm` whose scale and shift take a proximal step: same arguments and state_dict.

    Parameters
    ----------
    normalized_shape, eps, elementwise_affine, bias, device, dtype
        As in torch.nn.
    tau_theta
        Step size of the proximal mapping, positive.
    scaling
        ``"sum"`` or ``"mean"``.
    """

    def __init__(
        self,
        normalized_shape: int | list[int] | torch.Size,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        tau_theta: float = 1.0,
        scaling: Scaling = "sum",
    ) -> None:
        torch.nn.LayerNorm.__init__(self, normalized_shape, eps, elementwise_affine, bias, device, dtype)
        self.set_step(tau_theta, scaling)

    def forward(self, input: Tensor) -> Tensor:
        normalized = layer_norm(input, self.normalized_shape, None, None, self.eps)
        samples = list(range(input.dim() - len(self.normalized_shape)))
        return _scale_and_shift(self, normalized, samples)


class _BatchNorm(DiagonalLayer, torch.nn.modules.batchnorm._BatchNorm):
    """What the batch norms share; the number of dimensions is that of the torch.nn class beside it."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        tau_theta: float = 1.0,
        scaling: Scaling = "sum",
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype)
        self.set_step(tau_theta, scaling)

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)  # type: ignore[no-untyped-call]
        momentum = self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            momentum = 1.0 / float(self.num_batches_tracked) if momentum is None else momentum
        of_batch = self.training or self.running_mean is None
        # Statistics are read or updated, as in torch.nn.
        statistics = (self.running_mean, self.running_var) if not of_batch or self.track_running_stats else (None, None)
        normalized = batch_norm(input, *statistics, None, None, of_batch, momentum or 0.0, self.eps)
        return _scale_and_shift(self, normalized, [0, *range(2, input.dim())])


class BatchNorm1d(_BatchNorm, torch.nn.BatchNorm1d):
    """`torch.nn.BatchNorm1d` whose scale and shift take a proximal step; see `BatchNorm2d`."""


class BatchNorm2d(_BatchNorm, torch.nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d` whose scale and shift take a proximal step: same arguments, buffers and state_dict.

    Parameters
    ----------
    num_features, eps, momentum, affine, track_running_stats, device, dtype
        As in torch.nn.
    tau_theta
        Step size of the proximal mapping, positive.
    scaling
        ``"sum"`` or ``"mean"``.
    """


class BatchNorm3d(_BatchNorm, torch.nn.BatchNorm3d):
    """`torch.nn.BatchNorm3d` whose scale and shift take a proximal step; see `BatchNorm2d`."""


def _scale_and_shift(layer: Any, normalized: Tensor, samples: list[int]) -> Tensor:
    if layer.weight is None:
        return normalized
    return _apply(_ScaleAndShift, normalized, layer.weight, layer.bias, samples, 1 / layer.tau_theta, layer.scaling)


def _apply(function: type[torch.autograd.Function], *arguments: Any) -> Tensor:
    call: Callable[..., Tensor] = function.apply
    return call(*arguments)


class _PickRows(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, indices: Tensor, weight: Tensor, padding: int | None, beta: float, scaling: Scaling
    ) -> Tensor:
        context.save_for_backward(indices)
        context.rows, context.padding, context.beta, context.scaling = weight.size(0), padding, beta, scaling
        return embedding(indices, weight)

    @staticmethod
    @once_differentiable
    def backward(context: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        (indices,) = context.saved_tensors
        flat = indices.reshape(-1)
        dtype = torch.promote_types(g.dtype, torch.float32)
        rows = torch.zeros(context.rows, g.size(-1), dtype=dtype, device=g.device)
        rows.index_add_(0, flat, g.reshape(flat.numel(), -1).to(dtype))
        counts = torch.bincount(flat, minlength=context.rows).to(dtype)
        divisor = flat.numel() if context.scaling == "mean" else 1
        direction = (rows / (context.beta + counts / divisor)[:, None]).to(g.dtype)
        if context.padding is not None:
            direction[context.padding] = 0
        return None, direction, None, None, None


class _ScaleAndShift(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, x: Tensor, weight: Tensor, bias: Tensor | None, samples: list[int], beta: float, scaling: Scaling
    ) -> Tensor:
        context.save_for_backward(x, weight)
        context.samples, context.beta, context.scaling = samples, beta, scaling
        # A feature dimension that is followed by positions, as in batch norm, is broadcast over them.
        context.shape = [1 if dim in samples else size for dim, size in enumerate(x.shape)]
        output = x * weight.view(context.shape)
        return output if bias is None else output + bias.view(context.shape)

    @staticmethod
    @once_differentiable
    def backward(context: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = context.saved_tensors
        train_weight, train_bias = context.needs_input_grad[1:3]
        down = g * weight.view(context.shape) if context.needs_input_grad[0] else None

        def total(values: Tensor) -> Tensor:
            return values.sum(context.samples, dtype=torch.double).view(weight.shape)

        samples = x.numel() / weight.numel()
        divisor = samples if context.scaling == "mean" else 1.0
        scale = context.beta + total(x * x) / divisor
        shift = context.beta + samples / divisor
        scale_step = shift_step = None
        if train_weight and train_bias:
            mixed = total(x) / divisor
            # The shift eliminated: what is left of the scale's equation.
            scale_step = (total(g * x) - mixed / shift * total(g)) / (scale - mixed * mixed / shift)
            shift_step = (total(g) - mixed * scale_step) / shift
        elif train_weight:
            scale_step = total(g * x) / scale
        elif train_bias:
            shift_step = total(g) / shift
        steps = (None if step is None else step.to(weight.dtype) for step in (scale_step, shift_step))
        return down, *steps, None, None, None
