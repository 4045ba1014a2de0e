"""LinearMap: any linear torch module, made proximal."""

import copy

import pytest
import torch
from reference import relative_error
from torch import nn

import proxprop


def test_equals_the_layer_it_wraps_when_cg_converges():
    linear = nn.Linear(5, 3, dtype=torch.double)
    layer = proxprop.nn.LinearMap(linear, tau_theta=0.7, solver=proxprop.Exact())
    a, g = torch.randn(8, 5, dtype=torch.double, requires_grad=True), torch.randn(8, 3, dtype=torch.double)
    layer(a).backward(g)
    weight, bias = proxprop.linear_direction(a.detach(), g, tau_theta=0.7)
    assert relative_error([linear.weight.grad, linear.bias.grad], [weight, bias]) < 1e-9
    assert relative_error(a.grad, g @ linear.weight) < 1e-14


@pytest.mark.parametrize("solver", [proxprop.CG(3), proxprop.Exact()])
def test_transposed_convolution_takes_a_descent_step(solver):
    layer = proxprop.nn.LinearMap(nn.ConvTranspose2d(3, 4, 3, stride=2), tau_theta=0.5, solver=solver)
    a = torch.randn(2, 3, 5, 5)
    assert layer.linearity_error(a) < 1e-5
    z = layer(a)
    z.square().sum().backward()
    v = [p.grad for p in layer.parameters()]
    gradient = torch.autograd.grad(layer.module(a).square().sum(), list(layer.parameters()))
    inner = sum(float((x * y).sum()) for x, y in zip(v, gradient, strict=True))
    assert 0 < inner <= 0.5 * sum(float(y.square().sum()) for y in gradient)


def test_two_uses_take_one_step():
    layer = proxprop.nn.LinearMap(nn.Linear(4, 4, dtype=torch.double), tau_theta=0.7, solver=proxprop.CG(2))
    a, g = torch.randn(2, 8, 4, dtype=torch.double)
    ((layer(a[:3]) * g[:3]).sum() + (layer(a[3:]) * g[3:]).sum()).backward()
    solver = proxprop.CG(2, coupling="joint")
    weight, _ = proxprop.linear_direction(a, g, tau_theta=0.7, solver=solver)
    assert relative_error(layer.module.weight.grad, weight) < 1e-12


def test_frozen_bias_is_a_constant():
    layer = proxprop.nn.LinearMap(nn.Linear(4, 3, dtype=torch.double), tau_theta=0.7, solver=proxprop.Exact())
    layer.module.bias.requires_grad_(False)
    a, g = torch.randn(8, 4, dtype=torch.double), torch.randn(8, 3, dtype=torch.double)
    layer(a).backward(g)
    weight, _ = proxprop.linear_direction(a, g, tau_theta=0.7, bias=False)
    assert layer.module.bias.grad is None and relative_error(layer.module.weight.grad, weight) < 1e-9


def test_a_map_that_is_not_linear_shows():
    net = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
    assert proxprop.nn.LinearMap(net).linearity_error(torch.randn(8, 4)) > 0.1
    with pytest.raises(ValueError, match="needs a module with parameters, got Tanh"):
        proxprop.nn.LinearMap(nn.Tanh())


def test_copies_are_independent():
    layer = proxprop.nn.LinearMap(nn.Linear(4, 3))
    layer(torch.randn(2, 4))
    other = copy.deepcopy(layer)
    other(torch.randn(2, 4)).sum().backward()
    assert layer.module.weight.grad is None and other.module.weight.grad is not None
