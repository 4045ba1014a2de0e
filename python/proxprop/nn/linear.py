"""The proximal fully connected layer."""

from typing import Any

import torch
from torch import Tensor

from proxprop._ops import ops
from proxprop.nn._layer import ProximalLayer
from proxprop.solvers import Exact, Scaling, Solver


class Linear(ProximalLayer, torch.nn.Linear):
    """`torch.nn.Linear` with a proximal parameter step: same arguments, parameters, initialisation and state_dict.

    Input ``[*, in_features]``, output ``[*, out_features]``; the leading dimensions are samples. See `ProximalLayer`.

    Parameters
    ----------
    in_features, out_features, bias, device, dtype
        As in torch.nn.
    tau_theta
        Step size of the proximal mapping (eq. 11 of the paper), positive.
    solver
        `Exact()`, `CG(...)` (per output unless told otherwise) or `Gradient()`.
    scaling
        ``"sum"`` or ``"mean"``.

    Examples
    --------
    >>> layer = proxprop.nn.Linear(3072, 4000, tau_theta=0.05)
    >>> layer(torch.randn(8, 3072)).shape
    torch.Size([8, 4000])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        tau_theta: float = 1.0,
        solver: Solver = Exact(),
        scaling: Scaling = "sum",
    ) -> None:
        torch.nn.Linear.__init__(self, in_features, out_features, bias, device, dtype)
        self.set_step(tau_theta, solver, scaling)

    def forward(self, input: Tensor) -> Tensor:
        arguments = (input, self.weight, self.bias, *self._step())
        output: Tensor = (
            ops.linear(*arguments)
            if torch.compiler.is_compiling()
            else ops.tracked_linear(self._uses.tracker, *arguments)
        )
        return output
