"""Fully connected layers that are called with one tensor: one Gram and one solve for all."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from proxprop._ops import ParameterTracker, ops
from proxprop._sharding import refuse_sharded
from proxprop.solvers import step_arguments

if TYPE_CHECKING:
    from proxprop.nn.linear import Linear


class SharedInput:
    """Layers that are expected to be called with one tensor, such as the projections to queries, keys and values.

    In backward their steps wait for one another. Those whose inputs were the same tensor are then solved as one wide
    layer, and each of the others by itself: what is expected decides only when, never what is computed.
    """

    def __init__(self, layers: Sequence["Linear"]) -> None:
        self.layers = tuple(layers)
        self.tracker: Any = ParameterTracker()

    def __getstate__(self) -> dict[str, Any]:
        return {"layers": self.layers}  # a copy has no uses in flight

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.layers = state["layers"]
        self.tracker = ParameterTracker()

    def takes(self, layer: "Linear") -> bool:
        """Whether the layer's step can join the others'."""
        step = (layer.tau_theta, layer.solver, layer.scaling)
        return layer.solver.joins_layers and all(
            (other.tau_theta, other.solver, other.scaling) == step for other in self._members()
        )

    def use(self, layer: "Linear", input: Tensor) -> Tensor:
        """One use of the layer."""
        members = self._members()
        index = next(i for i, member in enumerate(members) if member is layer)
        weights, biases = [m.weight for m in members], [m.bias for m in members]
        refuse_sharded("a proximal layer (linear)", [input, *weights, *biases])
        step = step_arguments(layer.tau_theta, layer.solver, layer.scaling)
        output: Tensor = ops.tracked_shared_linear(self.tracker, index, input, weights, biases, *step)
        return output

    def _members(self) -> list["Linear"]:
        """Without those that were reverted or put into another group since."""
        return [layer for layer in self.layers if layer.__dict__.get("_shared_input") is self]
