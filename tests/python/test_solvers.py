"""Solvers that go on from earlier steps, routes and memory limits."""

import copy

import numpy as np
import pytest
import torch
from reference import relative_error, sample_matrix
from torch import nn

import proxprop

STATEFUL = [
    proxprop.RunningGram(decay=0.5, update_every=2),
    proxprop.RunningGram(decay=0.5, update_every=3, average_steps=2),
    proxprop.AmortizedCholesky(tolerance=1e-10),
]


def layer(solver, kind=proxprop.nn.Linear):
    return kind(6, 4, dtype=torch.double, tau_theta=0.5, solver=solver)


def steps(module, batches):
    for a, g in batches:
        module.zero_grad()
        module(a).backward(g)
    return [p.grad.clone() for p in module.parameters()]


def batches(count):
    return [(torch.randn(40, 6).double(), torch.randn(40, 4).double()) for _ in range(count)]


def test_running_gram_without_memory_is_exact():
    data = batches(2)
    one, other = layer(proxprop.RunningGram(decay=0.0)), layer(proxprop.Exact())
    assert relative_error(steps(one, data), steps(other, data)) < 1e-10


def test_running_gram_averages_grams():
    data = batches(2)
    one = layer(proxprop.RunningGram(decay=0.25))
    found = steps(one, data)
    rows = [torch.cat([a, torch.ones(40, 1).double()], 1) for a, _ in data]
    gram = 0.25 * rows[0].T @ rows[0] + 0.75 * rows[1].T @ rows[1]
    expected = torch.linalg.solve(2 * torch.eye(7).double() + gram, rows[1].T @ data[1][1])
    assert relative_error(found, [expected[:6].T, expected[6]]) < 1e-10


@pytest.mark.parametrize("update_every, average_steps", [(1, 1), (4, 1), (4, 3), (3, 3)])
def test_running_gram_averages_the_last_steps_before_an_inverse(update_every, average_steps):
    data = batches(9)
    module = layer(proxprop.RunningGram(decay=0.75, update_every=update_every, average_steps=average_steps))
    average = inverted = None
    for step, (a, g) in enumerate(data):
        matrix = sample_matrix(a.numpy())[0]
        gram = matrix.T @ matrix
        if average is None:
            average = gram
        elif (step - 1) % update_every >= update_every - average_steps:
            average = 0.75 * average + 0.25 * gram
        if step % update_every == 0:
            inverted = average
        expected = np.linalg.solve(np.eye(7) / 0.5 + inverted, matrix.T @ g.numpy())
        found = steps(module, [(a, g)])
        assert relative_error(found, [expected[:6].T, expected[6]]) < 1e-10, step


def test_amortized_cholesky_is_exact_to_its_tolerance():
    data = batches(3)
    one, other = layer(proxprop.AmortizedCholesky(tolerance=1e-10)), layer(proxprop.Exact())
    assert relative_error(steps(one, data), steps(other, data)) < 1e-8


@pytest.mark.parametrize("solver", STATEFUL)
def test_resuming_from_the_solver_state_is_not_stopping(solver):
    data = batches(5)
    whole, first = layer(solver), layer(solver)
    expected = steps(whole, data)
    steps(first, data[:2])
    resumed, copied = layer(solver), copy.deepcopy(first)
    resumed.load_solver_state(first.solver_state())
    for second in (resumed, copied):
        second.load_state_dict(whole.state_dict())
        assert relative_error(steps(second, data[2:]), expected) < 1e-12


@pytest.mark.parametrize("solver", STATEFUL)
def test_preconditioner_keeps_the_state_and_its_checkpoint_has_it(solver):
    data = batches(5)
    converted, plain = layer(solver), layer(proxprop.Gradient())
    model = nn.Sequential(nn.Linear(6, 4, dtype=torch.double))

    def take(preconditioner, some):
        for a, g in some:
            model.zero_grad()
            model(a).backward(g)
            preconditioner.step()

    options = {"tau_theta": 0.5, "solver": solver, "filter": lambda name, module: True}
    first = proxprop.Preconditioner(model, **options)
    take(first, data[:2])
    first.remove()
    second = proxprop.Preconditioner(model, **options)
    second.load_state_dict(first.state_dict())
    take(second, data[2:])
    converted.load_state_dict(plain.state_dict())
    assert relative_error([p.grad for p in model.parameters()], steps(converted, data)) < 1e-12


def test_a_direction_by_itself_has_no_state():
    a, g = batches(1)[0]
    with pytest.raises(RuntimeError, match="solver 'running Gram'"):
        proxprop.linear_direction(a, g, tau_theta=1.0, solver=proxprop.RunningGram())


@pytest.mark.parametrize("route", ["sample_gram", "feature_gram", "matrix_free"])
def test_all_routes_give_the_same_direction(route):
    a, g = torch.randn(2, 3, 6, 6).double(), torch.randn(2, 4, 4, 4).double()
    exact = proxprop.conv_direction(a, g, 3, tau_theta=0.5)
    other = proxprop.conv_direction(a, g, 3, tau_theta=0.5, solver=proxprop.CG(200, route=route))
    assert relative_error(list(other), list(exact)) < 1e-9


def test_a_memory_limit_rules_out_what_is_above_it():
    a, g = batches(1)[0]
    one, other = (
        proxprop.linear_direction(a, g, tau_theta=0.5, solver=proxprop.Exact(memory_limit=limit)) for limit in (0, 1)
    )
    assert relative_error(list(one), list(other)) < 1e-9


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: proxprop.Exact(route="short"), "the route is one of"),
        (lambda: proxprop.CG(memory_limit=-1), "memory_limit must not be negative"),
        (lambda: proxprop.RunningGram(decay=1.0), "decay of RunningGram"),
        (lambda: proxprop.RunningGram(update_every=0), "update_every of RunningGram"),
        (lambda: proxprop.RunningGram(average_steps=0), "average_steps of RunningGram"),
        (lambda: proxprop.RunningGram(update_every=3, average_steps=4), "from 1 to update_every = 3"),
        (lambda: proxprop.AmortizedCholesky(tolerance=0.0), "tolerance of AmortizedCholesky"),
        (lambda: proxprop.AmortizedCholesky(max_iterations=0), "at least 1"),
    ],
)
def test_invalid_solvers_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
