"""Rows of a batch that are padding: outside of the step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

_mask: Tensor | None = None


class _Rows(NamedTuple):
    """The rows that count of an input."""

    input: Tensor
    mask: Tensor
    state: tuple[Any, ...]
    counted: Tensor


_last: _Rows | None = None  # layers that are called with one tensor get one tensor of rows


@contextmanager
def row_mask(mask: Tensor) -> Iterator[None]:
    """Leaves the padded positions of sequences out of the steps of fully connected layers.

    Padded positions have inputs like any other, which would enter the Gram matrix although they mean nothing. Within
    this context the layers `proxprop.nn.Linear` and `proxprop.nn.MultiheadAttention`, and a
    `proxprop.Preconditioner`, take the positions where `mask` is True for the samples of the step: V is that of a
    batch without the others, and ``scaling="mean"`` divides by their number. Outputs, and gradients that go to the
    layers below, are those of all positions. Wrap the forward pass; with gradient checkpointing, backward too.

    Parameters
    ----------
    mask
        Boolean, for example ``[N, T]``: True where there is a token. It holds for layers whose input is
        ``[*mask.shape, features]``; others see nothing of it.

    Raises
    ------
    TypeError
        For a mask that is not boolean.

    Examples
    --------
    >>> layer = proxprop.nn.Linear(8, 4, tau_theta=0.1)
    >>> with proxprop.row_mask(torch.tensor([[True, True, False], [True, False, False]])):
    ...     output = layer(torch.randn(2, 3, 8))
    """
    global _mask, _last
    if mask.dtype != torch.bool:
        raise TypeError(f"row_mask needs a boolean mask, True where there is a token, got {mask.dtype}")
    before, _mask = _mask, mask
    try:
        yield
    finally:
        _mask, _last = before, None


def mask_of(input: Tensor) -> Tensor | None:
    """The mask that holds for an input ``[*, features]``, if one does."""
    return _mask if _mask is not None and input.shape[:-1] == _mask.shape else None


def masked_linear(use: Callable[..., Tensor], input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """One use of a linear layer on the rows that count; the others pass with constant parameters."""
    mask = mask_of(input)
    if mask is None:
        return use("linear", input, weight, bias)
    if torch.compiler.is_compiling():  # how many rows count is no shape that could be traced
        return use("linear", input, weight, bias, row_mask=mask)
    counted = use("linear", _counted_rows(input, mask), weight, bias)
    constant = None if bias is None else bias.detach()
    others = torch.nn.functional.linear(input[~mask], weight.detach(), constant)
    output = counted.new_empty(*mask.shape, weight.size(0))
    return output.index_put((mask,), counted).index_put((~mask,), others)


def _counted_rows(input: Tensor, mask: Tensor) -> Tensor:
    global _last
    if not torch.is_grad_enabled() or input.is_inference() or mask.is_inference():
        return input[mask]
    # What is recomputed under checkpointing has hooks of its own, which must see the same tensors each time.
    hooks = torch._C._autograd._top_saved_tensors_default_hooks(True)
    state = (input._version, mask._version, hooks)
    if _last is None or _last.input is not input or _last.mask is not mask or _last.state != state:
        _last = _Rows(input, mask, state, input[mask])
    return _last.counted
