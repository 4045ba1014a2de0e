"""V itself against dense float64 NumPy, for any sizes, geometry, solver and scaling."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reference import as_parameters, conv_rows, conv_sample_matrix, direction, relative_error, sample_matrix

import proxprop

# Float64 on systems whose condition number is at most 1 + tau_theta |A|^2, about 1e5 here.
TOLERANCE = 1e-10

tau_thetas = st.floats(0.01, 10.0)
scalings = st.sampled_from(["sum", "mean"])
sizes = st.integers(1, 9)


def normal(*size):
    return torch.randn(*size, dtype=torch.double)


@given(
    leading=st.lists(st.integers(1, 6), min_size=0, max_size=3),
    inputs=sizes,
    outputs=sizes,
    bias=st.booleans(),
    tau_theta=tau_thetas,
    scaling=scalings,
)
def test_linear_exact_is_the_dense_solve(leading, inputs, outputs, bias, tau_theta, scaling):
    a, g = normal(*leading, inputs), normal(*leading, outputs)
    weight, b = proxprop.linear_direction(a, g, tau_theta=tau_theta, bias=bias, scaling=scaling)
    dense = direction(sample_matrix(a.numpy(), bias), g.numpy().reshape(1, -1, outputs), tau_theta, scaling)
    assert relative_error([weight, b], as_parameters(dense, (outputs, inputs), bias)) < TOLERANCE


@given(
    rows=sizes,
    inputs=sizes,
    outputs=sizes,
    iterations=st.integers(1, 3),
    joint=st.booleans(),
    tau_theta=st.floats(0.01, 1.0),
)
def test_linear_cg_is_textbook_cg(rows, inputs, outputs, iterations, joint, tau_theta):
    a, g = normal(rows, inputs), normal(rows, outputs)
    solver = proxprop.CG(iterations, coupling="joint" if joint else "per_output")
    weight, b = proxprop.linear_direction(a, g, tau_theta=tau_theta, solver=solver)
    if iterations >= min(rows, inputs + 1):
        return  # converged: what further iterations make of round-off is no law
    dense = direction(sample_matrix(a.numpy()), g.numpy()[None], tau_theta, iterations=iterations, joint=joint)
    assert relative_error([weight, b], as_parameters(dense, (outputs, inputs))) < 1e-8


@st.composite
def conv_problems(draw):
    dims = draw(st.integers(1, 3))
    per_dim = {
        "kernel_size": st.integers(1, 3),
        "stride": st.integers(1, 2),
        "padding": st.integers(0, 2),
        "dilation": st.integers(1, 2),
    }
    geometry = {name: [draw(values) for _ in range(dims)] for name, values in per_dim.items()}
    geometry["groups"] = draw(st.integers(1, 3))
    span = [d * (k - 1) + 1 for k, d in zip(geometry["kernel_size"], geometry["dilation"], strict=True)]
    spatial = [s + draw(st.integers(0, 3)) for s in span]
    channels = geometry["groups"] * draw(st.integers(1, 2))
    outputs = geometry["groups"] * draw(st.integers(1, 2))
    return geometry, [draw(st.integers(1, 3)), channels, *spatial], outputs


@given(problem=conv_problems(), bias=st.booleans(), tau_theta=tau_thetas, scaling=scalings)
def test_conv_exact_is_the_dense_solve(problem, bias, tau_theta, scaling):
    geometry, size, outputs = problem
    a = normal(*size)
    matrix = conv_sample_matrix(a.numpy(), **geometry, bias=bias)
    shape = (outputs, size[1] // geometry["groups"], *geometry["kernel_size"])
    conv = [torch.nn.functional.conv1d, torch.nn.functional.conv2d, torch.nn.functional.conv3d][len(size) - 3]
    rest = {key: geometry[key] for key in ("stride", "padding", "dilation", "groups")}
    g = torch.randn_like(conv(a, torch.zeros(shape, dtype=torch.double), **rest))
    weight, b = proxprop.conv_direction(
        a, g, geometry["kernel_size"], **rest, tau_theta=tau_theta, bias=bias, scaling=scaling
    )
    dense = direction(matrix, conv_rows(g.numpy(), geometry["groups"]), tau_theta, scaling)
    assert relative_error([weight, b], as_parameters(dense, shape, bias)) < TOLERANCE


def test_conv_cg_is_joint_unless_told_otherwise():
    a, g = normal(3, 2, 6, 6), normal(3, 4, 6, 6)
    for coupling, joint in ((None, True), ("joint", True), ("per_output", False)):
        solver = proxprop.CG(3, coupling=coupling)
        weight, b = proxprop.conv_direction(a, g, 3, padding=1, tau_theta=0.1, solver=solver)
        matrix = conv_sample_matrix(a.numpy(), [3, 3], [1, 1], [1, 1], [1, 1], 1)
        dense = direction(matrix, conv_rows(g.numpy(), 1), 0.1, iterations=3, joint=joint)
        assert relative_error([weight, b], as_parameters(dense, (4, 2, 3, 3))) < 1e-9


def test_gradient_solver_is_the_gradient():
    a, g = normal(7, 5), normal(7, 3)
    weight, b = proxprop.linear_direction(a, g, tau_theta=0.3, solver=proxprop.Gradient())
    assert relative_error([weight, b], [g.T @ a, g.sum(0)]) < 1e-14


@pytest.mark.parametrize("rows", [4, 40])
def test_isaac_is_the_mean_scaled_step_without_bias(rows):
    """ISAAC: V_I = lambda (A^T A / N + lambda I)^-1 A^T g; for lambda = 1 / (N tau_theta) it is V / tau_theta."""
    a, g, tau_theta = normal(rows, 12), normal(rows, 5), 0.3
    la = 1 / (rows * tau_theta)
    n = rows
    isaac = la * np.linalg.solve(a.numpy().T @ a.numpy() / n + la * np.eye(12), a.numpy().T @ g.numpy()).T
    weight, none = proxprop.linear_direction(a, g, tau_theta=tau_theta, bias=False)
    assert none is None
    assert relative_error(weight, tau_theta * isaac) < 1e-10
    # The same with the mean Gram: 1 / tau_theta is then lambda itself.
    mean, _ = proxprop.linear_direction(a, g, tau_theta=1 / la, bias=False, scaling="mean")
    assert relative_error(mean, isaac / la) < 1e-10


@given(exponent=st.integers(-40, 40), solver=st.sampled_from([proxprop.Exact(), proxprop.CG(3)]))
def test_direction_is_homogeneous_in_the_loss(exponent, solver):
    a, g = torch.randn(6, 4), torch.randn(6, 3)
    one, _ = proxprop.linear_direction(a, g, tau_theta=1.0, solver=solver)
    scaled, _ = proxprop.linear_direction(a, g * 2.0**exponent, tau_theta=1.0, solver=solver)
    assert torch.equal(scaled, one * 2.0**exponent)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_solved_in_float32(dtype):
    a, g = torch.randn(6, 4).to(dtype), torch.randn(6, 3).to(dtype)
    half = proxprop.linear_direction(a, g, tau_theta=1.0)
    single = proxprop.linear_direction(a.float(), g.float(), tau_theta=1.0)
    assert half[0].dtype == torch.float32 and torch.equal(half[0], single[0]) and torch.equal(half[1], single[1])


def test_wrong_arguments_are_named():
    a, g = torch.randn(6, 4), torch.randn(6, 3)
    with pytest.raises(ValueError, match="tau_theta must be positive and finite, got -1"):
        proxprop.linear_direction(a, g, tau_theta=-1)
    with pytest.raises(ValueError, match="scaling must be 'sum' or 'mean', got 'max'"):
        proxprop.linear_direction(a, g, tau_theta=1, scaling="max")
    with pytest.raises(TypeError, match="solver must be"):
        proxprop.linear_direction(a, g, tau_theta=1, solver="exact")
    with pytest.raises(ValueError, match="at least 1 iteration, got 0"):
        proxprop.CG(0)
    with pytest.raises(ValueError, match="tolerance of CG"):
        proxprop.CG(3, tolerance=-1.0)
    with pytest.raises(ValueError, match="coupling of CG"):
        proxprop.CG(3, coupling="each")
    with pytest.raises(RuntimeError, match="share their leading sizes"):
        proxprop.linear_direction(a, g[:5], tau_theta=1)
    with pytest.raises(ValueError, match="2 spatial dimensions need 2 values"):
        proxprop.conv_direction(torch.randn(1, 2, 5, 5), torch.randn(1, 2, 3, 3), (3, 3, 3), tau_theta=1)


def test_mean_scaling_is_sum_scaling_with_both_step_sizes_changed():
    a, g = normal(7, 5), normal(7, 3)
    by_sum, _ = proxprop.linear_direction(a, g, tau_theta=0.3)
    by_mean, _ = proxprop.linear_direction(a, g, tau_theta=0.3 * 7, scaling="mean")
    assert relative_error(by_mean, 7 * by_sum) < 1e-12


def test_transposed_direction_is_the_layers():
    layer = proxprop.nn.ConvTranspose2d(4, 6, (3, 2), (2, 1), 1, (1, 0), groups=2, tau_theta=0.3, dtype=torch.double)
    a = torch.randn(3, 4, 5, 6, dtype=torch.double)
    z = layer(a)
    g = torch.randn_like(z)
    z.backward(g)
    geometry = {"stride": (2, 1), "padding": 1, "output_padding": (1, 0), "groups": 2}
    direction = proxprop.conv_transpose_direction(a, g, (3, 2), **geometry, tau_theta=0.3)
    assert relative_error(list(direction), [layer.weight.grad, layer.bias.grad]) < 1e-14
    with pytest.raises(ValueError, match="2 spatial dimensions need 2 values"):
        proxprop.conv_transpose_direction(a, g, (3, 2), output_padding=(1,), tau_theta=0.3)
