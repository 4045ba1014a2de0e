"""Layers of torch.nn with a proximal parameter step."""

from proxprop.nn._layer import ProximalLayer
from proxprop.nn.attention import MultiheadAttention
from proxprop.nn.conv import Conv1d, Conv2d, Conv3d
from proxprop.nn.conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from proxprop.nn.embedding import Embedding
from proxprop.nn.linear import Linear
from proxprop.nn.linear_map import LinearMap
from proxprop.nn.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d, LayerNorm

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Embedding",
    "LayerNorm",
    "Linear",
    "LinearMap",
    "MultiheadAttention",
    "ProximalLayer",
]
