"""How the proximal step is solved: `Exact`, `CG`, `Gradient`."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

Coupling = Literal["per_output", "joint"]
Scaling = Literal["sum", "mean"]


class Solver(ABC):
    """A way to solve (I / tau_theta + phi* phi) V = dJ/dtheta (eq. 13 and 16 of the paper).

    A kind of solver is known to the C++ library by its name and numbers (src/torch_library/step_arguments.h).
    """

    kind: ClassVar[str]

    @abstractmethod
    def arguments(self) -> list[float]:
        """The solver's numbers, in the order that the C++ library expects."""


@dataclass(frozen=True)
class Exact(Solver):
    """The exact proximal step, by one Cholesky factorisation of the smaller Gram matrix.

    For a map that is known by itself and its adjoint only (`proxprop.nn.LinearMap`) it means conjugate gradients
    until convergence.
    """

    kind: ClassVar[str] = "exact"

    def arguments(self) -> list[float]:
        return []

    def __str__(self) -> str:
        return "exact"


@dataclass(frozen=True)
class CG(Solver):
    """Some conjugate gradient iterations from a zero update; each iterate is a descent direction (Prop. 5).

    Parameters
    ----------
    iterations
        At least 1; the paper's "cg3" is 3. More come closer to `Exact`.
    tolerance
        A system whose residual is below `tolerance` times its right-hand side takes no further iterations.
        ``None``: all iterations are taken.
    coupling
        ``"per_output"``: an independent system per output. ``"joint"``: one system for all parameters of the layer.
        ``None``: per output for linear layers, joint for convolutions, as in the paper.

    Raises
    ------
    ValueError
        For fewer than 1 iteration, a negative or infinite tolerance, an unknown coupling.
    """

    iterations: int = 3
    tolerance: float | None = None
    coupling: Coupling | None = None

    kind: ClassVar[str] = "cg"

    def __post_init__(self) -> None:
        if self.iterations < 1:
            raise ValueError(f"CG needs at least 1 iteration, got {self.iterations}")
        if self.tolerance is not None and not (math.isfinite(self.tolerance) and self.tolerance >= 0):
            raise ValueError(f"the tolerance of CG must be finite and not negative, got {self.tolerance}")
        if self.coupling not in (None, "per_output", "joint"):
            raise ValueError(f"the coupling of CG is 'per_output', 'joint' or None, got {self.coupling!r}")

    def arguments(self) -> list[float]:
        coupling = {None: math.nan, "per_output": 0.0, "joint": 1.0}[self.coupling]
        return [float(self.iterations), self.tolerance or 0.0, coupling]

    def __str__(self) -> str:
        return f"cg{self.iterations}"


@dataclass(frozen=True)
class Gradient(Solver):
    """No proximal step: plain backpropagation, higher derivatives included."""

    kind: ClassVar[str] = "gradient"

    def arguments(self) -> list[float]:
        return []

    def __str__(self) -> str:
        return "gradient"


def check_step(tau_theta: float, solver: Solver, scaling: Scaling) -> None:
    """Raises ValueError or TypeError for what is no proximal step."""
    if not (math.isfinite(tau_theta) and tau_theta > 0):
        raise ValueError(f"tau_theta must be positive and finite, got {tau_theta}")
    if not isinstance(solver, Solver):
        raise TypeError(f"solver must be Exact(), CG(...) or Gradient(), got {solver!r}")
    if scaling not in ("sum", "mean"):
        raise ValueError(f"scaling must be 'sum' or 'mean', got {scaling!r}")
