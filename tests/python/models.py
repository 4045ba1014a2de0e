"""Small networks of the three kinds that `convert` is for."""

import torch
from torch import nn
from torch.nn.functional import relu, scaled_dot_product_attention


class Block(nn.Module):
    """A residual block of two convolutions, with batch normalization and a projection where sizes change."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if stride > 1 else nn.Identity()

    def forward(self, x):
        y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)), inplace=True)))
        return relu(y + self.downsample(x), inplace=True)


class ResNet(nn.Module):
    classes = 4

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.blocks = nn.Sequential(Block(8, 8, 1), Block(8, 16, 2), Block(16, 16, 2))
        self.fc = nn.Linear(16, self.classes)

    def forward(self, x):
        return self.fc(self.blocks(relu(self.stem(x))).mean((2, 3)))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.out(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Layer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nn.Module):
    classes = 4

    def __init__(self, width=16):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, stride=4)
        self.positions = nn.Parameter(0.02 * torch.randn(1, 16, width))
        self.layers = nn.Sequential(Layer(width, 2), Layer(width, 2))
        self.neck = nn.Linear(width, width)
        self.head = nn.Linear(width, self.classes)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.positions
        return self.head(torch.tanh(self.neck(self.layers(tokens).mean(1))))


class Transformer(nn.Module):
    classes = 20

    def __init__(self, width=16):
        super().__init__()
        self.embedding = nn.Embedding(self.classes, width)
        self.layers = nn.Sequential(Layer(width, 2), Layer(width, 2))
        self.output = nn.Linear(width, self.classes, bias=False)
        self.output.weight = self.embedding.weight

    def forward(self, tokens):
        return self.output(self.layers(self.embedding(tokens)).mean(1))
