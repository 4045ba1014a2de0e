"""Which fully connected layers of a model are expected to be called with one tensor."""

from collections import defaultdict
from collections.abc import Sequence

import torch

from proxprop._selection import Candidate, base_class

# What well-known models call such layers, side by side in one module: queries, keys and values of attention, and the
# two halves of a gated feedforward layer.
_SIBLINGS = (
    ("query", "key", "value"),
    ("q_proj", "k_proj", "v_proj"),
    ("query_proj", "key_proj", "value_proj"),
    ("q_lin", "k_lin", "v_lin"),
    ("to_q", "to_k", "to_v"),
    ("wq", "wk", "wv"),
    ("q", "k", "v"),
    ("gate_proj", "up_proj"),
    ("wi_0", "wi_1"),
    ("w1", "w3"),
)


def input_groups(candidates: Sequence[Candidate], chosen: Sequence[Sequence[str]] | None) -> list[list[Candidate]]:
    """Groups of two layers and more: those that the caller names, or by the names that well-known models have.

    Raises ValueError for a name that is not that of a fully connected layer which takes the step by itself, for one in
    two groups, and for layers whose numbers of inputs differ.
    """
    possible = {c.name: c for c in candidates if _possible(c)}
    groups = _expected(possible) if chosen is None else [_named(possible, names) for names in chosen]
    members = [c.name for group in groups for c in group]
    twice = sorted({name for name in members if members.count(name) > 1})
    if twice:
        raise ValueError(f"shared_input has {twice} more than once")
    return [group for group in groups if len(group) > 1]


def _possible(candidate: Candidate) -> bool:
    return candidate.taken and base_class(candidate.module) is torch.nn.Linear and len(candidate.tied) == 1


def _expected(possible: dict[str, Candidate]) -> list[list[Candidate]]:
    kinds = {name: i for i, names in enumerate(_SIBLINGS) for name in names}
    groups: dict[tuple[str, int, int], list[Candidate]] = defaultdict(list)
    for name, candidate in possible.items():
        parent, _, own = name.rpartition(".")
        if own in kinds:
            groups[parent, kinds[own], _inputs(candidate)].append(candidate)
    return list(groups.values())


def _named(possible: dict[str, Candidate], names: Sequence[str]) -> list[Candidate]:
    unknown = [name for name in names if name not in possible]
    if unknown or isinstance(names, str):
        raise ValueError(
            "shared_input is a sequence of groups of names of fully connected layers that become proximal and share no "
            f"parameters; {unknown or repr(names)} is none"
        )
    group = [possible[name] for name in names]
    if len({_inputs(candidate) for candidate in group}) > 1:
        raise ValueError(f"layers with one input have the same in_features; {list(names)} have not")
    return group


def _inputs(candidate: Candidate) -> int:
    weight = candidate.module._parameters["weight"]
    assert weight is not None
    return weight.size(1)
