"""The proximal step for models whose layers stay as they are: hooks, and a call before `optimizer.step()`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.amp.grad_scaler import GradScaler
from torch.nn import Module, Parameter

from proxprop._ops import ops
from proxprop._selection import Filter, base_class, select
from proxprop.nn.conv import pad_input
from proxprop.solvers import Exact, Scaling, Solver, check_step

Schedule = float | Callable[[int], float]


@dataclass
class _Layer:
    """The layers that share one weight, and what backward passes left since the last step."""

    name: str
    module: Module
    tau_theta: Schedule
    solver: Solver
    scaling: Scaling
    inputs: list[Tensor] = field(default_factory=list)
    grad_outputs: list[Tensor] = field(default_factory=list)
    backward_pass: int = -1

    @property
    def parameters(self) -> list[Parameter]:
        return list(self.module.parameters(recurse=False))

    def leave(self, input: Tensor, grad_output: Tensor) -> None:
        current = torch._C._current_graph_task_id()
        # Gradients that were set to None begin a new step: what older passes left was not meant for it.
        if current != self.backward_pass and all(p.grad is None for p in self.parameters):
            self.clear()
        self.backward_pass = current
        self.inputs.append(input)
        self.grad_outputs.append(grad_output.detach())

    def clear(self) -> None:
        self.inputs.clear()
        self.grad_outputs.clear()


class Preconditioner:
    """Replaces the gradients of a model's layers by proximal directions, between backward and the optimizer's step.

    For those who cannot swap layers (`proxprop.nn`, `proxprop.convert`): the directions are the same. All uses of a
    layer since the last step - micro-batches, reuse, tied layers - are solved as one step. The order of a training
    step is: backward (as often as there are micro-batches), unscale, `step`, clip, ``optimizer.step()``; in a closure,
    `step` follows backward. Beyond the gradients it needs the memory of each use's input and output gradient.

    Parameters
    ----------
    model
        Its fully connected and convolutional layers are watched.
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

    Raises
    ------
    ValueError
        For invalid options or an unknown key in `groups`.

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
    ) -> None:
        self.steps = 0
        self._grad_scaler = grad_scaler
        self._layers: dict[int, _Layer] = {}
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []
        defaults = {"tau_theta": tau_theta, "solver": solver, "scaling": scaling}
        options = _options_of_modules(defaults, groups)
        for candidate in select(model, filter):
            if candidate.taken:
                own = options.get(id(candidate.module), defaults)
                weight = id(candidate.own_parameters[0])
                layer = self._layers.setdefault(weight, _Layer(candidate.name, candidate.module, **own))
                check_step(_value(layer.tau_theta, 0), layer.solver, layer.scaling)
                hook = _watch(layer, candidate.module)
                self._hooks.append(candidate.module.register_forward_hook(hook, with_kwargs=True))

    @torch.no_grad()
    def step(self) -> None:
        """Puts the direction of all uses since the last step into ``.grad``, and forgets them.

        Layers that no backward pass reached keep their gradient. Raises RuntimeError where the sizes of the uses do
        not belong together.
        """
        scale = self._grad_scaler.get_scale() if self._grad_scaler is not None else 1.0
        for layer in self._layers.values():
            if layer.inputs and any(p.grad is not None for p in layer.parameters):
                _replace_gradients(layer, _value(layer.tau_theta, self.steps), scale)
            layer.clear()
        self.steps += 1

    def reset(self) -> None:
        """Forgets what backward passes left, where ``zero_grad(set_to_none=False)`` threw the gradients away."""
        for layer in self._layers.values():
            layer.clear()

    def remove(self) -> None:
        """Takes the hooks off the model."""
        for hook in self._hooks:
            hook.remove()
        self.reset()

    def state_dict(self) -> dict[str, Any]:
        """The number of steps, and for each weight by name the tau_theta that the next step uses."""
        values = {layer.name: _value(layer.tau_theta, self.steps) for layer in self._layers.values()}
        return {"steps": self.steps, "tau_theta": {f"{name}.weight".lstrip("."): v for name, v in values.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on after the saved number of steps; constant values of tau_theta are restored.

        Raises ValueError where the saved weights are not those of this model.
        """
        layers = {f"{layer.name}.weight".lstrip("."): layer for layer in self._layers.values()}
        if set(layers) != set(state["tau_theta"]):
            different = sorted(set(layers) ^ set(state["tau_theta"]))
            raise ValueError(f"the saved state is of another model or filter; weights in only one: {different}")
        self.steps = state["steps"]
        for name, value in state["tau_theta"].items():
            if not callable(layers[name].tau_theta):
                layers[name].tau_theta = value


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
    def hook(module: Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor], output: Tensor) -> None:
        # A deep copy of the model brings this hook along.
        trained = module is watched and any(p.requires_grad for p in module.parameters(recurse=False))
        if trained and output.requires_grad:
            input = (inputs[0] if inputs else named["input"]).detach()
            output.register_hook(lambda grad_output: layer.leave(input, grad_output))  # type: ignore[no-untyped-call]

    return hook


def _replace_gradients(layer: _Layer, tau_theta: float, scale: float) -> None:
    check_step(tau_theta, layer.solver, layer.scaling)
    parameters = [layer.module._parameters[name] for name in ("weight", "bias")]
    trained = [p is not None and p.requires_grad for p in parameters]
    step = (*trained, tau_theta, layer.solver.kind, layer.solver.arguments(), layer.scaling)
    if base_class(layer.module) is torch.nn.Linear:
        directions = ops.linear_direction(layer.inputs, layer.grad_outputs, *step)
    else:
        directions = _conv_directions(layer, step)
    for parameter, direction in zip(parameters, directions, strict=True):
        if parameter is not None and parameter.grad is not None and parameter.requires_grad:
            parameter.grad.copy_(direction / scale)


def _conv_directions(layer: _Layer, step: tuple[Any, ...]) -> tuple[Tensor, Tensor]:
    conv: Any = layer.module
    dims = len(conv.kernel_size)
    inputs, grad_outputs = (
        [x if x.dim() == dims + 2 else x.unsqueeze(0) for x in tensors]
        for tensors in (layer.inputs, layer.grad_outputs)
    )
    padded = [pad_input(conv, x) for x in inputs]
    geometry = (conv.kernel_size, conv.stride, padded[0][1], conv.dilation, conv.groups)
    result: tuple[Tensor, Tensor] = ops.conv_direction([x for x, _ in padded], grad_outputs, *geometry, *step)
    return result
