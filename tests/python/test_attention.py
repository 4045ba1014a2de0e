"""Attention: torch's outputs, one Gram for the projections of one input, rows of padding outside of the step."""

import copy
from contextlib import nullcontext

import pytest
import torch
from reference import relative_error
from torch import nn

import proxprop

WIDTH, HEADS, TAU = 6, 2, 0.4


def pair(**options):
    theirs = nn.MultiheadAttention(WIDTH, HEADS, dtype=torch.double, **options)
    ours = proxprop.nn.MultiheadAttention(WIDTH, HEADS, dtype=torch.double, tau_theta=TAU, **options)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def tokens(*size):
    return torch.randn(*size, WIDTH, dtype=torch.double, requires_grad=True)


CAUSAL = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
PADDED = torch.tensor([[False] * 5, [False, False, True, True, True]])


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize(
    "masks",
    [
        {},
        {"attn_mask": CAUSAL, "is_causal": True},
        {"key_padding_mask": PADDED},
        {"attn_mask": torch.randn(2 * HEADS, 5, 5), "key_padding_mask": PADDED, "average_attn_weights": False},
    ],
)
@pytest.mark.parametrize("batch_first", [True, False])
def test_output_weights_and_input_gradient_are_torchs(masks, need_weights, batch_first):
    ours, theirs = pair(batch_first=batch_first)
    a = tokens(2, 5) if batch_first else tokens(5, 2)
    results = []
    for attention in (ours, theirs):
        z, weights = attention(a, a, a, need_weights=need_weights, **masks)
        results.append((z, weights, torch.autograd.grad(z.square().sum(), a)[0]))
    for x, y in zip(*results, strict=True):
        assert (x is None) == (y is None) and (x is None or relative_error(x, y) < 1e-12)


@pytest.mark.parametrize("cross", [False, True])
def test_sequences_without_a_batch_and_other_keys(cross):
    ours, theirs = pair(bias=False)
    query, memory = tokens(5), tokens(7)
    source = memory if cross else query
    for x, y in zip(ours(query, source, source), theirs(query, source, source), strict=True):
        assert relative_error(x, y) < 1e-13


def projections(attention, a, run):
    """The gradients of the outputs of both projections, by torch's own attention on parameters that require them."""
    seen = {}

    def watch(name):
        return lambda module, inputs, output: (
            seen.setdefault(name, (inputs[0].detach(), output)) and output.retain_grad()
        )

    plain = SplitAttention(attention)
    plain.qkv.register_forward_hook(watch("qkv"))
    plain.out.register_forward_hook(watch("out"))
    run(plain(a)).backward()
    return {name: (inputs, output.grad) for name, (inputs, output) in seen.items()}


class SplitAttention(nn.Module):
    """The same attention from plain linear layers."""

    def __init__(self, attention):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, dtype=torch.double)
        self.out = nn.Linear(WIDTH, WIDTH, dtype=torch.double)
        self.qkv.weight.data, self.qkv.bias.data = attention.in_proj_weight.data, attention.in_proj_bias.data
        self.out.load_state_dict(attention.out_proj.state_dict())

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        return self.out(nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


@pytest.mark.parametrize("masked", [False, True])
def test_projections_take_the_step_of_their_rows(masked):
    ours, _ = pair(batch_first=True)
    a = tokens(2, 5).detach()
    seen = projections(ours, a, lambda z: z.square().sum())
    rows = ~PADDED if masked else torch.ones(2, 5, dtype=torch.bool)
    with proxprop.row_mask(rows):
        ours(a, a, a, need_weights=False)[0].square().sum().backward()
    for name, parameters in (
        ("qkv", [ours.in_proj_weight, ours.in_proj_bias]),
        ("out", list(ours.out_proj.parameters())),
    ):
        inputs, g = seen[name]
        expected = proxprop.linear_direction(inputs[rows], g[rows], tau_theta=TAU)
        assert relative_error([p.grad for p in parameters], list(expected)) < 1e-11


def test_cross_attention_steps_each_projection_by_its_input():
    ours, _ = pair(batch_first=True)
    query, memory = tokens(2, 5), tokens(2, 7)
    ours(query, memory, memory, need_weights=False)[0].square().sum().backward()
    separate, _ = pair(batch_first=True)
    separate.load_state_dict(ours.state_dict())
    # Equal tensors that are not the same object take the way of three projections.
    separate(query, memory, memory.clone(), need_weights=False)[0].square().sum().backward()
    assert relative_error(ours.in_proj_weight.grad, separate.in_proj_weight.grad) < 1e-11


def test_solvers_that_keep_state_need_one_input():
    attention = proxprop.nn.MultiheadAttention(WIDTH, HEADS, solver=proxprop.RunningGram())
    with pytest.raises(RuntimeError, match="cross attention has several"):
        attention(torch.randn(5, WIDTH), torch.randn(7, WIDTH), torch.randn(7, WIDTH))


@pytest.mark.parametrize("solver", [proxprop.Exact(), proxprop.RunningGram(update_every=2)])
def test_torchs_transformer_converts_trains_and_reverts(solver):
    model = nn.Sequential(
        nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True), 2),
        nn.Linear(8, 3),
    )
    plain = copy.deepcopy(model)
    table = proxprop.convert(model, 0.1, solver, strict=True)
    steps = {row.name: row.step for row in table.layers}
    assert steps["0.layers.0.self_attn"] == steps["0.layers.1.linear2"] == str(solver)
    assert next(row for row in table.layers if row.name.endswith("out_proj")).reason.startswith("part of a Multihead")
    a, target = torch.randn(6, 4, 8), torch.randint(0, 3, (6,))
    assert relative_error(model(a), plain(a)) < 1e-5
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(a).mean(1), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    proxprop.revert(model)
    attention = model[0].layers[0].self_attn
    assert type(attention) is nn.MultiheadAttention and set(attention.__dict__) == set(
        plain[0].layers[0].self_attn.__dict__
    )


def test_a_row_mask_is_boolean_and_ends_with_its_context():
    layer = proxprop.nn.Linear(4, 3, dtype=torch.double, tau_theta=TAU)
    a, g = torch.randn(2, 5, 4, dtype=torch.double), torch.randn(2, 5, 3, dtype=torch.double)
    with pytest.raises(TypeError, match="boolean"), proxprop.row_mask(torch.ones(2, 5)):
        pass
    with proxprop.row_mask(PADDED):
        z = layer(a)
    assert relative_error(z, nn.functional.linear(a, layer.weight, layer.bias)) < 1e-15
    layer(a).backward(g)
    assert relative_error(layer.weight.grad, proxprop.linear_direction(a, g, tau_theta=TAU)[0]) < 1e-12


@pytest.mark.parametrize("scaling", ["sum", "mean"])
def test_a_row_mask_reaches_compiled_layers_without_a_graph_break(scaling):
    torch._dynamo.reset()
    layer = proxprop.nn.Linear(4, 3, dtype=torch.double, tau_theta=TAU, scaling=scaling)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    a, g = tokens_of(4).requires_grad_(), tokens_of(3)
    everything = torch.ones(2, 5, dtype=torch.bool)
    for rows in (everything, ~PADDED, ~PADDED.flip(1), torch.zeros_like(everything)):
        layer.zero_grad()
        a.grad = None
        with nullcontext() if rows is everything else proxprop.row_mask(rows):
            compiled(a).backward(g)
        expected = proxprop.linear_direction(a.detach()[rows], g[rows], tau_theta=TAU, scaling=scaling)
        assert relative_error([layer.weight.grad, layer.bias.grad], list(expected)) < 1e-12
        assert relative_error(a.grad, g @ layer.weight) < 1e-14  # padding is a constant of the step alone


def tokens_of(width):
    return torch.randn(2, 5, width, dtype=torch.double)


@pytest.mark.parametrize("masked", [False, True])
def test_compiled_attention_is_the_same(masked):
    torch._dynamo.reset()
    ours, _ = pair(batch_first=True)
    compiled = torch.compile(ours, backend="aot_eager", fullgraph=True)
    a = tokens(2, 5).detach()
    gradients = []
    for run in (ours, compiled):
        ours.zero_grad()
        with proxprop.row_mask(~PADDED) if masked else nullcontext():
            run(a, a, a)[0].square().sum().backward()
        gradients.append([p.grad.clone() for p in ours.parameters()])
    assert relative_error(*gradients) < 1e-12
