"""Preconditioner: the directions of the layers, for models whose layers stay as they are."""

import copy

import pytest
import torch
from reference import relative_error
from torch import nn

import proxprop


def network():
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, padding="same"),
        nn.ReLU(inplace=True),
        nn.Conv2d(3, 3, 2, padding_mode="circular", padding=1),
        nn.Flatten(),
        nn.Linear(147, 5),
        nn.Tanh(),
        nn.Linear(5, 2),
    ).double()


def batch(n=6):
    return torch.randn(n, 2, 6, 6, dtype=torch.double)


def gradients(model):
    return [p.grad for p in model.parameters()]


def loss_of(model, a):
    return model(a).square().sum()


@pytest.mark.parametrize("solver", [proxprop.Exact(), proxprop.CG(3), proxprop.Gradient()])
def test_directions_are_those_of_the_layers(solver):
    model, a = network(), batch()
    converted = proxprop.convert(model, 0.3, solver, inplace=False).model
    loss_of(converted, a).backward()
    preconditioner = proxprop.Preconditioner(model, tau_theta=0.3, solver=solver)
    loss_of(model, a).backward()
    preconditioner.step()
    assert relative_error(gradients(model), gradients(converted)) < 1e-12


def test_micro_batches_are_solved_as_one_batch():
    model, a = network(), batch(9)
    other = copy.deepcopy(model)
    preconditioner = proxprop.Preconditioner(model, tau_theta=0.3)
    for part in a.split([4, 3, 2]):
        loss_of(model, part).backward()
    preconditioner.step()
    whole = proxprop.Preconditioner(other, tau_theta=0.3)
    loss_of(other, a).backward()
    whole.step()
    assert relative_error(gradients(model), gradients(other)) < 1e-10


def test_reused_and_tied_layers_take_one_step():
    shared, twin = nn.Linear(4, 4), nn.Linear(4, 4)
    twin.weight, twin.bias = shared.weight, shared.bias
    model = nn.Sequential(shared, nn.Tanh(), twin, nn.Tanh(), shared, nn.Linear(4, 2)).double()
    twin.weight, twin.bias = shared.weight, shared.bias
    converted = proxprop.convert(model, 0.3, inplace=False).model
    a = torch.randn(5, 4, dtype=torch.double)
    loss_of(converted, a).backward()
    preconditioner = proxprop.Preconditioner(model, tau_theta=0.3)
    loss_of(model, a).backward()
    preconditioner.step()
    assert relative_error(gradients(model), gradients(converted)) < 1e-12


class Projections(nn.Module):
    """Queries, keys and values of one input, and an output layer."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(4, 4), nn.Linear(4, 6), nn.Linear(4, 3, bias=False)
        self.out = nn.Linear(13, 2)

    def forward(self, x):
        return self.out(torch.tanh(torch.cat([self.q(x), self.k(x), self.v(x)], -1)))


@pytest.mark.parametrize("solver", [proxprop.Exact(), proxprop.CG(2), proxprop.CG(2, coupling="joint")])
def test_layers_that_share_an_input_share_its_gram(solver, monkeypatch):
    model, a = Projections().double(), torch.randn(2, 5, 4, dtype=torch.double)
    converted = proxprop.convert(model, 0.3, solver, inplace=False).model
    (loss_of(converted, a) + loss_of(converted, 2 * a)).backward()
    preconditioner = proxprop.Preconditioner(model, tau_theta=0.3, solver=solver)
    for part in (a, 2 * a):
        loss_of(model, part).backward()
    solves, ops = [], proxprop._joint_solve.ops

    class Counted:
        def linear_direction(self, *arguments, **options):
            solves.append(arguments)
            return ops.linear_direction(*arguments, **options)

    monkeypatch.setattr(proxprop._joint_solve, "ops", Counted())
    preconditioner.step()
    assert len(solves) == (3 if solver == proxprop.CG(2, coupling="joint") else 2)  # with bias, without
    assert relative_error(gradients(model), gradients(converted)) < 1e-11


def test_layers_that_cannot_be_watched_are_warned_of():
    model = nn.Sequential(nn.Embedding(5, 4), nn.TransformerEncoderLayer(4, 2, 8), nn.Linear(4, 2))
    with pytest.warns(UserWarning, match="keeps its gradient") as caught:
        proxprop.Preconditioner(model)
    assert [str(w.message).split("'")[1] for w in caught] == ["0", "1.self_attn"]


def test_padded_rows_are_left_out():
    model, a = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)).double(), torch.randn(2, 5, 4).double()
    converted = proxprop.convert(model, 0.3, inplace=False).model
    mask = torch.rand(2, 5) < 0.6
    preconditioner = proxprop.Preconditioner(model, tau_theta=0.3)
    for net in (model, converted):
        with proxprop.row_mask(mask):
            z = net(a)
        z[mask].square().sum().backward()
    preconditioner.step()
    assert relative_error(gradients(model)[:2], gradients(converted)[:2]) < 1e-12
    converted.zero_grad()
    converted(a[mask]).square().sum().backward()  # the batch without the padding
    assert relative_error(gradients(model)[:2], gradients(converted)[:2]) < 1e-12


def test_transposed_convolutions_of_any_output_size():
    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.up, self.head = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1), nn.Conv2d(3, 1, 1)

        def forward(self, x):
            return self.head(self.up(x, output_size=[10, 9]))

    model, a = Decoder().double(), torch.randn(4, 2, 5, 5).double()
    converted = proxprop.convert(model, 0.3, inplace=False).model
    loss_of(converted, a).backward()
    preconditioner = proxprop.Preconditioner(model, tau_theta=0.3)
    loss_of(model, a).backward()
    preconditioner.step()
    assert relative_error(gradients(model), gradients(converted)) < 1e-12


def test_ranks_that_would_step_alone_are_refused():
    from torch.testing._internal.distributed.fake_pg import FakeStore

    preconditioner = proxprop.Preconditioner(network())
    torch.distributed.init_process_group("fake", store=FakeStore(), rank=0, world_size=2)
    try:
        with pytest.raises(RuntimeError, match="give the Preconditioner their process_group"):
            preconditioner.step()
        with pytest.raises(RuntimeError, match="give the Preconditioner their process_group"):
            proxprop.Preconditioner(network())
    finally:
        torch.distributed.destroy_process_group()


def test_groups_have_their_own_options_and_schedules():
    model, a = network(), batch()
    preconditioner = proxprop.Preconditioner(
        model,
        tau_theta=0.3,
        groups=[{"modules": [model[4]], "tau_theta": lambda step: 0.1 / (1 + step), "solver": proxprop.CG(2)}],
    )
    expected = copy.deepcopy(model)
    for step in range(2):
        proxprop.convert(expected, 0.3)
        expected[4].set_step(0.1 / (1 + step), proxprop.CG(2), "sum")
        for net in (model, expected):
            net.zero_grad()
            loss_of(net, a).backward()
        preconditioner.step()
        assert relative_error(gradients(model), gradients(expected)) < 1e-12
    with pytest.raises(ValueError, match="a group has 'modules'"):
        proxprop.Preconditioner(model, groups=[{"params": [], "tau_theta": 1.0}])


def test_gradients_that_were_thrown_away_leave_no_trace():
    model, a = network(), batch()
    preconditioner = proxprop.Preconditioner(model)
    loss_of(model, batch()).backward()
    model.zero_grad()  # to None: noticed
    loss_of(model, a).backward()
    preconditioner.step()
    clean = [g.clone() for g in gradients(model)]
    model.zero_grad(set_to_none=False)
    loss_of(model, batch()).backward()
    model.zero_grad(set_to_none=False)  # to zero: said
    preconditioner.reset()
    loss_of(model, a).backward()
    preconditioner.step()
    assert relative_error(gradients(model), clean) < 1e-13


def test_evaluation_and_unreached_layers_are_left_alone():
    model = nn.ModuleDict({"used": nn.Linear(4, 4), "unused": nn.Linear(4, 4), "head": nn.Linear(4, 2)})
    preconditioner = proxprop.Preconditioner(model)
    a = torch.randn(5, 4)
    model["unused"](a)  # recorded, never run backward
    with torch.no_grad():
        model["used"](a)
    model["head"](model["used"](input=a)).sum().backward()
    preconditioner.step()
    assert model["unused"].weight.grad is None
    weight, _ = proxprop.linear_direction(a, model["head"].weight.sum(0).expand(5, 4), tau_theta=1.0)
    assert relative_error(model["used"].weight.grad, weight) < 1e-5


def test_state_goes_by_parameter_name():
    model = network()
    one = proxprop.Preconditioner(model, tau_theta=0.3)
    one.step()
    state = one.state_dict()
    names = ["0.weight", "2.weight", "4.weight"]
    assert state == {"steps": 1, "tau_theta": dict.fromkeys(names, 0.3), "solver": {name: [] for name in names}}
    other = proxprop.Preconditioner(network())
    other.load_state_dict(state)
    assert other.state_dict() == state
    with pytest.raises(ValueError, match="another model or filter"):
        proxprop.Preconditioner(network(), filter=lambda name, module: name == "0").load_state_dict(state)


def test_removed_hooks_watch_no_more():
    model = network()
    preconditioner = proxprop.Preconditioner(model)
    preconditioner.remove()
    loss_of(model, batch()).backward()
    before = [g.clone() for g in gradients(model)]
    preconditioner.step()
    assert all(torch.equal(x, y) for x, y in zip(before, gradients(model), strict=True))
