"""Loads the operators `torch.ops.proxprop` of the C++ library."""

from typing import Any, cast

import torch

from proxprop._build_info import torch_version
from proxprop._files import built_file

# torch.ops and torch.classes are filled at run time, which no type checker sees.
_torch_ops = cast(Any, torch.ops)


def _load() -> None:
    installed = torch.__version__.split("+")[0]
    # The C++ interface of LibTorch changes with the minor version.
    if installed.split(".")[:2] != torch_version.split(".")[:2]:
        raise ImportError(
            f"proxprop was built for torch {torch_version}, but torch {installed} is installed; "
            "install that version, or build proxprop again: pip install . --no-build-isolation"
        )
    _torch_ops.load_library(built_file("lib/libproxprop_torch.so"))


_load()
ops = _torch_ops.proxprop
ParameterTracker = cast(Any, torch.classes).proxprop.ParameterTracker
