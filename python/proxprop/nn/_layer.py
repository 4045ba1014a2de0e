"""What every proximal layer has beside its torch.nn face."""

import torch

from proxprop._ops import ParameterTracker
from proxprop.solvers import Scaling, Solver, check_step


class Uses:
    """The uses of a layer, or of layers that share all their parameters, which one step joins.

    A copy or a pickle holds no uses in flight, but two layers that share theirs still do.
    """

    def __init__(self) -> None:
        self.tracker = ParameterTracker()

    def __reduce__(self) -> tuple[type["Uses"], tuple[()]]:
        return Uses, ()


class ProximalLayer(torch.nn.Module):
    """A layer whose parameters receive the proximal direction V in place of the gradient.

    In backward the layer hands dJ/da with the current parameters to the layer below (Algorithm 2 of the paper), and V
    (Prop. 2) to the ``.grad`` of its parameters. A layer that is used several times before one backward pass takes
    one step for all its uses; separate backward passes take separate steps, which autograd adds up. V itself is not
    differentiable: ``backward(create_graph=True)`` raises.

    In a region of `torch.compile` a layer may be used once per backward pass; a second use raises in backward.

    Attributes
    ----------
    tau_theta
        Step size of the proximal mapping (eq. 11). May be changed between steps, as may the others.
    solver
        `proxprop.Exact()`, `proxprop.CG(...)` or `proxprop.Gradient()`.
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

    def extra_repr(self) -> str:
        own = f"tau_theta={self.tau_theta}, solver={self.solver}, scaling={self.scaling}"
        return f"{inherited}, {own}" if (inherited := super().extra_repr()) else own

    def _step(self) -> tuple[float, str, list[float], Scaling]:
        """The step as the operators take it."""
        return self.tau_theta, self.solver.kind, self.solver.arguments(), self.scaling
