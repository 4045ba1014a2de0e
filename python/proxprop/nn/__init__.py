"""Layers of torch.nn with a proximal parameter step."""

from proxprop.nn._layer import ProximalLayer
from proxprop.nn.conv import Conv1d, Conv2d, Conv3d
from proxprop.nn.linear import Linear
from proxprop.nn.linear_map import LinearMap

__all__ = ["Conv1d", "Conv2d", "Conv3d", "Linear", "LinearMap", "ProximalLayer"]
