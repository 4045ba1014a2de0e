"""Which layers of a model can take a proximal step, and why the others cannot."""

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch.nn import Module, Parameter

import proxprop.nn as proximal
from proxprop._sharding import is_wrapper, refuse, refuse_sharded_module

Filter = Callable[[str, Module], bool]

PROXIMAL_CLASSES: dict[type[Module], type[proximal.ProximalLayer]] = {
    torch.nn.Linear: proximal.Linear,
    torch.nn.Conv1d: proximal.Conv1d,
    torch.nn.Conv2d: proximal.Conv2d,
    torch.nn.Conv3d: proximal.Conv3d,
    torch.nn.ConvTranspose1d: proximal.ConvTranspose1d,
    torch.nn.ConvTranspose2d: proximal.ConvTranspose2d,
    torch.nn.ConvTranspose3d: proximal.ConvTranspose3d,
    torch.nn.MultiheadAttention: proximal.MultiheadAttention,
}
# Modules that hold a linear map which is reached in another way than by calling a layer of the classes above.
_OTHER_LINEAR_MAPS = (
    torch.nn.modules.conv._ConvNd,
    torch.nn.Linear,
    torch.nn.Bilinear,
    torch.nn.Embedding,
    torch.nn.EmbeddingBag,
    torch.nn.RNNBase,
    torch.nn.RNNCellBase,
)


@dataclass
class Candidate:
    """One module with parameters of its own."""

    name: str
    module: Module
    reason: str = ""  # why it stays as it is; empty for a layer that takes the step
    by_choice: bool = False  # whether that is the default's or the caller's choice rather than a limit
    tied: list["Candidate"] = field(default_factory=list)  # those that share all its parameters, itself included

    @property
    def taken(self) -> bool:
        return not self.reason

    @property
    def own_parameters(self) -> list[Parameter]:
        return _own_parameters(self.module)


def select(model: Module, chosen: Filter | None) -> list[Candidate]:
    """Every module of `model` that has parameters of its own, in the order of `named_modules`.

    Without `chosen` all possible layers are taken but the output layer: the last linear one in that order. Raises
    RuntimeError where the parameters of a layer that would be taken are sharded.
    """
    wrapper = next((name for name, module in model.named_modules() if is_wrapper(module)), None)
    if wrapper is not None:
        refuse(f"'{wrapper}'")
    candidates = [Candidate(name, module) for name, module in model.named_modules() if _own_parameters(module)]
    owners: dict[int, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        for parameter in candidate.own_parameters:
            owners[id(parameter)].append(candidate)
    parts = {id(part): whole for whole in model.modules() if _owns_its_parts(whole) for part in _inside(whole)}
    for candidate in candidates:
        whole = parts.get(id(candidate.module))
        candidate.by_choice = whole is not None
        part = f"part of a {type(whole).__name__}, which decides its step" if whole is not None else ""
        candidate.reason = part or _limit(candidate.module) or _tie_limit(candidate, owners)
        candidate.tied = owners[id(candidate.own_parameters[0])]
    last = next((c.module for c in reversed(candidates) if holds_linear_map(c.module)), None)
    output = parts.get(id(last), last)
    for candidate in candidates:
        if holds_linear_map(candidate.module) and _wanted(candidate, chosen, output):
            refuse_sharded_module(f"layer '{candidate.name}'", candidate.module)
    _choose(candidates, chosen, output)
    return candidates


def _wanted(candidate: Candidate, chosen: Filter | None, output: Module | None) -> bool:
    return candidate.module is not output if chosen is None else chosen(candidate.name, candidate.module)


def _choose(candidates: list[Candidate], chosen: Filter | None, output: Module | None) -> None:
    possible = [c for c in candidates if c.taken]
    for candidate in possible:
        if not _wanted(candidate, chosen, output):
            explicit = "output layer: its step stays explicit (eq. 8 and 12)"
            candidate.reason = explicit if chosen is None else "left out by the filter"
        candidate.by_choice = bool(candidate.reason)
    for candidate in possible:
        left_out = [other.name for other in candidate.tied if other.by_choice]
        if candidate.taken and left_out:
            candidate.reason = f"shares its parameters with '{left_out[0]}', which was left out"
            candidate.by_choice = True


def _own_parameters(module: Module) -> list[Parameter]:
    return list(module.parameters(recurse=False))


def report_limits(candidates: list[Candidate], strict: bool = False) -> None:
    """Warns of each layer with a linear map that cannot take the step; `strict` raises ValueError instead."""
    for candidate in candidates:
        if candidate.taken or candidate.by_choice or not holds_linear_map(candidate.module):
            continue
        message = f"proxprop: layer '{candidate.name}' keeps its gradient: {candidate.reason}"
        if strict:
            raise ValueError(message)
        warnings.warn(message, stacklevel=3)


def _inside(module: Module) -> Iterator[Module]:
    return (part for part in module.modules() if part is not module)


def _owns_its_parts(module: Module) -> bool:
    """Whether the module reads its submodules' parameters and steps for them."""
    attention = base_class(module) is torch.nn.MultiheadAttention and not _limit(module)
    return attention or isinstance(module, proximal.LinearMap)


def base_class(module: Module) -> type[Module] | None:
    """The torch.nn class of a layer that can take the step; None for other modules."""
    for theirs, ours in PROXIMAL_CLASSES.items():
        if type(module) in (theirs, ours):
            return theirs
    return None


def _limit(module: Module) -> str:
    kind = type(module).__name__
    if base_class(module) is torch.nn.MultiheadAttention:
        plain = module._qkv_same_embed_dim and module.bias_k is None and not module.add_zero_attn
        return "" if plain else "its kdim, vdim, add_bias_kv or add_zero_attn are not supported"
    if base_class(module) is not None:
        computed = not isinstance(module._parameters.get("weight"), Parameter)
        return "its weight is computed from other parameters (weight_norm, pruning)" if computed else ""
    if isinstance(module, torch.nn.modules.lazy.LazyModuleMixin):
        return "its sizes are not known yet: run a forward pass first"
    if isinstance(module, _OTHER_LINEAR_MAPS):
        return f"no proximal step for {kind} (LinearMap makes one for a linear map of one input)"
    return f"{kind} is not a linear layer"


def holds_linear_map(module: Module) -> bool:
    return base_class(module) is not None or isinstance(module, _OTHER_LINEAR_MAPS)


def _tie_limit(candidate: Candidate, owners: dict[int, list[Candidate]]) -> str:
    mine = [id(p) for p in candidate.own_parameters]
    for other in _others(candidate, owners):
        if base_class(other.module) is not base_class(candidate.module):
            return f"shares a parameter with '{other.name}', which takes no proximal step"
        if [id(p) for p in other.own_parameters] != mine or not _same_geometry(candidate.module, other.module):
            return f"shares only a part of its parameters or geometry with '{other.name}'"
    return ""


def _others(candidate: Candidate, owners: dict[int, list[Candidate]]) -> Iterator[Candidate]:
    for parameter in candidate.own_parameters:
        yield from (other for other in owners[id(parameter)] if other is not candidate)


def _same_geometry(one: Module, other: Module) -> bool:
    names = ("stride", "padding", "dilation", "groups", "padding_mode")
    return all(getattr(one, name, None) == getattr(other, name, None) for name in names)
