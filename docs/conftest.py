"""The Python in the pages is run by pytest, in this namespace; examples with >>> must print what they show."""

import pytest
import torch
from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser

import proxprop


def small_network() -> torch.nn.Module:
    """What the pages call `model`."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(3, 4, 5, stride=4), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(196, 8), nn.Linear(8, 10)
    )


def names() -> dict[str, object]:
    """What pages and docstrings take as given."""
    return {
        "torch": torch,
        "nn": torch.nn,
        "proxprop": proxprop,
        "model": small_network(),
        "layer": proxprop.nn.Linear(4, 3),
        "loader": [(torch.randn(8, 3072), torch.randint(0, 10, (8,)))],
    }


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["*.md"],
    setup=lambda namespace: namespace.update(names()),
).pytest()


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)
