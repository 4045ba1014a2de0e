"""The proximal convolutions."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.conv import _ConvNd

from proxprop.nn._layer import ProximalLayer
from proxprop.solvers import Exact, Scaling, Solver

_Size = int | tuple[int, ...]


def pad_input(conv: _ConvNd, batch: Tensor) -> tuple[Tensor, list[int]]:
    """The input, and the zero padding that is left to the convolution: any other is applied here."""
    amounts = list(conv._reversed_padding_repeated_twice)  # last dimension first, as F.pad takes them
    before, after = amounts[0::2][::-1], amounts[1::2][::-1]
    if conv.padding_mode == "zeros" and before == after:
        return batch, before
    mode = "constant" if conv.padding_mode == "zeros" else conv.padding_mode
    return torch.nn.functional.pad(batch, amounts, mode=mode), [0] * len(before)


class _ProximalConv(ProximalLayer, _ConvNd):
    """What the convolutions share; the number of dimensions is that of the torch.nn class beside it."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: _Size,
        stride: _Size = 1,
        padding: _Size | str = 0,
        dilation: _Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        tau_theta: float = 1.0,
        solver: Solver = Exact(),
        scaling: Scaling = "sum",
    ) -> None:
        torch_layer: Any = super()  # its signature is that of torch.nn.Conv1d/2d/3d, not of _ConvNd
        torch_layer.__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )
        self.set_step(tau_theta, solver, scaling)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        dims = len(self.kernel_size)
        batch = input if input.dim() == dims + 2 else input.unsqueeze(0)
        batch, padding = pad_input(self, batch)
        geometry = (list(self.stride), padding, list(self.dilation), False, [0] * dims, self.groups)
        output = self._use("conv", batch, weight, bias, *geometry)
        return output if input.dim() == dims + 2 else output.squeeze(0)


class Conv1d(_ProximalConv, torch.nn.Conv1d):
    """`torch.nn.Conv1d` with a proximal parameter step; see `Conv2d`. Input ``[N, C, L]`` or ``[C, L]``."""


class Conv2d(_ProximalConv, torch.nn.Conv2d):
    """`torch.nn.Conv2d` with a proximal parameter step: same arguments, parameters, initialisation and state_dict.

    Input ``[N, C, H, W]`` or ``[C, H, W]``. A padding other than equal zeros is applied to the input first, so that it
    belongs to the layer below. See `ProximalLayer`.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        As in torch.nn.
    tau_theta
        Step size of the proximal mapping (eq. 11 of the paper), positive.
    solver
        A `proxprop.Solver`; `CG` is joint unless told otherwise.
    scaling
        ``"sum"`` or ``"mean"``.

    Examples
    --------
    >>> layer = proxprop.nn.Conv2d(3, 16, 5, padding=2, tau_theta=1.0)
    >>> layer(torch.randn(8, 3, 32, 32)).shape
    torch.Size([8, 16, 32, 32])
    """


class Conv3d(_ProximalConv, torch.nn.Conv3d):
    """`torch.nn.Conv3d` with a proximal parameter step; see `Conv2d`. Input ``[N, C, D, H, W]`` or ``[C, D, H, W]``."""
