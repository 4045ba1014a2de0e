"""What every proximal layer has beside its torch.nn face."""

from typing import Any

import torch
from torch import Tensor

from proxprop._ops import ParameterTracker, ops
from proxprop._sharding import WholeParameters, refuse_sharded
from proxprop.solvers import Scaling, Solver, check_step, step_arguments


class Uses:
    """The uses of a layer, or of layers that share all their parameters, which one step joins.

    A copy or a pickle holds what the solver keeps and no uses in flight; two layers that share theirs still do.
    """

    def __init__(self) -> None:
        self.tracker: Any = ParameterTracker()

    def __reduce__(self) -> tuple[type["Uses"], tuple[()], list[Tensor]]:
        return Uses, (), self.tracker.solver_state()

    def __setstate__(self, solver_state: list[Tensor]) -> None:
        self.tracker.load_solver_state(solver_state)


class ProximalLayer(WholeParameters):
    """A layer whose parameters receive the proximal direction V in place of the gradient.

    In backward the layer hands dJ/da with the current parameters to the layer below (Algorithm 2 of the paper), and V
    (Prop. 2) to the ``.grad`` of its parameters. A layer that is used several times before one backward pass takes
    one step for all its uses; separate backward passes take separate steps, which autograd adds up. V itself is not
    differentiable: ``backward(create_graph=True)`` raises.

    Its parameters have to be whole on every rank: sharding them raises RuntimeError.

    In a region of `torch.compile` a layer may be used once per backward pass; a second use raises in backward.

    Attributes
    ----------
    tau_theta
        Step size of the proximal mapping (eq. 11). May be changed between steps, as may the others.
    solver
        `proxprop.Exact`, `proxprop.CG`, `proxprop.AmortizedCholesky`, `proxprop.RunningGram` or `proxprop.Gradient`.
    scaling
        ``"sum"``, the paper's, or ``"mean"``: the Gram matrix divided by the number of samples.
    """

    tau_theta: float
    solver: Solver
    scaling: Scaling
    _uses: Uses

    def set_step(self, tau_theta: float, solver: Solver, scaling: Scaling) -> None:
        """Sets all options of the step. Raises ValueError or TypeError for invalid ones."""
        check_step(tau_theta, solver, scaling)
        self.tau_theta = tau_theta
        self.solver = solver
        self.scaling = scaling
        if "_uses" not in self.__dict__:
            self._uses = Uses()

    def share_uses(self, other: "ProximalLayer") -> None:
        """Takes one step with `other`, a layer that has the same parameters."""
        self._uses = other._uses

    def extra_repr(self) -> str:
        own = f"tau_theta={self.tau_theta}, solver={self.solver}, scaling={self.scaling}"
        return f"{inherited}, {own}" if (inherited := super().extra_repr()) else own

    def solver_state(self) -> list[Tensor]:
        """What a solver that keeps something from step to step goes on from; empty for the others.

        For a checkpoint, beside ``state_dict``, which holds what torch.nn's layer has.
        """
        state: list[Tensor] = self._uses.tracker.solver_state()
        return state

    def load_solver_state(self, state: list[Tensor]) -> None:
        """Goes on from what `solver_state` gave. Raises RuntimeError for anything else."""
        self._uses.tracker.load_solver_state(state)

    def _use(self, kind: str, *arguments: Any, **options: Any) -> Tensor:
        """One use of the layer, by the operator of this kind."""
        return use(self._uses, kind, *arguments, *step_arguments(self.tau_theta, self.solver, self.scaling), **options)


def use(uses: Uses, kind: str, *arguments: Any, **options: Any) -> Tensor:
    """One use by the operator ``kind``: traced by torch.compile as a step of its own, else joined with the others."""
    output: Tensor
    if torch.compiler.is_compiling():
        output = getattr(ops, kind)(*arguments, **options)
    else:
        refuse_sharded(f"a proximal layer ({kind})", arguments)
        output = getattr(ops, f"tracked_{kind}")(uses.tracker, *arguments, **options)
    return output
