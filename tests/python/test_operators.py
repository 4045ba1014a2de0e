"""The operators themselves: schema, autograd registration, fake tensors, tracing with dynamic shapes."""

import pytest
import torch

import proxprop  # registers torch.ops.proxprop

STEPS = [(0.5, "exact", [], "sum"), (0.5, "cg", [2.0, 0.0, float("nan")], "mean"), (0.5, "gradient", [], "sum")]
GEOMETRY = ([2, 1], [1, 1], [1, 1], False, [0, 0], 2)
TRANSPOSED = ([2, 1], [1, 1], [1, 1], True, [1, 0], 2)
ops = torch.ops.proxprop


def leaf(*size, dtype=torch.double):
    return torch.randn(*size, dtype=dtype, requires_grad=True)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("bias", [True, False])
def test_opcheck_linear(step, bias):
    torch.library.opcheck(ops.linear.default, (leaf(6, 4), leaf(3, 4), leaf(3) if bias else None, *step))


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("bias", [True, False])
def test_opcheck_conv(step, bias):
    arguments = (leaf(2, 4, 6, 6), leaf(6, 2, 3, 3), leaf(6) if bias else None, *GEOMETRY, *step)
    torch.library.opcheck(ops.conv.default, arguments)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("bias", [True, False])
def test_opcheck_transposed_conv(step, bias):
    arguments = (leaf(2, 6, 3, 6), leaf(6, 2, 3, 3), leaf(4) if bias else None, *TRANSPOSED, *step)
    torch.library.opcheck(ops.conv.default, arguments)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("trained", [(True, True), (True, False), (False, True)])
def test_opcheck_directions(step, trained):
    a, g = [torch.randn(6, 4), torch.randn(2, 4)], [torch.randn(6, 3), torch.randn(2, 3)]
    torch.library.opcheck(ops.linear_direction.default, (a, g, *trained, *step))
    a, g = [torch.randn(2, 4, 6, 6)], [torch.randn(2, 6, 3, 6)]
    torch.library.opcheck(ops.conv_direction.default, (a, g, [3, 3], *GEOMETRY, *trained, *step))
    a, g = [torch.randn(2, 6, 3, 6)], [torch.randn(2, 4, 6, 6)]
    torch.library.opcheck(ops.conv_direction.default, (a, g, [3, 3], *TRANSPOSED, *trained, *step))


def test_opcheck_of_masked_rows():
    mask = torch.tensor([True, False, True, True, False, True])
    step = (*STEPS[0], None, 0, None)
    torch.library.opcheck(ops.linear.default, (leaf(6, 4), leaf(3, 4), leaf(3), *step), {"row_mask": mask})
    a, g = [torch.randn(6, 4)], [torch.randn(6, 3)]
    torch.library.opcheck(ops.linear_direction.default, (a, g, True, True, *step), {"row_mask": mask})
    with pytest.raises(RuntimeError, match="row mask must be boolean and have the leading sizes"):
        ops.linear_direction(a, g, True, True, *step, row_mask=mask[:5])


def test_operator_and_layer_give_the_same_step():
    layer = proxprop.nn.Linear(4, 3, dtype=torch.double, tau_theta=0.5)
    a, g = leaf(6, 4), torch.randn(6, 3, dtype=torch.double)
    layer(a).backward(g)
    by_layer = [a.grad, layer.weight.grad, layer.bias.grad]
    by_operator = torch.autograd.grad(
        ops.linear(a, layer.weight, layer.bias, *STEPS[0]), [a, layer.weight, layer.bias], g
    )
    assert all(torch.equal(x, y) for x, y in zip(by_layer, by_operator, strict=True))


@pytest.mark.parametrize(
    "step, message",
    [
        ((0.0, "exact", [], "sum"), "tau_theta must be positive"),
        ((1.0, "lu", [], "sum"), "there is no solver 'lu'"),
        ((1.0, "cg", [3.0], "sum"), "solver 'cg' has 3 arguments, got 1"),
        ((1.0, "cg", [2.5, 0.0, 1.0], "sum"), "whole number, got 2.5"),
        ((1.0, "exact", [], "median"), "scaling must be 'sum' or 'mean', got 'median'"),
        ((1.0, "exact", [], "sum", "shortest"), "route must be .*, got 'shortest'"),
        ((1.0, "running_gram", [0.9, 1.0, 1.0], "sum"), "keeps something from step to step"),
    ],
)
def test_wrong_arguments_are_named(step, message):
    with pytest.raises(RuntimeError, match=message):
        ops.linear(leaf(6, 4), leaf(3, 4), None, *step)


def test_directions_need_one_gradient_per_input():
    with pytest.raises(RuntimeError, match="one gradient per input"):
        ops.linear_direction([torch.randn(6, 4)], [], True, True, *STEPS[0])
