"""The proximal scale and shift of norms; the formula is in diagonal.py."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import batch_norm, layer_norm

from proxprop.nn.diagonal import DiagonalLayer, apply, sum_over_ranks
from proxprop.solvers import Scaling


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
    process_group
        See `proxprop.nn.diagonal.DiagonalLayer`.
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
        process_group: str | None = None,
    ) -> None:
        torch.nn.LayerNorm.__init__(self, normalized_shape, eps, elementwise_affine, bias, device, dtype)
        self.set_step(tau_theta, scaling, process_group)

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
        process_group: str | None = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype)
        self.set_step(tau_theta, scaling, process_group)

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
    process_group
        See `proxprop.nn.diagonal.DiagonalLayer`.
    """


class BatchNorm3d(_BatchNorm, torch.nn.BatchNorm3d):
    """`torch.nn.BatchNorm3d` whose scale and shift take a proximal step; see `BatchNorm2d`."""


def _scale_and_shift(layer: Any, normalized: Tensor, samples: list[int]) -> Tensor:
    if layer.weight is None:
        return normalized
    step = (1 / layer.tau_theta, layer.scaling, layer.process_group)
    return apply(_ScaleAndShift, normalized, layer.weight, layer.bias, samples, *step)


class _ScaleAndShift(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        samples: list[int],
        beta: float,
        scaling: Scaling,
        process_group: str | None,
    ) -> Tensor:
        context.save_for_backward(x, weight)
        context.samples, context.beta = samples, beta
        context.scaling, context.process_group = scaling, process_group
        # A feature dimension that is followed by positions, as in batch norm, is broadcast over them.
        context.shape = [1 if dim in samples else size for dim, size in enumerate(x.shape)]
        output = x * weight.view(context.shape)
        shifted = output if bias is None else output + bias.view(context.shape)
        # Under autocast x may be narrower than the parameters.
        return shifted if shifted.dtype == x.dtype else shifted.to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(context: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = context.saved_tensors
        train_weight, train_bias = context.needs_input_grad[1:3]
        down = g * weight.view(context.shape) if context.needs_input_grad[0] else None

        def total(values: Tensor) -> Tensor:
            return values.sum(context.samples, dtype=torch.double).view(weight.shape)

        ones = torch.full_like(weight, x.numel() / weight.numel(), dtype=torch.double)
        own = torch.stack([total(x * x), total(x), ones, total(g * x), total(g)])
        sums, ranks = sum_over_ranks(own, context.process_group)
        divisor = sums[2] if context.scaling == "mean" else 1.0
        squares, mixed, samples = sums[:3] / divisor
        of_scale, of_shift = sums[3:] / ranks
        scale, shift = context.beta + squares, context.beta + samples
        scale_step = shift_step = None
        if train_weight and train_bias:
            # The shift eliminated: what is left of the scale's equation.
            scale_step = (of_scale - mixed / shift * of_shift) / (scale - mixed * mixed / shift)
            shift_step = (of_shift - mixed * scale_step) / shift
        elif train_weight:
            scale_step = of_scale / scale
        elif train_bias:
            shift_step = of_shift / shift
        steps = (None if step is None else step.to(weight.dtype) for step in (scale_step, shift_step))
        return down, *steps, None, None, None, None
