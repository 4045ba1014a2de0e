"""torchvision's networks convert, train and revert; the Preconditioner gives the same directions."""

import copy

import pytest
import torch
from reference import relative_error
from torch import nn

import proxprop

models = pytest.importorskip("torchvision", reason="torchvision is not installed (requirements-python.txt)").models


def resnet():
    return models.resnet18(num_classes=5)


def vision_transformer():
    return models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=32, mlp_dim=64, num_classes=5
    )


# 20 convolutions; 1 convolution, and attention and 2 fully connected layers in each of 2 blocks.
NETWORKS = [(resnet, 20), (vision_transformer, 7)]


def batch(dtype=torch.float):
    return torch.randn(8, 3, 32, 32, dtype=dtype), torch.randint(0, 5, (8,))


@pytest.mark.parametrize("network, proximal", NETWORKS)
def test_converts_trains_and_reverts(network, proximal):
    model, (images, labels) = network(), batch()
    plain = copy.deepcopy(model)
    table = proxprop.convert(model, tau_theta=0.1, strict=True)
    assert sum(bool(row.step) for row in table.layers) == proximal, str(table)
    assert relative_error(model(images), plain(images)) < 1e-4
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        assert all(p.grad.isfinite().all() for p in model.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0], losses
    proxprop.revert(model)
    assert [type(m) for m in model.modules()] == [type(m) for m in plain.modules()]
    plain.load_state_dict(model.state_dict())


@pytest.mark.parametrize("network", [resnet, vision_transformer])
def test_preconditioner_gives_the_directions_of_the_layers(network):
    model, (images, labels) = network().double(), batch(torch.double)
    converted = proxprop.convert(model, tau_theta=0.1, inplace=False).model
    watched = [name for name, m in model.named_modules() if isinstance(m, nn.Linear | nn.Conv2d) and "attn" not in name]
    preconditioner = proxprop.Preconditioner(model, tau_theta=0.1)
    for net in (model, converted):
        nn.functional.cross_entropy(net(images), labels).backward()
    preconditioner.step()
    for name in watched:
        if "self_attention" not in name:
            pair = [net.get_submodule(name).weight.grad for net in (model, converted)]
            assert relative_error(*pair) < 1e-8, name
