"""The directions of layers from what their uses left: one solve for all uses, and for layers that share inputs."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.modules.conv import _ConvTransposeNd

from proxprop._ops import ops
from proxprop._selection import base_class
from proxprop.nn.conv import pad_input
from proxprop.solvers import Scaling, Solver, step_arguments

Directions = tuple[Tensor, Tensor]  # weight, bias; empty for one that is not trained


@dataclass(frozen=True)
class Use:
    """What one use of a layer leaves in a backward pass."""

    input: Tensor
    grad_output: Tensor
    mask: Tensor | None  # rows that count, of a fully connected layer


@dataclass(frozen=True)
class Problem:
    """The step of one layer."""

    module: Module
    uses: Sequence[Use]
    tau_theta: float
    solver: Solver
    scaling: Scaling
    tracker: Any  # what the solver keeps from step to step

    @property
    def trained(self) -> tuple[bool, ...]:
        parameters = (self.module._parameters[name] for name in ("weight", "bias"))
        return tuple(p is not None and p.requires_grad for p in parameters)

    @property
    def step(self) -> tuple[Any, ...]:
        return (*self.trained, *step_arguments(self.tau_theta, self.solver, self.scaling))


def solve(problems: Sequence[Problem]) -> Iterator[tuple[int, Directions]]:
    """The directions of each problem with its index, as they are made: no more than those of one solve exist at once.

    Raises RuntimeError for sizes that do not belong together.
    """
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for index, problem in enumerate(problems):
        groups[_shared_gram(problem) or index].append(index)
    for members in groups.values():
        together = [problems[index] for index in members]
        linear = base_class(together[0].module) is torch.nn.Linear
        yield from zip(members, _linear(together) if linear else [_conv(together[0])], strict=True)


def _shared_gram(problem: Problem) -> Hashable | None:
    """Equal for problems whose Gram matrices, and what is solved with them, are the same."""
    if base_class(problem.module) is not torch.nn.Linear or not problem.solver.joins_layers:
        return None
    options = (problem.tau_theta, problem.solver, problem.scaling, problem.trained)
    inputs = tuple((use.input.data_ptr(), use.input.shape, use.input.stride(), id(use.mask)) for use in problem.uses)
    return options, inputs


def _linear(problems: Sequence[Problem]) -> list[Directions]:
    """Outputs of a layer are independent given the Gram: those of several layers are those of one wide layer."""
    first = problems[0]
    inputs = [_rows(use.input, use.mask) for use in first.uses]
    grad_outputs = []
    for index, use in enumerate(first.uses):
        side_by_side = [problem.uses[index].grad_output for problem in problems]
        grad_outputs.append(_rows(torch.cat(side_by_side, -1) if len(problems) > 1 else side_by_side[0], use.mask))
    weight, bias = ops.linear_direction(inputs, grad_outputs, *first.step, tracker=first.tracker)
    train_weight, train_bias = first.trained
    outputs = [problem.uses[0].grad_output.size(-1) for problem in problems]
    weights = weight.split(outputs) if train_weight else [weight] * len(problems)
    biases = bias.split(outputs) if train_bias else [bias] * len(problems)
    return list(zip(weights, biases, strict=True))


def _rows(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x[mask]


def _conv(problem: Problem) -> Directions:
    conv: Any = problem.module
    dims = len(conv.kernel_size)
    batched = [
        [x if x.dim() == dims + 2 else x.unsqueeze(0) for x in (use.input, use.grad_output)] for use in problem.uses
    ]
    grad_outputs = [g for _, g in batched]
    padding: Any
    if isinstance(conv, _ConvTransposeNd):
        inputs, padding, extra = [x for x, _ in batched], conv.padding, _output_padding(conv, *batched[0])
    else:
        padded = [pad_input(conv, x) for x, _ in batched]
        inputs, padding, extra = [x for x, _ in padded], padded[0][1], [0] * dims
    transposed = isinstance(conv, _ConvTransposeNd)
    geometry = (conv.kernel_size, conv.stride, padding, conv.dilation, transposed, extra, conv.groups)
    result: Directions = ops.conv_direction(inputs, grad_outputs, *geometry, *problem.step, tracker=problem.tracker)
    return result


def _output_padding(conv: _ConvTransposeNd, input: Tensor, output: Tensor) -> list[int]:
    """What the output has beyond the smallest size: an argument of forward may have set it."""
    return [
        output.size(2 + i)
        - ((input.size(2 + i) - 1) * conv.stride[i] - 2 * int(conv.padding[i]))
        - (conv.dilation[i] * (conv.kernel_size[i] - 1) + 1)
        for i in range(len(conv.kernel_size))
    ]
