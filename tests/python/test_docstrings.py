"""Examples in docstrings print what they show."""

import doctest
import importlib
import pkgutil

import pytest
import torch

import proxprop

MODULES = ["proxprop", *(m.name for m in pkgutil.walk_packages(proxprop.__path__, "proxprop."))]


@pytest.mark.parametrize("name", [name for name in MODULES if "__main__" not in name])
def test_examples_print_what_they_show(name):
    names = {"torch": torch, "proxprop": proxprop}
    assert doctest.testmod(importlib.import_module(name), extraglobs=names).failed == 0
