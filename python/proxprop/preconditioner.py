"""The proximal step for models whose layers stay as they are: hooks, and a call before `optimizer.step()`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.amp.grad_scaler import GradScaler
from torch.distributed import ProcessGroup
from torch.nn import Module, Parameter

from proxprop._joint_solve import Problem, Use, solve
from proxprop._ops import ParameterTracker
from proxprop._selection import Filter, base_class, report_limits, select
from proxprop._sharding import refuse_sharded_module
from proxprop.nn._rows import mask_of
from proxprop.solvers import Exact, Scaling, Solver, check_step, with_group

Schedule = float | Callable[[int], float]


@dataclass
class _Layer:
    """The layers that share one weight, and what backward passes left since the last step."""

    name: str
    module: Module
    tau_theta: Schedule
    solver: Solver
    scaling: Scaling
    uses: list[Use] = field(default_factory=list)
    backward_pass: int = -1
    tracker: Any = field(default_factory=ParameterTracker)  # what the solver keeps from step to step

    @property
    def parameters(self) -> list[Parameter]:
        return list(self.module.parameters(recurse=False))

    @property
    def weight_name(self) -> str:
        return f"{self.name}.weight".lstrip(".")

    @property
    def has_gradient(self) -> bool:
        return any(p.grad is not None for p in self.parameters)

    def leave(self, use: Use) -> None:
        current = torch._C._current_graph_task_id()
        # Gradients that were set to None begin a new step: what older passes left was not meant for it.
        if current != self.backward_pass and not self.has_gradient:
            self.uses.clear()
        self.backward_pass = current
        self.uses.append(use)

    def problem(self, step: int) -> Problem:
        tau_theta = _value(self.tau_theta, step)
        check_step(tau_theta, self.solver, self.scaling)
        return Problem(self.module, tuple(self.uses), tau_theta, self.solver, self.scaling, self.tracker)


class Preconditioner:
    """Replaces the gradients of a model's layers by proximal directions, between backward and the optimizer's step.

    For those who cannot swap layers (`proxprop.nn`, `proxprop.convert`): the directions are the same. All uses of a
    layer since the last step - micro-batches, reuse, tied layers - are solved as one step. The order of a training
    step is: backward (as often as there are micro-batches), unscale, `step`, clip, ``optimizer.step()``; in a closure,
    `step` follows backward. Fully connected layers that were called with the same tensor, such as the projections to
    queries, keys and values, share its Gram matrix and one solve; `proxprop.row_mask` leaves padded positions out.
    Beyond the gradients it needs the memory of each use's input and output gradient.

    Parameters
    ----------
    model
        Its fully connected and convolutional layers, ordinary and transposed, are watched. Of other layers that hold a
        linear map, such as `torch.nn.MultiheadAttention`, which reads its projections without calling them, each is
        warned of (`proxprop.convert` can make attention proximal).
    tau_theta
        Step size of the proximal mapping (eq. 11), or a function of the number of steps taken.
    solver, scaling
        See `proxprop.nn.ProximalLayer`.
    filter
        ``filter(name, module)``; default: all but the last layer, as in `proxprop.convert`.
    groups
        Options of their own for some layers: mappings with ``"modules"`` (a sequence of modules, which cover
        their submodules) and any of ``"tau_theta"``, ``"solver"``, ``"scaling"``.
    grad_scaler
        The `torch.amp.GradScaler` of the loop, whose scale is taken out of the directions.
    process_group
        The ranks that take the steps together, as in `proxprop.convert`; every rank calls `step` after its backward.

    Raises
    ------
    ValueError
        For invalid options or an unknown key in `groups`.
    RuntimeError
        Where there are several ranks and no `process_group` (also from `step`): the mean of their directions is not the
        direction of the whole batch. Where parameters are sharded (likewise): a step needs whole layers on every rank.

    Examples
    --------
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    >>> preconditioner = proxprop.Preconditioner(model, tau_theta=0.05)
    >>> model(torch.randn(16, 8)).square().mean().backward()
    >>> preconditioner.step()
    >>> optimizer.step()
    """

    def __init__(
        self,
        model: Module,
        *,
        tau_theta: Schedule = 1.0,
        solver: Solver = Exact(),
        scaling: Scaling = "sum",
        filter: Filter | None = None,
        groups: Sequence[Mapping[str, Any]] = (),
        grad_scaler: GradScaler | None = None,
        process_group: ProcessGroup | None = None,
    ) -> None:
        self._together = process_group is not None
        self.steps = 0
        self._grad_scaler = grad_scaler
        self._layers: dict[int, _Layer] = {}
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []
        defaults = {"tau_theta": tau_theta, "solver": solver, "scaling": scaling}
        options = _options_of_modules(defaults, groups)
        candidates = select(model, filter)
        self._refuse_to_step_alone()
        for candidate in candidates:
            if candidate.taken and base_class(candidate.module) is torch.nn.MultiheadAttention:
                candidate.reason = "it reads its projections without calling them (proxprop.convert makes it proximal)"
            if candidate.taken:
                own = options.get(id(candidate.module), defaults)
                own = {**own, "solver": with_group(own["solver"], process_group)}
                weight = id(candidate.own_parameters[0])
                layer = self._layers.setdefault(weight, _Layer(candidate.name, candidate.module, **own))
                check_step(_value(layer.tau_theta, 0), layer.solver, layer.scaling)
                hook = _watch(layer, candidate.module)
                self._hooks.append(candidate.module.register_forward_hook(hook, with_kwargs=True))
        report_limits(candidates)

    @torch.no_grad()
    def step(self) -> None:
        """Puts the direction of all uses since the last step into ``.grad``, and forgets them.

        Layers that no backward pass reached keep their gradient. Raises RuntimeError where the sizes of the uses do
        not belong together.
        """
        for layer in self._layers.values():
            refuse_sharded_module(f"layer '{layer.name}'", layer.module)
        self._refuse_to_step_alone()
        scale = self._grad_scaler.get_scale() if self._grad_scaler is not None else 1.0
        stepping = [layer for layer in self._layers.values() if layer.uses and layer.has_gradient]
        for index, directions in solve([layer.problem(self.steps) for layer in stepping]):
            for name, direction in zip(("weight", "bias"), directions, strict=True):
                parameter = stepping[index].module._parameters[name]
                if parameter is not None and parameter.requires_grad and parameter.grad is not None:
                    parameter.grad.copy_(direction / scale)
        self.reset()
        self.steps += 1

    def _refuse_to_step_alone(self) -> None:
        if not self._together and _several_ranks():
            raise RuntimeError(
                "proxprop: there are several ranks: give the Preconditioner their process_group. Alone each rank would "
                "take the direction of its own samples, and neither those nor their mean are that of the whole batch"
            )

    def parameters(self) -> list[Parameter]:
        """Those that `step` gives a direction."""
        return [parameter for layer in self._layers.values() for parameter in layer.parameters]

    def reset(self) -> None:
        """Forgets what backward passes left, where ``zero_grad(set_to_none=False)`` threw the gradients away."""
        for layer in self._layers.values():
            layer.uses.clear()

    def remove(self) -> None:
        """Takes the hooks off the model."""
        for hook in self._hooks:
            hook.remove()
        self.reset()

    def state_dict(self) -> dict[str, Any]:
        """The number of steps, and for each weight by name the tau_theta of the next step and what the solver keeps."""
        layers = {layer.weight_name: layer for layer in self._layers.values()}
        return {
            "steps": self.steps,
            "tau_theta": {name: _value(layer.tau_theta, self.steps) for name, layer in layers.items()},
            "solver": {name: layer.tracker.solver_state() for name, layer in layers.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on after the saved number of steps; constant values of tau_theta are restored.

        Raises ValueError where the saved weights are not those of this model.
        """
        layers = {layer.weight_name: layer for layer in self._layers.values()}
        if set(layers) != set(state["tau_theta"]):
            different = sorted(set(layers) ^ set(state["tau_theta"]))
            raise ValueError(f"the saved state is of another model or filter; weights in only one: {different}")
        self.steps = state["steps"]
        for name, layer in layers.items():
            layer.tracker.load_solver_state(state["solver"][name])
            if not callable(layer.tau_theta):
                layer.tau_theta = state["tau_theta"][name]


def _several_ranks() -> bool:
    """Whether this process is one of several in the default process group."""
    distributed = torch.distributed
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def _options_of_modules(defaults: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]) -> dict[int, dict[str, Any]]:
    options: dict[int, dict[str, Any]] = {}
    for group in groups:
        unknown = set(group) - {"modules", *defaults}
        if unknown or "modules" not in group:
            raise ValueError(f"a group has 'modules' and any of {sorted(defaults)}, got {sorted(group)}")
        own = {**defaults, **{key: group[key] for key in group if key != "modules"}}
        options.update((id(module), own) for top in group["modules"] for module in top.modules())
    return options


def _value(schedule: Schedule, step: int) -> float:
    return schedule(step) if callable(schedule) else schedule


def _watch(layer: _Layer, watched: Module) -> Callable[[Module, tuple[Tensor, ...], dict[str, Tensor], Tensor], None]:
    linear = base_class(watched) is torch.nn.Linear

    def hook(module: Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor], output: Tensor) -> None:
        # A deep copy of the model brings this hook along.
        trained = module is watched and any(p.requires_grad for p in module.parameters(recurse=False))
        if trained and output.requires_grad:
            input = (inputs[0] if inputs else named["input"]).detach()
            mask = mask_of(input) if linear else None
            output.register_hook(  # type: ignore[no-untyped-call]
                lambda grad_output: layer.leave(Use(input, grad_output.detach(), mask))
            )

    return hook
