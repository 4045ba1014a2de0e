"""Layers: torch.nn's faces, the proximal direction in `.grad`, one step for all uses."""

import copy
import io
import pickle

import pytest
import torch
from reference import relative_error
from torch import nn
from torch.utils.checkpoint import checkpoint

import proxprop

PAIRS = [
    (proxprop.nn.Linear, nn.Linear, (5, 3), {}, (4, 5)),
    (proxprop.nn.Linear, nn.Linear, (5, 3), {"bias": False}, (2, 4, 5)),
    (proxprop.nn.Conv1d, nn.Conv1d, (2, 3, 3), {"padding": 1}, (2, 2, 7)),
    (proxprop.nn.Conv2d, nn.Conv2d, (4, 6, 3), {"stride": 2, "padding": 1, "groups": 2}, (3, 4, 7, 7)),
    (proxprop.nn.Conv2d, nn.Conv2d, (2, 3, (3, 2)), {"padding": "same", "dilation": (1, 2)}, (2, 2, 6, 6)),
    (proxprop.nn.Conv2d, nn.Conv2d, (2, 3, 4), {"padding": "same"}, (2, 2, 6, 6)),
    (proxprop.nn.Conv2d, nn.Conv2d, (2, 3, 3), {"padding": "valid", "bias": False}, (2, 6, 6)),
    (proxprop.nn.Conv2d, nn.Conv2d, (2, 3, 3), {"padding": (1, 2), "padding_mode": "circular"}, (2, 2, 6, 6)),
    (proxprop.nn.Conv2d, nn.Conv2d, (2, 3, 3), {"padding": 1, "padding_mode": "reflect"}, (2, 2, 6, 6)),
    (proxprop.nn.Conv3d, nn.Conv3d, (2, 3, 2), {"stride": (1, 2, 1)}, (2, 2, 4, 5, 4)),
    (proxprop.nn.ConvTranspose1d, nn.ConvTranspose1d, (2, 3, 3), {"stride": 2, "bias": False}, (2, 2, 7)),
    (
        proxprop.nn.ConvTranspose2d,
        nn.ConvTranspose2d,
        (4, 6, 4),
        {"stride": 2, "padding": 1, "groups": 2},
        (3, 4, 5, 5),
    ),
    (proxprop.nn.ConvTranspose2d, nn.ConvTranspose2d, (2, 3, 3, (2, 1)), {"output_padding": (1, 0)}, (2, 4, 6)),
    (proxprop.nn.ConvTranspose3d, nn.ConvTranspose3d, (2, 3, 2), {"dilation": (1, 2, 1)}, (2, 2, 3, 4, 3)),
    (proxprop.nn.LayerNorm, nn.LayerNorm, (5,), {}, (4, 3, 5)),
    (proxprop.nn.LayerNorm, nn.LayerNorm, ([3, 5],), {"bias": False}, (4, 3, 5)),
    (proxprop.nn.BatchNorm1d, nn.BatchNorm1d, (5,), {}, (6, 5)),
    (proxprop.nn.BatchNorm2d, nn.BatchNorm2d, (3,), {"track_running_stats": False}, (4, 3, 2, 2)),
    (proxprop.nn.BatchNorm3d, nn.BatchNorm3d, (3,), {"momentum": None}, (4, 3, 2, 2, 2)),
]


def pair(ours, theirs, arguments, options):
    theirs = theirs(*arguments, **options, dtype=torch.double)
    ours = ours(*arguments, **options, dtype=torch.double, tau_theta=0.7)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize("ours, theirs, arguments, options, size", PAIRS)
def test_forward_and_input_gradient_are_torchs(ours, theirs, arguments, options, size):
    ours, theirs = pair(ours, theirs, arguments, options)
    a = torch.randn(size, dtype=torch.double, requires_grad=True)
    z, reference = ours(a), theirs(a)
    assert relative_error(z, reference) < 1e-14
    g = torch.randn_like(z)
    down = torch.autograd.grad(z, a, g)[0]
    assert relative_error(down, torch.autograd.grad(reference, a, g)[0]) < 1e-14


@pytest.mark.parametrize("ours, theirs, arguments, options, size", PAIRS)
def test_parameters_receive_the_preconditioned_gradient(ours, theirs, arguments, options, size):
    """(I / tau_theta + phi* phi) V is the gradient: phi and its adjoint are torch's own layer."""
    ours, theirs = pair(ours, theirs, arguments, options)
    a = torch.randn(size, dtype=torch.double)
    g = torch.randn_like(theirs(a))
    ours(a).backward(g)
    v = [p.grad for p in ours.parameters()]
    gradient = torch.autograd.grad(theirs(a), list(theirs.parameters()), g)
    image = torch.func.functional_call(theirs, dict(zip(dict(theirs.named_parameters()), v, strict=True)), (a,))
    normal = torch.autograd.grad(theirs(a), list(theirs.parameters()), image)
    assert relative_error([x / 0.7 + y for x, y in zip(v, normal, strict=True)], list(gradient)) < 1e-10


@pytest.mark.parametrize("ours, theirs, arguments, options, size", PAIRS)
def test_gradcheck_of_the_input_gradient(ours, theirs, arguments, options, size):
    ours, _ = pair(ours, theirs, arguments, options)
    assert torch.autograd.gradcheck(ours, torch.randn(size, dtype=torch.double, requires_grad=True), fast_mode=True)


@pytest.mark.parametrize("ours, theirs, arguments, options, size", PAIRS)
def test_state_dict_and_seed_interchange_with_torch(ours, theirs, arguments, options, size):
    torch.manual_seed(3)
    mine = ours(*arguments, **options)
    torch.manual_seed(3)
    reference = theirs(*arguments, **options)
    assert list(mine.state_dict()) == list(reference.state_dict())
    assert all(torch.equal(mine.state_dict()[k], v) for k, v in reference.state_dict().items())
    reference.load_state_dict(mine.state_dict())


def linear(**options):
    return proxprop.nn.Linear(4, 4, dtype=torch.double, **options)


def test_a_layer_used_twice_takes_one_step():
    layer = linear(tau_theta=0.7)
    a, g = torch.randn(2, 5, 4, dtype=torch.double)
    hidden = layer(a)
    hidden.retain_grad()
    layer(hidden).backward(g)
    both = torch.cat([a, hidden.detach()]), torch.cat([hidden.grad, g])
    weight, bias = proxprop.linear_direction(*both, tau_theta=0.7)
    assert relative_error([layer.weight.grad, layer.bias.grad], [weight, bias]) < 1e-12


def test_micro_batches_of_one_loss_are_the_whole_batch():
    layer = linear(tau_theta=0.7, solver=proxprop.CG(2))
    a, g = torch.randn(2, 8, 4, dtype=torch.double)
    sum((layer(a[i : i + 2]) * g[i : i + 2]).sum() for i in range(0, 8, 2)).backward()
    weight, bias = proxprop.linear_direction(a, g, tau_theta=0.7, solver=proxprop.CG(2))
    assert relative_error([layer.weight.grad, layer.bias.grad], [weight, bias]) < 1e-12


def test_separate_backward_passes_take_separate_steps():
    layer = linear()
    a, g = torch.randn(2, 8, 4, dtype=torch.double)
    for part in (slice(0, 4), slice(4, 8)):
        layer(a[part]).backward(g[part])
    steps = [proxprop.linear_direction(a[part], g[part], tau_theta=1.0)[0] for part in (slice(0, 4), slice(4, 8))]
    assert relative_error(layer.weight.grad, sum(steps)) < 1e-12


@pytest.mark.parametrize("reentrant", [False, True])
def test_gradient_checkpointing_changes_nothing(reentrant):
    layer = linear()
    net = nn.Sequential(layer, nn.Tanh())
    a = torch.randn(6, 4, dtype=torch.double, requires_grad=True)
    net(a).square().sum().backward()
    plain = [layer.weight.grad, layer.bias.grad, a.grad]
    net.zero_grad()
    a.grad = None
    checkpoint(net, a, use_reentrant=reentrant).square().sum().backward()
    assert relative_error([layer.weight.grad, layer.bias.grad, a.grad], plain) < 1e-14


def test_checkpointed_layer_used_twice_takes_one_step():
    layer = linear()
    a = torch.randn(6, 4, dtype=torch.double, requires_grad=True)
    layer(torch.tanh(layer(a))).square().sum().backward()
    plain = [layer.weight.grad, layer.bias.grad]
    layer.zero_grad()
    checkpoint(lambda x: layer(torch.tanh(layer(x))), a, use_reentrant=False).square().sum().backward()
    assert relative_error([layer.weight.grad, layer.bias.grad], plain) < 1e-14


def test_frozen_parameters_are_constants_of_the_step():
    layer = linear(tau_theta=0.7)
    layer.bias.requires_grad_(False)
    a, g = torch.randn(2, 6, 4, dtype=torch.double)
    layer(a).backward(g)
    assert layer.bias.grad is None
    weight, _ = proxprop.linear_direction(a, g, tau_theta=0.7, bias=False)
    assert relative_error(layer.weight.grad, weight) < 1e-12


def test_higher_derivatives_are_refused_and_given_by_the_gradient_solver():
    a = torch.randn(6, 4, dtype=torch.double, requires_grad=True)
    with pytest.raises(RuntimeError, match="not differentiable"):
        torch.autograd.grad(linear()(a).square().sum(), a, create_graph=True)
    layer = linear(solver=proxprop.Gradient())
    assert torch.autograd.gradgradcheck(lambda x: layer(x).square(), a)


def test_options_can_change_between_steps():
    layer = linear(tau_theta=0.7)
    a, g = torch.randn(2, 6, 4, dtype=torch.double)
    layer(a)
    layer.tau_theta, layer.solver, layer.scaling = 0.1, proxprop.CG(2), "mean"
    layer(a).backward(g)
    weight, _ = proxprop.linear_direction(a, g, tau_theta=0.1, solver=proxprop.CG(2), scaling="mean")
    assert relative_error(layer.weight.grad, weight) < 1e-13
    layer.tau_theta = -1.0
    with pytest.raises(RuntimeError, match="tau_theta must be positive"):
        layer(a)


def test_invalid_options_are_refused_when_the_layer_is_made():
    with pytest.raises(ValueError, match="tau_theta"):
        linear(tau_theta=0)
    with pytest.raises(TypeError, match="solver"):
        linear(solver="exact")


def test_copies_and_pickles_take_their_own_steps():
    layer = linear(tau_theta=0.7)
    a, g = torch.randn(2, 6, 4, dtype=torch.double)
    layer(a)
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), torch.load(file, weights_only=False)):
        assert other.tau_theta == 0.7 and other.solver == proxprop.Exact()
        other(a).backward(g)
        assert layer.weight.grad is None
        assert relative_error(other.weight.grad, proxprop.linear_direction(a, g, tau_theta=0.7)[0]) < 1e-13


def test_half_precision_parameters_get_the_float32_direction():
    layer = proxprop.nn.Linear(4, 3, dtype=torch.bfloat16)
    a, g = torch.randn(6, 4).bfloat16(), torch.randn(6, 3).bfloat16()
    layer(a).backward(g)
    weight, _ = proxprop.linear_direction(a, g, tau_theta=1.0)
    assert torch.equal(layer.weight.grad, weight.bfloat16())


def test_trains_with_any_optimizer():
    torch.manual_seed(0)
    a = torch.randn(30, 6, dtype=torch.double)
    target = a @ torch.randn(6, 2, dtype=torch.double)
    for make, goal in ((lambda p: torch.optim.SGD(p, lr=1.0), 1e-10), (lambda p: torch.optim.AdamW(p, lr=0.1), 1.0)):
        layer = proxprop.nn.Linear(6, 2, dtype=torch.double)
        optimizer = make(layer.parameters())
        for _ in range(60):
            optimizer.zero_grad()
            loss = 0.5 * (layer(a) - target).square().sum()
            loss.backward()
            optimizer.step()
        assert loss < goal
