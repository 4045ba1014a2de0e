"""How the proximal step is solved: `Exact`, `CG`, `AmortizedCholesky`, `RunningGram`, `Gradient`."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, get_args

from torch.distributed import ProcessGroup

Coupling = Literal["per_output", "joint"]
Scaling = Literal["sum", "mean"]
Route = Literal["sample_gram", "feature_gram", "matrix_free"]


@dataclass(frozen=True, kw_only=True)
class Solver(ABC):
    """A way to solve (I / tau_theta + phi* phi) V = dJ/dtheta (eq. 13 and 16 of the paper).

    A kind of solver is known to the C++ library by its name and numbers (src/torch_library/step_arguments.h).

    Parameters
    ----------
    route
        By which matrix: ``"sample_gram"`` (samples by samples), ``"feature_gram"`` (inputs by inputs) or
        ``"matrix_free"``. ``None``: the one that costs least and fits. All give the same V.
    memory_limit
        Bytes that the step may take beyond what backpropagation takes; routes that need more are left out unless all
        do. 0: half of the machine's memory.
    process_group
        Name of the process group (``group.group_name``) whose ranks take the step together: the step of one rank with
        the samples of all. ``None``: this rank alone. `proxprop.convert` and `proxprop.Preconditioner` take the group
        itself.
    """

    route: Route | None = None
    memory_limit: int = 0
    process_group: str | None = None

    kind: ClassVar[str]
    keeps_state: ClassVar[bool] = False
    """Whether a layer keeps something for it from step to step."""

    def __post_init__(self) -> None:
        if self.route not in (None, *get_args(Route)):
            raise ValueError(f"the route is one of {get_args(Route)} or None, got {self.route!r}")
        if self.memory_limit < 0:
            raise ValueError(f"memory_limit must not be negative, got {self.memory_limit}")

    @property
    def joins_layers(self) -> bool:
        """Whether layers with one input may be solved as one wide layer: outputs do not see each other."""
        return not self.keeps_state

    @abstractmethod
    def arguments(self) -> list[float]:
        """The solver's numbers, in the order that the C++ library expects."""


@dataclass(frozen=True)
class Exact(Solver):
    """The exact proximal step, by one Cholesky factorisation of the smaller Gram matrix.

    For a map that is known by itself and its adjoint only (`proxprop.nn.LinearMap`) it means conjugate gradients
    until convergence.

    `route`, `memory_limit` and `process_group` are those of every `Solver`.
    """

    kind: ClassVar[str] = "exact"

    def arguments(self) -> list[float]:
        return []

    def __str__(self) -> str:
        return "exact"


@dataclass(frozen=True)
class CG(Solver):
    """Some conjugate gradient iterations from a zero update; each iterate is a descent direction (Prop. 5).

    `route`, `memory_limit` and `process_group` are those of every `Solver`.

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
        super().__post_init__()
        if self.iterations < 1:
            raise ValueError(f"CG needs at least 1 iteration, got {self.iterations}")
        if self.tolerance is not None and not (math.isfinite(self.tolerance) and self.tolerance >= 0):
            raise ValueError(f"the tolerance of CG must be finite and not negative, got {self.tolerance}")
        if self.coupling not in (None, "per_output", "joint"):
            raise ValueError(f"the coupling of CG is 'per_output', 'joint' or None, got {self.coupling!r}")

    @property
    def joins_layers(self) -> bool:
        return self.coupling != "joint"

    def arguments(self) -> list[float]:
        coupling = {None: math.nan, "per_output": 0.0, "joint": 1.0}[self.coupling]
        return [float(self.iterations), self.tolerance or 0.0, coupling]

    def __str__(self) -> str:
        return f"cg{self.iterations}"


@dataclass(frozen=True)
class AmortizedCholesky(Solver):
    """The exact step for less where it repeats itself: this step's system, an earlier step's factor as preconditioner.

    Conjugate gradients go on until the true residual of every output is below `tolerance` times its gradient; where
    that takes more than `max_iterations` the factor is made anew. It saves where a batch has several times more rows
    than the layer has inputs, and outputs are few; elsewhere it is `Exact`. Layers keep the factor.

    `route`, `memory_limit` and `process_group` are those of every `Solver`.

    Parameters
    ----------
    tolerance
        Between 0 and 1.
    update_every
        Steps after which the factor is made anew in any case.
    max_iterations
        At least 1.

    Raises
    ------
    ValueError
        For values outside of these bounds.
    """

    tolerance: float = 1e-4
    update_every: int = 20
    max_iterations: int = 10

    kind: ClassVar[str] = "amortized"
    keeps_state: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.tolerance < 1:
            raise ValueError(f"the tolerance of AmortizedCholesky must be between 0 and 1, got {self.tolerance}")
        if min(self.update_every, self.max_iterations) < 1:
            raise ValueError("update_every and max_iterations of AmortizedCholesky must be at least 1")

    def arguments(self) -> list[float]:
        return [self.tolerance, float(self.update_every), float(self.max_iterations)]

    def __str__(self) -> str:
        return "amortized"


@dataclass(frozen=True)
class RunningGram(Solver):
    """An openly inexact step: a running average of the batches' Grams, whose inverse is renewed now and then.

    FOOF (Benzing, ICML 2022, where `decay`, `update_every` and `average_steps` are m, T and S). With ``decay=0`` and
    ``update_every=1`` it is the exact step. Layers keep the average.

    `route`, `memory_limit` and `process_group` are those of every `Solver`.

    Parameters
    ----------
    decay
        Weight of the average so far when a batch's Gram is added, at least 0 and below 1.
    update_every
        Steps from one inverse to the next, at least 1.
    average_steps
        Of the steps from one inverse to the next, the last so many add their Gram to the average; from 1 to
        `update_every`. The first step always does, and its average is its own Gram.

    Raises
    ------
    ValueError
        For values outside of these bounds.
    """

    decay: float = 0.95
    update_every: int = 1
    average_steps: int = 1

    kind: ClassVar[str] = "running_gram"
    keeps_state: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.decay < 1:
            raise ValueError(f"the decay of RunningGram must be at least 0 and below 1, got {self.decay}")
        if self.update_every < 1:
            raise ValueError(f"update_every of RunningGram must be at least 1, got {self.update_every}")
        if not 1 <= self.average_steps <= self.update_every:
            raise ValueError(
                f"average_steps of RunningGram must be from 1 to update_every = {self.update_every}, "
                f"got {self.average_steps}"
            )

    def arguments(self) -> list[float]:
        return [self.decay, float(self.update_every), float(self.average_steps)]

    def __str__(self) -> str:
        return "running Gram"


@dataclass(frozen=True)
class Gradient(Solver):
    """No proximal step: plain backpropagation, higher derivatives included."""

    kind: ClassVar[str] = "gradient"

    @property
    def joins_layers(self) -> bool:
        return False  # there is no solve

    def arguments(self) -> list[float]:
        return []

    def __str__(self) -> str:
        return "gradient"


Step = tuple[float, str, list[float], Scaling, Route | None, int, str | None]


def step_arguments(tau_theta: float, solver: Solver, scaling: Scaling) -> Step:
    """A step as the operators take it."""
    own = (tau_theta, solver.kind, solver.arguments(), scaling)
    return (*own, solver.route, solver.memory_limit, solver.process_group)


def with_group(solver: Solver, process_group: ProcessGroup | None) -> Solver:
    """The solver for ranks that step together; itself without a group."""
    if process_group is None:
        return solver
    return replace(solver, process_group=process_group.group_name)


def check_step(tau_theta: float, solver: Solver, scaling: Scaling) -> None:
    """Raises ValueError or TypeError for what is no proximal step."""
    if not (math.isfinite(tau_theta) and tau_theta > 0):
        raise ValueError(f"tau_theta must be positive and finite, got {tau_theta}")
    if not isinstance(solver, Solver):
        raise TypeError(f"solver must be a proxprop.Solver, such as Exact() or CG(3), got {solver!r}")
    if scaling not in ("sum", "mean"):
        raise ValueError(f"scaling must be 'sum' or 'mean', got {scaling!r}")
