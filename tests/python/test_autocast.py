"""Mixed precision: forward and input gradient in bfloat16, the solve in float32."""

import pytest
import torch
from reference import relative_error
from torch import nn

import proxprop

BFLOAT16 = 2.0**-8


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "ours, theirs, arguments, size",
    [
        (proxprop.nn.Linear, nn.Linear, (16, 8), (32, 16)),
        (proxprop.nn.Conv2d, nn.Conv2d, (4, 8, 3), (6, 4, 8, 8)),
    ],
)
def test_autocast_is_torchs_with_a_float32_solve(ours, theirs, arguments, size, compiled):
    torch._dynamo.reset()
    layer, reference = ours(*arguments, tau_theta=0.1), theirs(*arguments)
    reference.load_state_dict(layer.state_dict())
    run = torch.compile(layer, backend="aot_eager", fullgraph=True) if compiled else layer
    a = torch.randn(size, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        z, expected = run(a), reference(a)
    assert z.dtype == torch.bfloat16 and torch.equal(z, expected)
    g = torch.randn_like(z)
    down, weight, bias = torch.autograd.grad(z, [a, layer.weight, layer.bias], g)
    assert down.dtype == torch.float32
    assert relative_error(down, torch.autograd.grad(expected, a, g)[0]) < BFLOAT16

    # Float32, and V of the bfloat16 gradient to float32 accuracy: of the rounded input or of the input itself.
    direction = proxprop.linear_direction if ours is proxprop.nn.Linear else _conv3_direction
    exact = direction(a.detach(), g.float(), tau_theta=0.1)
    assert weight.dtype == bias.dtype == torch.float32
    assert relative_error([weight, bias], list(exact)) < 1e-5


def _conv3_direction(a, g, tau_theta):
    return proxprop.conv_direction(a, g, 3, tau_theta=tau_theta)


def test_linear_map_under_autocast():
    layer = proxprop.nn.LinearMap(nn.Linear(16, 8), tau_theta=0.1)
    with torch.autocast("cpu", torch.bfloat16):
        z = layer(torch.randn(32, 16, requires_grad=True))
    z.float().square().sum().backward()
    assert z.dtype == torch.bfloat16 and layer.module.weight.grad.isfinite().all()
