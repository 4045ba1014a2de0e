"""Proximal multi-head attention."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import dropout, scaled_dot_product_attention

from proxprop.nn._layer import ProximalLayer, Uses, use
from proxprop.nn._rows import masked_linear
from proxprop.solvers import Exact, Scaling, Solver, step_arguments


class MultiheadAttention(ProximalLayer, torch.nn.MultiheadAttention):
    """`torch.nn.MultiheadAttention` whose four projections take proximal steps.

    Queries, keys and values that are projections of one input share its Gram matrix: one solve serves all three. Where
    keys and values have another input than queries (cross attention) there are two. Padded positions are samples of
    the step like others; `proxprop.row_mask` leaves them out. See `ProximalLayer`.

    Parameters
    ----------
    embed_dim, num_heads, dropout, bias, batch_first, device, dtype
        As in torch.nn. `kdim`, `vdim`, `add_bias_kv` and `add_zero_attn` are not supported.
    tau_theta
        Step size of the proximal mapping (eq. 11 of the paper), positive.
    solver
        A `proxprop.Solver`; `CG` is per output unless told otherwise.
    scaling
        ``"sum"`` or ``"mean"``.

    Examples
    --------
    >>> attention = proxprop.nn.MultiheadAttention(16, 4, batch_first=True, tau_theta=0.1)
    >>> x = torch.randn(2, 5, 16)
    >>> output, weights = attention(x, x, x)
    >>> output.shape, weights.shape
    (torch.Size([2, 5, 16]), torch.Size([2, 5, 5]))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        batch_first: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        tau_theta: float = 1.0,
        solver: Solver = Exact(),
        scaling: Scaling = "sum",
    ) -> None:
        torch.nn.MultiheadAttention.__init__(
            self, embed_dim, num_heads, dropout, bias, batch_first=batch_first, device=device, dtype=dtype
        )
        self.set_step(tau_theta, solver, scaling)

    _output_uses: Uses

    def set_step(self, tau_theta: float, solver: Solver, scaling: Scaling) -> None:
        super().set_step(tau_theta, solver, scaling)
        if "_output_uses" not in self.__dict__:
            self._output_uses = Uses()

    def share_uses(self, other: ProximalLayer) -> None:
        super().share_uses(other)
        assert isinstance(other, MultiheadAttention)
        self._output_uses = other._output_uses

    def solver_state(self) -> list[Tensor]:
        state: list[Tensor] = super().solver_state() + self._output_uses.tracker.solver_state()
        return state

    def load_solver_state(self, state: list[Tensor]) -> None:
        half = len(state) // 2  # both projections have taken a step, or neither
        super().load_solver_state(state[:half])
        self._output_uses.tracker.load_solver_state(state[half:])

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        if is_causal and attn_mask is None:
            raise RuntimeError("is_causal is a hint that attn_mask is causal: it needs attn_mask")
        sequence_first = query.dim() == 3 and not self.batch_first
        q, k, v = (self._heads(x, sequence_first) for x in self._project(query, key, value))
        mask = _joined_mask(attn_mask, key_padding_mask, q)
        if need_weights:
            scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
            weights = torch.softmax(scores if mask is None else scores + mask, -1)
            mixed = dropout(weights, self.dropout, self.training) @ v
        else:
            weights = None
            mixed = scaled_dot_product_attention(q, k, v, mask, self.dropout if self.training else 0.0)
        joined = mixed.transpose(1, 2).flatten(2)  # [N, L, embed_dim]
        if query.dim() == 2:
            joined = joined.squeeze(0)
        elif sequence_first:
            joined = joined.transpose(0, 1)
        output = masked_linear(self._use_output, joined, self.out_proj.weight, self.out_proj.bias)
        if weights is not None and average_attn_weights:
            weights = weights.mean(1)
        return output, weights.squeeze(0) if weights is not None and query.dim() == 2 else weights

    def _use_output(self, kind: str, *arguments: Any, **options: Any) -> Tensor:
        step = step_arguments(self.tau_theta, self.solver, self.scaling)
        return use(self._output_uses, kind, *arguments, *step, **options)

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, ...]:
        weight: Any = self.in_proj_weight
        if query is key and key is value:
            return masked_linear(self._use, query, weight, self.in_proj_bias).chunk(3, -1)
        if self.solver.keeps_state:
            raise RuntimeError(
                f"proxprop: solver '{self.solver}' keeps one Gram matrix, and cross attention has several; "
                "take Exact() or CG()"
            )
        # Rows of the weight are outputs of their own: the parts' steps are the step of the whole.
        width = self.embed_dim
        parts = [(query, 0, 1), (key, 1, 3)] if key is value else [(query, 0, 1), (key, 1, 2), (value, 2, 3)]
        projected: list[Tensor] = []
        for input, first, last in parts:
            rows = slice(first * width, last * width)
            bias = None if self.in_proj_bias is None else self.in_proj_bias[rows]
            output = masked_linear(self._use, input, weight[rows], bias)
            projected += output.chunk(last - first, -1)
        return tuple(projected)

    def _heads(self, x: Tensor, sequence_first: bool) -> Tensor:
        """``[N, heads, L, embed_dim / heads]``."""
        batch = x.unsqueeze(0) if x.dim() == 2 else x
        batch = batch.transpose(0, 1) if sequence_first else batch
        return batch.reshape(*batch.shape[:2], self.num_heads, self.head_dim).transpose(1, 2)


def _joined_mask(attn_mask: Tensor | None, key_padding_mask: Tensor | None, q: Tensor) -> Tensor | None:
    """What is added to the scores ``[N, heads, L, S]``; boolean masks are True where nothing may be seen."""
    parts = []
    if attn_mask is not None:
        batched = attn_mask.view(*q.shape[:2], *attn_mask.shape[1:]) if attn_mask.dim() == 3 else attn_mask
        parts.append(_additive(batched, q))
    if key_padding_mask is not None:
        batched = key_padding_mask if key_padding_mask.dim() == 2 else key_padding_mask.unsqueeze(0)
        parts.append(_additive(batched[:, None, None, :], q))
    return None if not parts else parts[0] if len(parts) == 1 else parts[0] + parts[1]


def _additive(mask: Tensor, q: Tensor) -> Tensor:
    if mask.dtype != torch.bool:
        return mask.to(q.dtype)
    return torch.zeros_like(mask, dtype=q.dtype).masked_fill_(mask, -math.inf)
