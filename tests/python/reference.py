"""The judge: proximal directions in float64 NumPy, from the sample matrix and textbook algorithms alone."""

import itertools

import numpy as np
import torch


def sample_matrix(input, bias=True):
    """A of a fully connected layer, [1, S, d]: its inputs, and a column of ones for the bias."""
    rows = input.reshape(-1, input.shape[-1])
    return with_ones(rows[None], bias)


def conv_sample_matrix(input, kernel_size, stride, padding, dilation, groups, bias=True):
    """A of a convolution, [groups, S, d]: one row per image and output position, copied tap by tap."""
    dims = len(kernel_size)
    x = np.pad(input, [(0, 0), (0, 0), *((p, p) for p in padding)])
    out = [(x.shape[2 + i] - dilation[i] * (kernel_size[i] - 1) - 1) // stride[i] + 1 for i in range(dims)]
    channels = x.shape[1] // groups
    matrix = np.zeros((groups, x.shape[0], *out, channels, *kernel_size))
    for group, c in itertools.product(range(groups), range(channels)):
        for tap in itertools.product(*map(range, kernel_size)):
            where = tuple(
                slice(tap[i] * dilation[i], tap[i] * dilation[i] + stride[i] * (out[i] - 1) + 1, stride[i])
                for i in range(dims)
            )
            matrix[(group, ..., c, *tap)] = x[(slice(None), group * channels + c, *where)]
    return with_ones(matrix.reshape(groups, x.shape[0] * int(np.prod(out)), -1), bias)


def with_ones(matrix, bias):
    ones = np.ones((*matrix.shape[:2], 1))
    return np.concatenate([matrix, ones], 2) if bias else matrix


def conv_rows(grad_output, groups):
    """g [N, O, *] as rows per group, [groups, S, O / groups]."""
    last = np.moveaxis(grad_output, 1, -1)
    rows = last.reshape(-1, groups, grad_output.shape[1] // groups)
    return np.moveaxis(rows, 1, 0)


def direction(matrix, g, tau_theta, scaling="sum", iterations=None, joint=False):
    """V [groups, d, O / groups] for A [groups, S, d] and g [groups, S, O / groups]; exact, or by CG iterations."""
    divisor = matrix.shape[1] if scaling == "mean" else 1
    system = np.eye(matrix.shape[2]) / tau_theta + matrix.transpose(0, 2, 1) @ matrix / divisor
    right = matrix.transpose(0, 2, 1) @ g
    return np.linalg.solve(system, right) if iterations is None else _cg(system, right, iterations, joint)


def _cg(system, right, iterations, joint):
    axes = None if joint else 1

    def dot(a, b):
        return np.sum(a * b, axis=axes, keepdims=True)

    x, r = np.zeros_like(right), right.copy()
    p, rr = r.copy(), dot(r, r)
    for _ in range(iterations):
        image = system @ p
        with np.errstate(invalid="ignore", divide="ignore"):
            alpha = np.where(rr > 0, rr / dot(p, image), 0)
        x, r = x + alpha * p, r - alpha * image
        previous, rr = rr, dot(r, r)
        with np.errstate(invalid="ignore", divide="ignore"):
            p = r + np.where(previous > 0, rr / previous, 0) * p
    return x


def as_parameters(solution, weight_shape, bias=True):
    """V [groups, d, O / groups] in the shapes of weight and bias."""
    rows = np.moveaxis(solution, 2, 1).reshape(weight_shape[0], -1)  # [O, d]
    weight = rows[:, :-1] if bias else rows
    return weight.reshape(weight_shape), rows[:, -1] if bias else None


def relative_error(actual, expected):
    """Of tensors or lists of tensors, None left out, all together."""
    actual, expected = (_flat(x) for x in (actual, expected))
    return np.linalg.norm(actual - expected) / max(np.linalg.norm(expected), 1e-300)


def _flat(tensors):
    if not isinstance(tensors, list | tuple):
        tensors = [tensors]
    arrays = [t.detach().double().numpy() if isinstance(t, torch.Tensor) else t for t in tensors if t is not None]
    return np.concatenate([a.ravel() for a in arrays])
