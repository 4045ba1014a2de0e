"""Layers with a closed form: embeddings and norms. The other laws of layers are in test_layers.py."""

import pytest
import torch
from reference import relative_error
from torch import nn

import proxprop


@pytest.mark.parametrize("scaling", ["sum", "mean"])
def test_embedding_is_the_linear_layer_on_one_hot_rows(scaling):
    layer = proxprop.nn.Embedding(7, 3, dtype=torch.double, tau_theta=0.6, scaling=scaling)
    indices, g = torch.randint(0, 6, (4, 5)), torch.randn(4, 5, 3, dtype=torch.double)
    layer(indices).backward(g)
    rows = nn.functional.one_hot(indices, 7).double()
    weight, _ = proxprop.linear_direction(rows, g, tau_theta=0.6, bias=False, scaling=scaling)
    assert relative_error(layer.weight.grad, weight.T) < 1e-13
    assert not layer.weight.grad[6].any()  # never picked


def test_the_padding_row_of_an_embedding_stays():
    layer = proxprop.nn.Embedding(7, 3, padding_idx=2)
    layer(torch.tensor([1, 2, 2])).sum().backward()
    assert not layer.weight.grad[2].any() and layer.weight.grad[1].any()


@pytest.mark.parametrize("scaling", ["sum", "mean"])
@pytest.mark.parametrize("bias", [True, False])
def test_norm_is_the_linear_layer_of_each_feature(scaling, bias):
    layer = proxprop.nn.LayerNorm(3, bias=bias, dtype=torch.double, tau_theta=0.6, scaling=scaling)
    a, g = torch.randn(8, 3, dtype=torch.double), torch.randn(8, 3, dtype=torch.double)
    layer(a).backward(g)
    normalized = nn.functional.layer_norm(a, [3])
    for c in range(3):
        weight, shift = proxprop.linear_direction(
            normalized[:, c : c + 1], g[:, c : c + 1], tau_theta=0.6, bias=bias, scaling=scaling
        )
        assert relative_error(layer.weight.grad[c : c + 1], weight) < 1e-12
        if bias:
            assert relative_error(layer.bias.grad[c : c + 1], shift) < 1e-12


@pytest.mark.parametrize("frozen", ["weight", "bias"])
def test_frozen_parameters_of_a_norm_are_constants_of_the_step(frozen):
    layer = proxprop.nn.LayerNorm(3, dtype=torch.double, tau_theta=0.6)
    getattr(layer, frozen).requires_grad_(False)
    a, g = torch.randn(8, 3, dtype=torch.double), torch.randn(8, 3, dtype=torch.double)
    layer(a).backward(g)
    normalized = nn.functional.layer_norm(a, [3])
    if frozen == "bias":
        expected = (g * normalized).sum(0) / (1 / 0.6 + normalized.square().sum(0))
        assert layer.bias.grad is None and relative_error(layer.weight.grad, expected) < 1e-13
    else:
        assert layer.weight.grad is None and relative_error(layer.bias.grad, g.sum(0) / (1 / 0.6 + 8)) < 1e-13


def test_batch_norm_keeps_statistics_as_torch_does():
    ours, theirs = proxprop.nn.BatchNorm2d(3, momentum=0.3), nn.BatchNorm2d(3, momentum=0.3)
    for _ in range(2):
        a = torch.randn(4, 3, 5, 5)
        ours(a), theirs(a)
    assert all(torch.equal(x, y) for x, y in zip(ours.buffers(), theirs.buffers(), strict=True))
    a = torch.randn(4, 3, 5, 5)
    assert relative_error(ours.eval()(a), theirs.eval()(a)) < 1e-6


def test_compiled_norm_and_embedding_are_the_same():
    torch._dynamo.reset()
    model = nn.Sequential(proxprop.nn.Embedding(5, 4), proxprop.nn.LayerNorm(4)).double()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    indices = torch.randint(0, 5, (6,))
    gradients = []
    for run in (model, compiled):
        model.zero_grad()
        run(indices).square().sum().backward()
        gradients.append([p.grad.clone() for p in model.parameters()])
    assert relative_error(*gradients) < 1e-13


def test_autocast_keeps_torchs_dtypes():
    ours, theirs = proxprop.nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    a = torch.randn(4, 3, 5, 5, dtype=torch.bfloat16, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        z, expected = ours(a), theirs(a)
    z.float().square().sum().backward()
    assert z.dtype == expected.dtype and a.grad.dtype == torch.bfloat16 and ours.weight.grad.dtype == torch.float32


def test_invalid_options_are_refused():
    with pytest.raises(ValueError, match="tau_theta must be positive"):
        proxprop.nn.LayerNorm(3, tau_theta=-1.0)
