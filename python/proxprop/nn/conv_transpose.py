"""The proximal transposed convolutions."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.conv import _ConvTransposeNd

from proxprop.nn._layer import ProximalLayer
from proxprop.solvers import Exact, Scaling, Solver

_Size = int | tuple[int, ...]


class _ProximalConvTranspose(ProximalLayer, _ConvTransposeNd):
    """What they share; the number of dimensions is that of the torch.nn class beside it."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: _Size,
        stride: _Size = 1,
        padding: _Size = 0,
        output_padding: _Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: _Size = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        tau_theta: float = 1.0,
        solver: Solver = Exact(),
        scaling: Scaling = "sum",
    ) -> None:
        torch_layer: Any = super()  # its signature is that of torch.nn.ConvTranspose1d/2d/3d, not of _ConvTransposeNd
        torch_layer.__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            output_padding,
            groups,
            bias,
            dilation,
            padding_mode,
            device,
            dtype,
        )
        self.set_step(tau_theta, solver, scaling)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        dims = len(self.kernel_size)
        layer: Any = self  # torch.nn's own method has more arguments than its stub
        output_padding = layer._output_padding(
            input, output_size, self.stride, self.padding, self.kernel_size, dims, self.dilation
        )
        batch = input if input.dim() == dims + 2 else input.unsqueeze(0)
        geometry = (list(self.stride), list(self.padding), list(self.dilation), True, list(output_padding), self.groups)
        output = self._use("conv", batch, self.weight, self.bias, *geometry)
        return output if input.dim() == dims + 2 else output.squeeze(0)


class ConvTranspose1d(_ProximalConvTranspose, torch.nn.ConvTranspose1d):
    """`torch.nn.ConvTranspose1d` with a proximal parameter step; see `ConvTranspose2d`. Input ``[N, C, L]``."""


class ConvTranspose2d(_ProximalConvTranspose, torch.nn.ConvTranspose2d):
    """`torch.nn.ConvTranspose2d` with a proximal parameter step: same arguments, parameters and state_dict.

    Input ``[N, C, H, W]`` or ``[C, H, W]``. No zero of an upsampled image is multiplied: the Gram is that of a few
    ordinary convolutions. See `ProximalLayer`.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, output_padding
        As in torch.nn.
    groups, bias, dilation, padding_mode, device, dtype
        As in torch.nn.
    tau_theta
        Step size of the proximal mapping (eq. 11 of the paper), positive.
    solver
        A `proxprop.Solver`; `CG` is joint unless told otherwise.
    scaling
        ``"sum"`` or ``"mean"``.

    Examples
    --------
    >>> layer = proxprop.nn.ConvTranspose2d(16, 3, 4, stride=2, padding=1, tau_theta=1.0)
    >>> layer(torch.randn(8, 16, 8, 8)).shape
    torch.Size([8, 3, 16, 16])
    """


class ConvTranspose3d(_ProximalConvTranspose, torch.nn.ConvTranspose3d):
    """`torch.nn.ConvTranspose3d` with a proximal parameter step; see `ConvTranspose2d`. Input ``[N, C, D, H, W]``."""
