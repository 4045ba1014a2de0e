"""`convert` makes the layers of an existing model proximal, `revert` takes that back."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

from torch.distributed import ProcessGroup
from torch.nn import Module

from proxprop._input_groups import input_groups
from proxprop._selection import PROXIMAL_CLASSES, Candidate, Filter, base_class, report_limits, select
from proxprop.nn import Linear, ProximalLayer
from proxprop.nn._shared_input import SharedInput
from proxprop.solvers import Exact, Scaling, Solver, check_step, with_group


@dataclass(frozen=True)
class ConvertedLayer:
    """One row of a `Conversion`."""

    name: str
    """As in ``named_modules``."""
    kind: str
    """Class of the layer in torch.nn."""
    step: str
    """The solver of its proximal step; empty where the layer stayed as it is."""
    reason: str
    """Why the layer stayed as it is; empty for a proximal one."""
    shares_with: tuple[str, ...] = ()
    """Other layers whose Gram matrix, and solve, is also this layer's where all are called with one tensor."""


@dataclass(frozen=True)
class Conversion:
    """What `convert` did: the model, and a row for each layer with parameters. Prints as a table."""

    model: Module
    """The converted model: the one given, or a copy of it."""
    layers: list[ConvertedLayer]
    """In the order of ``named_modules``."""

    def __str__(self) -> str:
        header = ("layer", "kind", "step", "why not")
        rows = [header, *((row.name or "(model)", row.kind, _step(row), row.reason) for row in self.layers)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )


def convert(
    model: Module,
    tau_theta: float = 1.0,
    solver: Solver = Exact(),
    filter: Filter | None = None,
    inplace: bool = True,
    *,
    scaling: Scaling = "sum",
    strict: bool = False,
    process_group: ProcessGroup | None = None,
    shared_input: Sequence[Sequence[str]] | None = None,
) -> Conversion:
    """Makes the fully connected, convolutional and attention layers of `model` proximal.

    Modules and parameters stay the same objects - only the class of a layer changes - so that optimizers, hooks, tied
    weights, devices, dtypes and every other reference to them hold. Layers that share all their parameters take one
    step together.

    Parameters
    ----------
    model
        Any module. Layers that are proximal already get the new options.
    tau_theta, solver, scaling
        See `proxprop.nn.ProximalLayer`.
    filter
        ``filter(name, module)`` says whether a layer becomes proximal. Default: all but the output layer, which is
        taken to be the last one in the order of ``model.named_modules()`` (eq. 8 and 12 of the paper).
    inplace
        False: a deep copy is converted, and `model` stays as it is.
    strict
        Raise where a layer with a linear map cannot become proximal, rather than warn.
    process_group
        The ranks that take the layers' steps together, such as ``torch.distributed.group.WORLD``: with B / R samples on
        each of R ranks the steps of one rank with all B, for the mean of the ranks' losses. For the other parameters,
        and for equal ones at the start, wrap the model in `torch.nn.parallel.DistributedDataParallel`.
    shared_input
        Groups of names of fully connected layers that are called with one tensor, whose steps one Gram matrix and one
        solve are to give. Default: layers side by side with the names that well-known models give to projections to
        queries, keys and values and to gated feedforward layers; ``[]``: none. Layers of a group whose inputs turn out
        not to be one tensor take the same steps by solves of their own, later in the backward pass; so do all layers
        with a solver that keeps something from step to step or couples outputs.

    Returns
    -------
    Conversion
        The model, and a table that says for each layer what became of it and why. Norms and other layers without a
        linear map are in the table without a warning.

    Raises
    ------
    ValueError
        For invalid options; with `strict`, for a layer that cannot become proximal. The model is then unchanged.
    RuntimeError
        For a layer whose parameters are sharded over ranks; layers that were converted refuse to be sharded later.

    Examples
    --------
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.LayerNorm(4), torch.nn.Linear(4, 2))
    >>> print(proxprop.convert(model, tau_theta=0.05, solver=proxprop.CG(3)))
    layer  kind       step  why not
    0      Linear     cg3
    1      LayerNorm  -     LayerNorm is not a linear layer
    2      Linear     -     output layer: its step stays explicit (eq. 8 and 12)
    """
    solver = with_group(solver, process_group)
    check_step(tau_theta, solver, scaling)
    if not inplace:
        model = copy.deepcopy(model)
    candidates = select(model, filter)
    report_limits(candidates, strict)
    groups = input_groups(candidates, shared_input) if solver.joins_layers else []
    for candidate in candidates:
        if candidate.taken:
            _make_proximal(candidate, tau_theta, solver, scaling)
    for group in groups:
        _share_input([candidate.module for candidate in group])
    names = {candidate.name: [other.name for other in group] for group in groups for candidate in group}
    return Conversion(model, [_row(candidate, names.get(candidate.name, [])) for candidate in candidates])


def revert(model: Module) -> Module:
    """Turns the proximal layers of `model` into those of torch.nn, in place; parameters stay the same objects.

    Parameters
    ----------
    model
        Any module. `LinearMap` layers, and those with a closed form, stay.

    Returns
    -------
    Module
        `model` itself.
    """
    for module in model.modules():
        theirs = base_class(module)
        if isinstance(module, ProximalLayer) and theirs is not None:
            module.__class__ = theirs  # type: ignore[assignment]
            for name in ("tau_theta", "solver", "scaling", "_uses", "_output_uses", "_shared_input"):
                module.__dict__.pop(name, None)
    return model


def _make_proximal(candidate: Candidate, tau_theta: float, solver: Solver, scaling: Scaling) -> None:
    layer = candidate.module
    if not isinstance(layer, ProximalLayer):
        layer.__class__ = PROXIMAL_CLASSES[type(layer)]
    assert isinstance(layer, ProximalLayer)
    layer.set_step(tau_theta, solver, scaling)
    if isinstance(layer, Linear):
        layer.share_input(None)
    first = candidate.tied[0].module
    if isinstance(first, ProximalLayer):
        layer.share_uses(first)


def _share_input(layers: Sequence[Module]) -> None:
    linear = [layer for layer in layers if isinstance(layer, Linear)]
    group = SharedInput(linear)
    for layer in linear:
        layer.share_input(group)


def _row(candidate: Candidate, group: Sequence[str]) -> ConvertedLayer:
    layer = candidate.module
    theirs = base_class(layer) or type(layer)
    step = str(layer.solver) if isinstance(layer, ProximalLayer) else ""
    others = tuple(name for name in group if name != candidate.name)
    return ConvertedLayer(candidate.name, theirs.__name__, step, candidate.reason, others)


def _step(row: ConvertedLayer) -> str:
    others = ", ".join(name.rpartition(".")[2] for name in row.shares_with)
    return f"{row.step}, one Gram with {others}" if others else row.step or "-"
