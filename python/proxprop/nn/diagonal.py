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


def apply(function: type[torch.autograd.Function], *arguments: Any) -> Tensor:
    """`function.apply`, for type checkers."""
    call: Callable[..., Tensor] = function.apply
    return call(*arguments)
