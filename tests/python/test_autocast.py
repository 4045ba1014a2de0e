"""Mixed precision: forward and input gradient in bfloat16, the solve in float32."""

import pytest
import torch
from reference import relative_error
from torch import nn

import proxprop

BFLOAT16 = 2.0**-8
FLOAT16 = 2.0**-10


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


@pytest.mark.parametrize(
    "ours, arguments, size",
    [(proxprop.nn.Linear, (16, 8), (32, 16)), (proxprop.nn.ConvTranspose2d, (4, 8, 3), (6, 4, 8, 8))],
)
def test_float16_with_a_grad_scaler_is_the_unscaled_step(ours, arguments, size):
    """V is linear in the gradient: the scaler's factor goes in, and unscaling takes it out."""
    layer, reference = (ours(*arguments, tau_theta=0.1) for _ in range(2))
    reference.load_state_dict(layer.state_dict())
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    a = torch.randn(size)
    with torch.autocast("cpu", torch.float16):
        z = layer(a)
        loss = z.float().square().mean()
    assert z.dtype == torch.float16
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    reference(a).square().mean().backward()
    parameters = zip(layer.parameters(), reference.parameters(), strict=True)
    assert all(relative_error(mine.grad, theirs.grad) < 20 * FLOAT16 for mine, theirs in parameters)
    nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
    before = layer.weight.detach().clone()
    scaler.step(optimizer)
    assert not torch.equal(before, layer.weight)
