"""Layers whose phi* phi is (nearly) diagonal: the proximal step in closed form.

With beta = 1/tau_theta and S samples (``scaling="mean"``: sums below divided by S):

- An embedding picks rows of its weight, so phi* phi holds the number of times n_v that each row v was picked:
  V_v = (dJ/dW)_v / (beta + n_v).
- Norms scale and shift the normalized input xhat: z = xhat w + b for each feature by itself. phi* phi is a 2 x 2 block
  per feature,

      [beta + sum xhat^2    sum xhat ] [V_w]   [sum g xhat]
      [sum xhat             beta + S ] [V_b] = [sum g     ],

  and V_w = sum g xhat / (beta + sum xhat^2) where only the scale is trained.

Ranks that step together add up n_v, S and the sums of xhat, and average those with g: the step belongs to the mean of
their losses.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from proxprop._sharding import WholeParameters
from proxprop.solvers import Exact, Scaling, check_step


class DiagonalLayer(WholeParameters):
    """A layer of torch.nn whose parameters receive the exact proximal direction V in place of the gradient.

    The paper takes explicit steps of such layers; `proxprop.convert` leaves them alone. Each use is a step of its own,
    and V is not differentiable.

    Attributes
    ----------
    tau_theta
        Step size of the proximal mapping (eq. 11). May be changed between steps.
    scaling
        ``"sum"``, the paper's, or ``"mean"``.
    process_group
        Name of the process group (``group.group_name``) whose ranks take the step together, as in `proxprop.Solver`;
        ``None``: this rank alone. Batch norm takes its statistics of one rank's samples in any case.
    """

    tau_theta: float
    scaling: Scaling
    process_group: str | None

    def set_step(self, tau_theta: float, scaling: Scaling, process_group: str | None = None) -> None:
        """Sets all options of the step. Raises ValueError for invalid ones."""
        check_step(tau_theta, Exact(), scaling)
        self.tau_theta = tau_theta
        self.scaling = scaling
        self.process_group = process_group

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, tau_theta={self.tau_theta}, scaling={self.scaling}"


def sum_over_ranks(sums: Tensor, process_group: str | None) -> tuple[Tensor, int]:
    """The sums over all ranks of the group, and the number of ranks; without a group `sums` and 1."""
    if process_group is None:
        return sums, 1
    group = cast(Any, torch.distributed.distributed_c10d)._resolve_process_group(process_group)
    torch.distributed.all_reduce(sums, group=group)
    return sums, torch.distributed.get_world_size(group)


def apply(function: type[torch.autograd.Function], *arguments: Any) -> Tensor:
    """`function.apply`, for type checkers."""
    call: Callable[..., Tensor] = function.apply
    return call(*arguments)
