"""Any linear module, made proximal."""

import itertools
from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from proxprop._sharding import refuse_sharded_module
from proxprop.nn._layer import ProximalLayer
from proxprop.solvers import CG, Scaling, Solver


class LinearMap(ProximalLayer):
    """A proximal layer of any module whose output is linear in its parameters.

    The step is solved by conjugate gradients with the module and its adjoint, which comes from autograd. The module
    keeps its own buffers and submodules; its parameters are those of the layer, under ``module.``.

    Parameters
    ----------
    module
        One tensor in, one tensor out, linear in all its parameters together (a bias counts).
    tau_theta, solver, scaling
        See `ProximalLayer`. `Exact()` means conjugate gradients until convergence.

    Raises
    ------
    ValueError
        For a module without parameters.

    Examples
    --------
    >>> class Scale(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.weight = torch.nn.Parameter(torch.ones(8))
    ...
    ...     def forward(self, x):
    ...         return self.weight * x
    >>> layer = proxprop.nn.LinearMap(Scale(), tau_theta=0.5)
    >>> layer.linearity_error(torch.randn(2, 8)) < 1e-5
    True
    """

    def __init__(
        self,
        module: torch.nn.Module,
        *,
        tau_theta: float = 1.0,
        solver: Solver = CG(),
        scaling: Scaling = "sum",
    ) -> None:
        super().__init__()
        if next(module.parameters(), None) is None:
            raise ValueError(f"LinearMap needs a module with parameters, got {type(module).__name__}")
        self.module = module
        self.set_step(tau_theta, solver, scaling)

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def forward(self, input: Tensor) -> Tensor:
        for name, module in self.module.named_modules():
            refuse_sharded_module(f"a LinearMap's '{name}'", module)
        return self._use("map", _number_of(self), input, list(self.module.parameters()))

    def linearity_error(self, input: Tensor) -> float:
        """``|phi(x + y) - phi(x) - phi(y)| / |phi(x + y)|`` for random x and y: round-off for a linear map.

        Parameters
        ----------
        input
            Any input of the module.
        """
        with torch.no_grad():
            x, y = ([torch.randn_like(p) for p in self.module.parameters()] for _ in range(2))
            of_sum = self._apply_map([a + b for a, b in zip(x, y, strict=True)], input)
            sum_of = self._apply_map(x, input) + self._apply_map(y, input)
            scale = of_sum.norm().clamp_min(torch.finfo(of_sum.dtype).tiny)
            return float((of_sum - sum_of).norm() / scale)

    def _apply_map(self, theta: Sequence[Tensor], input: Tensor) -> Tensor:
        names = (name for name, _ in self.module.named_parameters())
        output: Tensor = torch.func.functional_call(self.module, dict(zip(names, theta, strict=True)), (input,))
        return output

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state.pop("_number", None)
        return state


# The C++ library calls a map back by its number, through the operator proxprop::call_map.
_maps: WeakValueDictionary[int, LinearMap] = WeakValueDictionary()
_numbers = itertools.count()


def _number_of(layer: LinearMap) -> int:
    number: int | None = layer.__dict__.get("_number")
    if number is None:
        number = next(_numbers)
        layer.__dict__["_number"] = number
        _maps[number] = layer
    return number


def _call_map(number: int, theta: Sequence[Tensor], input: Tensor) -> Tensor:
    layer = _maps.get(number)
    if layer is None:
        raise RuntimeError("proxprop: a LinearMap was deleted before the backward pass through it")
    return layer._apply_map(theta, input)


_library: Any = torch.library.Library("proxprop", "IMPL")  # type: ignore[no-untyped-call]
_library.impl("call_map", _call_map, "CompositeImplicitAutograd")
