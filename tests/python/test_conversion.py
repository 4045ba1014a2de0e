"""convert and revert: the same objects with another class, and a table that tells the truth."""

import copy
import warnings

import pytest
import torch
from models import ResNet, Transformer, VisionTransformer
from reference import relative_error
from torch import nn

import proxprop


def rows(conversion):
    return {row.name: row for row in conversion.layers}


def mlp():
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3)).double()


def test_all_but_the_output_layer_become_proximal():
    model = mlp()
    table = proxprop.convert(model, tau_theta=0.05, solver=proxprop.CG(3))
    assert [type(model[i]) for i in (0, 2, 4)] == [proxprop.nn.Linear, proxprop.nn.Linear, nn.Linear]
    assert model[0].tau_theta == 0.05 and model[0].solver == proxprop.CG(3)
    assert [row.step for row in table.layers] == ["cg3", "cg3", ""]
    assert "output layer" in table.layers[-1].reason and "output layer" in str(table)


def test_objects_references_and_state_stay_the_same():
    model = mlp()
    before = {name: (id(p), p.data_ptr()) for name, p in model.named_parameters()}
    layer, calls = model[0], []
    layer.register_forward_hook(lambda *_: calls.append(1))
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    assert proxprop.convert(model).model is model and model[0] is layer
    assert before == {name: (id(p), p.data_ptr()) for name, p in model.named_parameters()}
    model(torch.randn(4, 6, dtype=torch.double)).sum().backward()
    old = layer.weight.detach().clone()
    optimizer.step()
    assert calls == [1] and torch.equal(layer.weight, old - layer.weight.grad)


def test_revert_restores_torchs_layers():
    model = mlp()
    attributes = [set(m.__dict__) for m in model]
    state = {k: v.clone() for k, v in model.state_dict().items()}
    assert proxprop.revert(proxprop.convert(model).model) is model
    assert all(type(m) in (nn.Linear, nn.Tanh) for m in model) and attributes == [set(m.__dict__) for m in model]
    assert all(torch.equal(state[k], v) for k, v in model.state_dict().items())


def test_a_copy_leaves_the_model_as_it_is():
    model = mlp()
    converted = proxprop.convert(model, inplace=False).model
    assert type(model[0]) is nn.Linear and type(converted[0]) is proxprop.nn.Linear
    assert converted[0].weight is not model[0].weight


def test_filter_decides_alone():
    model = mlp()
    table = proxprop.convert(model, filter=lambda name, module: name == "4")
    assert [row.reason for row in table.layers] == ["left out by the filter"] * 2 + [""]


def test_converting_again_sets_new_options():
    model = mlp()
    proxprop.convert(model)
    table = proxprop.convert(model, tau_theta=0.1, filter=lambda name, module: name == "0")
    assert (model[0].tau_theta, model[2].tau_theta) == (0.1, 1.0)
    assert [row.step for row in table.layers] == ["exact", "exact", ""]


def test_layers_that_share_parameters_take_one_step_together_copies_too():
    model = mlp()
    model[2].weight, model[2].bias = (nn.Parameter(p.detach().clone()) for p in (model[2].weight, model[2].bias))
    twin = nn.Linear(8, 8)
    twin.weight, twin.bias = model[2].weight, model[2].bias
    model = nn.Sequential(*model[:4], twin, nn.Tanh(), model[4])
    proxprop.convert(model, tau_theta=0.7)
    for net in (model, copy.deepcopy(model)):
        seen = []
        for layer in (net[2], net[4]):
            layer.register_forward_hook(lambda m, a, z, seen=seen: (seen.append((a[0], z)), z.retain_grad())[0])
        net(torch.randn(5, 6, dtype=torch.double)).square().sum().backward()
        a = torch.cat([a for a, _ in seen]).detach()
        g = torch.cat([z.grad for _, z in seen])
        weight, bias = proxprop.linear_direction(a, g, tau_theta=0.7)
        assert relative_error([net[2].weight.grad, net[2].bias.grad], [weight, bias]) < 1e-12


def test_what_cannot_become_proximal_is_warned_of_once_and_raises_when_strict():
    model = nn.Sequential(
        nn.Embedding(10, 8),
        nn.Linear(8, 8),
        nn.LayerNorm(8),
        nn.utils.parametrizations.weight_norm(nn.Linear(8, 8)),
        nn.Bilinear(3, 3, 3),
        nn.Linear(8, 10, bias=False),
        nn.Linear(8, 2),
    )
    model[5].weight = model[0].weight
    original = copy.deepcopy(model)
    with pytest.raises(ValueError, match="layer '0' keeps its gradient: no proximal step for Embedding"):
        proxprop.convert(model, strict=True)
    assert [type(m) for m in model] == [type(m) for m in original]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = rows(proxprop.convert(model))
    warned = sorted(str(w.message).split("'")[1] for w in caught)
    assert warned == ["0", "3", "4", "5"]
    assert "shares a parameter with '0'" in table["5"].reason and "LayerNorm is not" in table["2"].reason
    assert table["1"].step == "exact" and "output layer" in table["6"].reason


def test_linear_maps_keep_their_own_step():
    model = nn.Sequential(proxprop.nn.LinearMap(nn.Linear(4, 4)), nn.Linear(4, 4), nn.Linear(4, 2))
    table = rows(proxprop.convert(model, strict=True))
    assert type(model[0].module) is nn.Linear and "part of a LinearMap" in table["0.module"].reason
    assert table["1"].step == "exact"


def test_invalid_options_leave_the_model_as_it_is():
    model = mlp()
    with pytest.raises(ValueError, match="tau_theta"):
        proxprop.convert(model, tau_theta=0)
    assert type(model[0]) is nn.Linear


NETWORKS = [
    (ResNet, lambda: torch.randn(8, 3, 16, 16), 9),
    (VisionTransformer, lambda: torch.randn(8, 3, 16, 16), 10),
    (Transformer, lambda: torch.randint(0, 20, (8, 12)), 8),
]


@pytest.mark.parametrize("network, make_input, proximal", NETWORKS)
def test_whole_networks_convert_train_and_revert(network, make_input, proximal):
    model, a = network(), make_input()
    target = torch.randint(0, model.classes, (8,))
    plain = copy.deepcopy(model)
    names = list(model.state_dict())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = proxprop.convert(model, tau_theta=0.1)
    assert sum(bool(row.step) for row in table.layers) == proximal, str(table)
    assert relative_error(model(a), plain(a)) < 1e-6
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(a), target)
        loss.backward()
        assert all(p.grad.isfinite().all() for p in model.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0], losses
    assert list(proxprop.revert(model).state_dict()) == names
