"""Layers that are called with one tensor: one solve, and the steps that each would take by itself."""

import copy
import pickle

import pytest
import torch
from reference import as_parameters, direction, relative_error, sample_matrix
from torch import nn
from torch.utils.checkpoint import checkpoint

import proxprop

INPUTS, NAMES, TAU = 6, ("q_proj", "k_proj", "v_proj"), 0.4
SOLVERS = [proxprop.Exact(), proxprop.CG(3), proxprop.CG(2, coupling="joint"), proxprop.RunningGram()]


class Projections(nn.Module):
    """Three layers of one input, of different widths, as with grouped queries; `cross`: the last two have another."""

    def __init__(self):
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(INPUTS, outputs) for outputs in (4, 2, 3))
        self.head = nn.Linear(4 + 2 + 3, 2)
        self.double()

    def forward(self, x, cross=None):
        other = x if cross is None else cross
        return self.head(torch.cat([self.q_proj(x), self.k_proj(other), self.v_proj(other)], -1).tanh())

    def projections(self):
        return [getattr(self, name) for name in NAMES]


def pair(solver=proxprop.Exact(), scaling="sum"):
    """A model whose projections share their input, and one whose projections are solved one by one."""
    shared = Projections()
    alone = copy.deepcopy(shared)
    proxprop.convert(shared, TAU, solver, scaling=scaling)
    proxprop.convert(alone, TAU, solver, scaling=scaling, shared_input=[])
    return shared, alone


def rows(*size):
    return torch.randn(*size, INPUTS, dtype=torch.double)


def steps(model, *inputs, **named):
    model.zero_grad()
    model(*inputs, **named).square().sum().backward()
    return [p.grad for p in model.parameters()]


def storages(model, loss):
    """Of the directions of the weights: those of one solve lie in one memory."""
    weights = [layer.weight for layer in model.projections()]
    return [v.untyped_storage().data_ptr() for v in torch.autograd.grad(loss, weights)]


@pytest.mark.parametrize("scaling", ["sum", "mean"])
@pytest.mark.parametrize("solver", SOLVERS, ids=str)
@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("samples", [3, 40])
def test_steps_are_those_of_layers_by_themselves(solver, scaling, cross, samples):
    shared, alone = pair(solver, scaling)
    x, named = rows(samples, 2), {"cross": rows(samples, 2)} if cross else {}
    assert relative_error(steps(shared, x, **named), steps(alone, x, **named)) < 1e-12


def test_the_step_is_the_reference_of_one_layer():
    shared, _ = pair()
    x, gs = rows(20), [torch.randn(20, n, dtype=torch.double) for n in (4, 2, 3)]
    torch.autograd.backward([layer(x) for layer in shared.projections()], gs)
    for layer, g in zip(shared.projections(), gs, strict=True):
        v = direction(sample_matrix(x.numpy()), g.numpy()[None], TAU)
        assert relative_error([layer.weight.grad, layer.bias.grad], list(as_parameters(v, layer.weight.shape))) < 1e-11


def test_one_solve_for_those_that_have_one_input():
    shared, alone = pair()
    x, other = rows(5), rows(5)
    assert len(set(storages(shared, shared(x).sum()))) == 1
    assert len(set(storages(alone, alone(x).sum()))) == 3
    query, key, value = storages(shared, shared(x, other).sum())
    assert key == value != query


def test_the_table_says_who_shares():
    model = nn.Sequential(Projections(), nn.Linear(2, 2))
    table = proxprop.convert(model, TAU)
    found = {row.name: row.shares_with for row in table.layers}
    assert found["0.q_proj"] == ("0.k_proj", "0.v_proj") and found["0.head"] == ()
    assert "exact, one Gram with k_proj, v_proj" in str(table)
    assert "one Gram" not in str(proxprop.convert(model, TAU, proxprop.RunningGram()))


@pytest.mark.parametrize("frozen", ["k_proj.bias", "k_proj.weight", "k_proj", "q_proj"])
def test_what_is_frozen_stays_out(frozen):
    shared, alone = pair()
    for model in (shared, alone):
        target = model.get_parameter(frozen) if "." in frozen else model.get_submodule(frozen)
        target.requires_grad_(False)
    x = rows(7)
    found, expected = (steps(model, x) for model in (shared, alone))
    assert [g is None for g in found] == [g is None for g in expected]
    assert relative_error(found, expected) < 1e-12


def test_a_pass_that_reaches_some_layers_steps_for_those():
    shared, alone = pair()
    x = rows(7)
    for model in (shared, alone):
        q, k, v = (layer(x) for layer in model.projections())
        (q.square().sum() + v.sum()).backward()
        k.exp().sum().backward()
        k_only = torch.autograd.grad(model.k_proj(x).sum(), model.k_proj.weight)
        model.k_proj.weight.grad += k_only[0]
    found, expected = ([p.grad for p in m.parameters() if p.grad is not None] for m in (shared, alone))
    assert len(found) == 6 and relative_error(found, expected) < 1e-12


def test_several_uses_take_one_step():
    shared, alone = pair()
    x, y = rows(7), rows(4, 2)
    for model in (shared, alone):
        loss = model(x).sum() + model(y, rows(4, 2) * 0 + 1).square().sum() + model.k_proj(x).square().sum()
        loss.backward(retain_graph=True)
        loss.backward()
    assert relative_error([p.grad for p in shared.parameters()], [p.grad for p in alone.parameters()]) < 1e-12


def test_an_input_that_changed_in_between_is_refused():
    shared, _ = pair()
    x = rows(7).requires_grad_().clone()
    q = shared.q_proj(x)
    x.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        (q.sum() + shared.k_proj(x).sum()).backward()


def test_views_of_one_memory_are_not_one_input():
    shared, alone = pair()
    square = torch.randn(INPUTS, INPUTS, dtype=torch.double)
    for model in (shared, alone):
        (model.q_proj(square).square().sum() + model.k_proj(square.t()).square().sum()).backward()
    for name in NAMES[:2]:
        found, expected = (list(m.get_submodule(name).parameters()) for m in (shared, alone))
        assert relative_error([p.grad for p in found], [p.grad for p in expected]) < 1e-12


def test_an_option_of_one_layer_separates_it():
    shared, alone = pair()
    for model in (shared, alone):
        model.k_proj.tau_theta = 0.1
    x = rows(7)
    assert relative_error(steps(shared, x), steps(alone, x)) < 1e-12
    assert len(set(storages(shared, shared(x).sum()))) == 3


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing(reentrant):
    shared, alone = pair()
    x = rows(7).requires_grad_()
    for model in (shared, alone):
        checkpoint(model, x, use_reentrant=reentrant).square().sum().backward()
    assert relative_error([p.grad for p in shared.parameters()], [p.grad for p in alone.parameters()]) < 1e-12


def test_autocast():
    shared, alone = (model.float() for model in pair())
    x = rows(7).float()
    for model in (shared, alone):
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(x).float().square().sum()
        loss.backward()
    assert relative_error([p.grad for p in shared.parameters()], [p.grad for p in alone.parameters()]) < 1e-5


def test_padding_stays_outside_of_one_solve():
    shared, alone = pair()
    x, mask = rows(3, 5), torch.rand(3, 5) > 0.4
    results = []
    for model in (shared, alone):
        with proxprop.row_mask(mask):
            results.append(steps(model, x))
    assert relative_error(*results) < 1e-12
    with proxprop.row_mask(mask):
        assert len(set(storages(shared, shared(x).sum()))) == 1
        y = rows(3, 5)
        query, key, value = storages(shared, shared(y, x).sum())
        assert key == value != query


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_shares_among_its_own_layers(copied):
    shared, alone = pair()
    x = rows(7)
    shared(x)  # a use in flight
    other = copied(shared)
    assert relative_error(steps(other, x), steps(alone, x)) < 1e-12
    assert len(set(storages(other, other(x).sum()))) == 1
    assert all(p.grad is None for p in shared.parameters())


def test_layers_that_were_reverted_leave_the_group():
    shared, alone = pair()
    for model in (shared, alone):
        proxprop.revert(model.v_proj)
    x = rows(7)
    assert relative_error(steps(shared, x), steps(alone, x)) < 1e-12
    assert "_shared_input" not in proxprop.revert(shared).q_proj.__dict__


def test_converting_again_makes_the_groups_anew():
    shared, _ = pair()
    proxprop.convert(shared, TAU, shared_input=[])
    assert len(set(storages(shared, shared(rows(5)).sum()))) == 3
    proxprop.convert(shared, TAU, shared_input=[["v_proj", "q_proj"]])
    query, key, value = storages(shared, shared(rows(5)).sum())
    assert query == value != key


def test_the_preconditioner_takes_the_same_steps():
    shared, _ = pair()
    plain = proxprop.revert(copy.deepcopy(shared))
    preconditioner = proxprop.Preconditioner(plain, tau_theta=TAU)
    x = rows(9)
    expected = steps(plain, x)
    preconditioner.step()
    assert relative_error(steps(shared, x), expected) < 1e-12


def test_compiled_layers_take_the_same_steps():
    shared, alone = pair()
    x = rows(7)
    expected = steps(alone, x)
    assert relative_error(steps(torch.compile(shared, backend="aot_eager", fullgraph=True), x), expected) < 1e-12


@pytest.mark.parametrize(
    "groups, message",
    [
        ([["q_proj", "o_proj"]], "'o_proj'"),
        (["q_proj", "k_proj"], "sequence of groups"),
        ([["q_proj", "k_proj"], ["k_proj", "v_proj"]], "more than once"),
        ([["q_proj", "q_proj"]], "more than once"),
        ([["q_proj", "head"]], "'head'"),  # the output layer
        ([["q_proj", "narrow"]], "in_features"),
    ],
)
def test_groups_that_are_none_are_refused_and_the_model_stays(groups, message):
    model = nn.ModuleDict({name: nn.Linear(INPUTS, 2) for name in NAMES})
    model.update({"narrow": nn.Linear(3, 2), "head": nn.Linear(INPUTS, 2)})
    with pytest.raises(ValueError, match=message):
        proxprop.convert(model, shared_input=groups)
    assert type(model["q_proj"]) is nn.Linear
