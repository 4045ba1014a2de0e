"""Rows of a batch that are padding: outside of the step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

_mask: Tensor | None = None


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
    global _mask
    if mask.dtype != torch.bool:
        raise TypeError(f"row_mask needs a boolean mask, True where there is a token, got {mask.dtype}")
    before, _mask = _mask, mask
    try:
        yield
    finally:
        _mask = before


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
    counted = use("linear", input[mask], weight, bias)
    constant = None if bias is None else bias.detach()
    others = torch.nn.functional.linear(input[~mask], weight.detach(), constant)
    output = counted.new_empty(*mask.shape, weight.size(0))
    return output.index_put((mask,), counted).index_put((~mask,), others)
