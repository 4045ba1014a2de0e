"""torch.compile: no graph break in a layer, the same numbers, and no silent second step."""

import shutil
import sysconfig
from pathlib import Path

import pytest
import torch
from reference import relative_error
from torch import nn

import proxprop

# Inductor compiles C++ that includes Python.h (Debian: python3-dev).
can_compile = shutil.which("g++") and (Path(sysconfig.get_paths()["include"]) / "Python.h").exists()
needs_compiler = pytest.mark.skipif(not can_compile, reason="no g++ or no Python.h")


def network():
    return nn.Sequential(
        proxprop.nn.Conv2d(2, 4, 3, padding=1, tau_theta=0.5),
        nn.ReLU(),
        proxprop.nn.Conv2d(4, 4, 3, stride=2, padding=1, padding_mode="circular", solver=proxprop.CG(3)),
        nn.Flatten(),
        proxprop.nn.Linear(64, 5, tau_theta=0.5, scaling="mean"),
        nn.Tanh(),
        nn.Linear(5, 2),
    ).double()


def gradients(model, run, a):
    model.zero_grad()
    loss = run(a).square().sum()
    loss.backward()
    return [loss, *(p.grad.clone() for p in model.parameters())]


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=needs_compiler)])
def test_compiled_network_is_the_network(backend):
    torch._dynamo.reset()
    model = network()
    compiled = torch.compile(model, backend=backend, fullgraph=True)
    for batch in (6, 3):  # the second has other sizes: dynamic shapes
        a = torch.randn(batch, 2, 8, 8, dtype=torch.double)
        assert relative_error(gradients(model, compiled, a), gradients(model, model, a)) < 1e-10


def test_changed_options_reach_the_compiled_layer():
    torch._dynamo.reset()
    layer = proxprop.nn.Linear(4, 3, dtype=torch.double)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    a = torch.randn(6, 4, dtype=torch.double)
    for tau_theta, solver in ((1.0, proxprop.Exact()), (0.1, proxprop.CG(2)), (0.2, proxprop.Gradient())):
        layer.tau_theta, layer.solver = tau_theta, solver
        assert relative_error(gradients(layer, compiled, a), gradients(layer, layer, a)) < 1e-12


def test_a_second_use_in_one_compiled_pass_is_refused():
    torch._dynamo.reset()
    layer = proxprop.nn.Linear(4, 4)
    twice = torch.compile(lambda x: layer(torch.tanh(layer(x))), backend="aot_eager", fullgraph=True)
    with pytest.raises(RuntimeError, match="used more than once before this backward pass"):
        twice(torch.randn(3, 4)).sum().backward()
    once = torch.compile(layer, backend="aot_eager", fullgraph=True)
    for _ in range(2):  # passes of their own are steps of their own
        once(torch.randn(3, 4)).sum().backward()


def test_no_gradient_means_no_step():
    torch._dynamo.reset()
    layer = proxprop.nn.Linear(4, 3)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    a = torch.randn(6, 4)
    with torch.no_grad():
        assert torch.equal(compiled(a), layer(a))


def test_a_linear_map_is_left_to_eager_mode():
    torch._dynamo.reset()
    layer = proxprop.nn.LinearMap(nn.Linear(4, 3, dtype=torch.double))
    net = nn.Sequential(layer, nn.Tanh())
    a = torch.randn(6, 4, dtype=torch.double)
    compiled = torch.compile(net, backend="aot_eager")
    assert relative_error(gradients(net, compiled, a), gradients(net, net, a)) < 1e-13
