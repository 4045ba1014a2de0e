"""The proximal direction itself, without a layer."""

from collections.abc import Sequence

from torch import Tensor

from proxprop._ops import ops
from proxprop.solvers import Exact, Scaling, Solver, check_step, step_arguments

Size = int | Sequence[int]


def linear_direction(
    input: Tensor,
    grad_output: Tensor,
    *,
    tau_theta: float,
    solver: Solver = Exact(),
    bias: bool = True,
    scaling: Scaling = "sum",
) -> tuple[Tensor, Tensor | None]:
    """V = (I / tau_theta + phi* phi)^-1 phi* g of a linear layer z = a W^T + b (Prop. 2 of the paper).

    Parameters
    ----------
    input
        a, ``[*, in_features]``; the leading dimensions are samples.
    grad_output
        g = dJ/dz, ``[*, out_features]``, with the leading sizes of `input`.
    tau_theta
        Step size of the proximal mapping (eq. 11), positive. ``|V| <= tau_theta |gradient|``.
    solver
        `Exact`, `CG` or `Gradient`: one that keeps nothing from step to step.
    bias
        Whether the layer has a bias; its column of ones is then part of the step.
    scaling
        ``"sum"`` is the paper's; ``"mean"`` divides the Gram matrix by the number of samples.

    Returns
    -------
    weight, bias
        ``[out_features, in_features]`` and ``[out_features]`` (``None`` without bias), float64 where one of the
        tensors is, else float32.

    Raises
    ------
    ValueError
        For a tau_theta that is not positive and finite, or an unknown scaling.
    RuntimeError
        For shapes that do not belong together.

    Examples
    --------
    >>> weight, bias = proxprop.linear_direction(torch.ones(2, 3), torch.ones(2, 1), tau_theta=0.5)
    >>> weight.shape, bias.shape
    (torch.Size([1, 3]), torch.Size([1]))
    """
    check_step(tau_theta, solver, scaling)
    weight_direction, bias_direction = ops.linear_direction(
        [input], [grad_output], True, bias, *step_arguments(tau_theta, solver, scaling)
    )
    return weight_direction, bias_direction if bias else None


def conv_direction(
    input: Tensor,
    grad_output: Tensor,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
    tau_theta: float,
    solver: Solver = Exact(),
    bias: bool = True,
    scaling: Scaling = "sum",
) -> tuple[Tensor, Tensor | None]:
    """V = (I / tau_theta + phi* phi)^-1 phi* g of a convolution with zero padding (Prop. 2 of the paper).

    Parameters
    ----------
    input
        a, ``[N, C, *]`` with 1, 2 or 3 spatial dimensions.
    grad_output
        g = dJ/dz, ``[N, O, *']``.
    kernel_size, stride, padding, dilation
        A number for all spatial dimensions, or one number each.
    groups
        As in `torch.nn.functional.conv2d`.
    tau_theta, solver, bias
        See `linear_direction`.
    scaling
        ``"mean"`` divides the Gram matrix by the number of output positions.

    Returns
    -------
    weight, bias
        ``[O, C / groups, *kernel_size]`` and ``[O]`` (``None`` without bias), float64 where one of the tensors is,
        else float32.

    Raises
    ------
    ValueError
        For a tau_theta that is not positive and finite, an unknown scaling, or sizes of the wrong length.
    RuntimeError
        For shapes that do not belong together.
    """
    dims = input.dim() - 2
    step = (tau_theta, solver, scaling)
    return _conv_direction(
        input, grad_output, kernel_size, stride, padding, dilation, False, [0] * dims, groups, bias, step
    )


def conv_transpose_direction(
    input: Tensor,
    grad_output: Tensor,
    kernel_size: Size,
    *,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    dilation: Size = 1,
    groups: int = 1,
    tau_theta: float,
    solver: Solver = Exact(),
    bias: bool = True,
    scaling: Scaling = "sum",
) -> tuple[Tensor, Tensor | None]:
    """V = (I / tau_theta + phi* phi)^-1 phi* g of a transposed convolution (Prop. 2 of the paper).

    Parameters
    ----------
    input
        a, ``[N, C, *]`` with 1, 2 or 3 spatial dimensions.
    grad_output
        g = dJ/dz, ``[N, O, *']``.
    kernel_size, stride, padding, output_padding, dilation
        A number for all spatial dimensions, or one number each.
    groups
        As in `torch.nn.functional.conv_transpose2d`.
    tau_theta, solver, bias, scaling
        See `conv_direction`.

    Returns
    -------
    weight, bias
        ``[C, O / groups, *kernel_size]`` and ``[O]`` (``None`` without bias), float64 where one of the tensors is,
        else float32.

    Raises
    ------
    ValueError
        For a tau_theta that is not positive and finite, an unknown scaling, or sizes of the wrong length.
    RuntimeError
        For shapes that do not belong together.
    """
    step = (tau_theta, solver, scaling)
    return _conv_direction(
        input, grad_output, kernel_size, stride, padding, dilation, True, output_padding, groups, bias, step
    )


def _conv_direction(
    input: Tensor,
    grad_output: Tensor,
    kernel_size: Size,
    stride: Size,
    padding: Size,
    dilation: Size,
    transposed: bool,
    output_padding: Size,
    groups: int,
    bias: bool,
    step: tuple[float, Solver, Scaling],
) -> tuple[Tensor, Tensor | None]:
    check_step(*step)
    dims = input.dim() - 2
    sizes = [_expanded(size, dims) for size in (kernel_size, stride, padding, dilation)]
    weight_direction, bias_direction = ops.conv_direction(
        [input],
        [grad_output],
        *sizes,
        transposed,
        _expanded(output_padding, dims),
        groups,
        True,
        bias,
        *step_arguments(*step),
    )
    return weight_direction, bias_direction if bias else None


def _expanded(size: Size, dims: int) -> list[int]:
    values = [size] * dims if isinstance(size, int) else list(size)
    if len(values) != dims:
        raise ValueError(f"{dims} spatial dimensions need {dims} values, got {values}")
    return values
