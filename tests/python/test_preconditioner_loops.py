"""Preconditioner in training loops: scaled losses, autocast, checkpoints, compiled models, closures."""

import pytest
import torch
from reference import relative_error
from test_preconditioner import batch, gradients, loss_of, network
from torch import nn
from torch.utils.checkpoint import checkpoint

import proxprop


def test_the_scale_of_a_grad_scaler_is_taken_out():
    model, a = network(), batch()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12)
    preconditioner = proxprop.Preconditioner(model, tau_theta=0.3, grad_scaler=scaler)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler.scale(loss_of(model, a)).backward()
    scaler.unscale_(optimizer)
    preconditioner.step()
    converted = proxprop.convert(model, 0.3, inplace=False).model
    converted.zero_grad()
    loss_of(converted, a).backward()
    assert relative_error(gradients(model), gradients(converted)) < 1e-12
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()


def test_autocast_solves_in_float32():
    model = nn.Sequential(nn.Linear(8, 6), nn.Linear(6, 2))
    preconditioner = proxprop.Preconditioner(model)
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(torch.randn(5, 8)).float().square().sum()
    loss.backward()
    preconditioner.step()
    assert model[0].weight.grad.dtype == torch.float32 and model[0].weight.grad.isfinite().all()


def test_works_in_the_closure_of_an_optimizer():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 2, dtype=torch.double))
    a = torch.randn(30, 6, dtype=torch.double)
    target = a @ torch.randn(6, 2, dtype=torch.double)
    preconditioner = proxprop.Preconditioner(model, filter=lambda name, module: True)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)

    def closure():
        optimizer.zero_grad()
        loss = 0.5 * (model(a) - target).square().sum()
        loss.backward()
        preconditioner.step()
        return loss

    for _ in range(60):
        loss = optimizer.step(closure)
    assert loss < 1e-10


def test_a_scaled_loss_that_overflows_changes_nothing():
    model = nn.Sequential(nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 2))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)
    preconditioner = proxprop.Preconditioner(model, grad_scaler=scaler)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    a = torch.randn(5, 8)

    def step():
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.float16):
            loss = model(a).float().square().sum()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        preconditioner.step()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()

    before = [p.detach().clone() for p in model.parameters()]
    step()
    assert all(torch.equal(x, y) for x, y in zip(before, model.parameters(), strict=True))
    assert scaler.get_scale() == 2.0**39
    while scaler.get_scale() > 2.0**10:
        scaler.update(scaler.get_scale() / 2)
    step()
    assert all(p.isfinite().all() and not torch.equal(p, x) for x, p in zip(before, model.parameters(), strict=True))


class Reused(nn.Module):
    """A layer that two parts of the network use."""

    def __init__(self):
        super().__init__()
        self.first, self.shared, self.last = nn.Linear(6, 5), nn.Linear(5, 5), nn.Linear(5, 2)

    def lower(self, x):
        return torch.tanh(self.shared(torch.tanh(self.first(x))))

    def upper(self, x):
        return torch.tanh(self.shared(x))

    def forward(self, x):
        return self.last(self.upper(self.lower(x)))


@pytest.mark.parametrize("reentrant", [False, True])
def test_gradient_checkpointing_changes_nothing(reentrant):
    model, a = Reused().double(), torch.randn(7, 6, dtype=torch.double, requires_grad=True)
    preconditioner = proxprop.Preconditioner(model, tau_theta=0.3)
    found = []
    for part in (lambda f, x: f(x), lambda f, x: checkpoint(f, x, use_reentrant=reentrant)):
        model.zero_grad()
        model.last(part(model.upper, part(model.lower, a))).square().sum().backward()
        preconditioner.step()
        found.append(gradients(model))
    assert relative_error(*found) < 1e-14


def test_compiled_models_take_the_same_steps():
    torch._dynamo.reset()
    model, a = Reused().double(), torch.randn(7, 6, dtype=torch.double)
    preconditioner = proxprop.Preconditioner(model, tau_theta=0.3)
    found = []
    for run in (model, torch.compile(model, backend="aot_eager"), model):
        model.zero_grad()
        loss_of(run, a).backward()
        preconditioner.step()
        found.append(gradients(model))
    assert relative_error(found[1], found[0]) < 1e-13 and relative_error(found[2], found[0]) < 1e-14
