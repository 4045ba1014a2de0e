"""The proximal fully connected layer."""

from typing import Any

import torch
from torch import Tensor

from proxprop.nn._layer import ProximalLayer
from proxprop.nn._rows import masked_linear
from proxprop.nn._shared_input import SharedInput
from proxprop.solvers import Exact, Scaling, Solver


class Linear(ProximalLayer, torch.nn.Linear):
    """`torch.nn.Linear` with a proximal parameter step: same arguments, parameters, initialisation and state_dict.

    Input ``[*, in_features]``, output ``[*, out_features]``; the leading dimensions are samples, of which
    `proxprop.row_mask` can leave some out of the step. See `ProximalLayer`.

    Parameters
    ----------
    in_features, out_features, bias, device, dtype
        As in torch.nn.
    tau_theta
        Step size of the proximal mapping (eq. 11 of the paper), positive.
    solver
        A `proxprop.Solver`; `CG` is per output unless told otherwise.
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

    def share_input(self, group: SharedInput | None) -> None:
        """Takes steps together with the layers of the group; None: by itself."""
        if group is None:
            self.__dict__.pop("_shared_input", None)
        else:
            self.__dict__["_shared_input"] = group

    def forward(self, input: Tensor) -> Tensor:
        return masked_linear(self._use, input, self.weight, self.bias)

    def _use(self, kind: str, *arguments: Any, **options: Any) -> Tensor:
        group: SharedInput | None = None if torch.compiler.is_compiling() else self.__dict__.get("_shared_input")
        if group is None or not group.takes(self):
            return super()._use(kind, *arguments, **options)
        return group.use(self, arguments[0])
