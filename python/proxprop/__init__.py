"""Proximal backpropagation for PyTorch.

Proximal layers hand the optimizer, in place of the gradient, the direction

    V = (I / tau_theta + phi* phi)^-1 dJ/dtheta

(Frerix, Möllenhoff, Moeller, Cremers: Proximal Backpropagation, ICLR 2018). Model, loss, optimizer and loop stay as
they are:

>>> import proxprop
>>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
>>> table = proxprop.convert(model, tau_theta=0.05)
"""

from proxprop import nn
from proxprop._build_info import version as __version__
from proxprop.conversion import Conversion, ConvertedLayer, convert, revert
from proxprop.data_parallel import average_explicit_gradients
from proxprop.functional import conv_direction, conv_transpose_direction, linear_direction
from proxprop.nn._rows import row_mask
from proxprop.preconditioner import Preconditioner
from proxprop.solvers import CG, AmortizedCholesky, Exact, Gradient, RunningGram, Solver

__all__ = [
    "CG",
    "AmortizedCholesky",
    "Conversion",
    "ConvertedLayer",
    "Exact",
    "Gradient",
    "Preconditioner",
    "RunningGram",
    "Solver",
    "__version__",
    "average_explicit_gradients",
    "conv_direction",
    "conv_transpose_direction",
    "convert",
    "linear_direction",
    "nn",
    "revert",
    "row_mask",
]
