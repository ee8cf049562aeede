"""Networks that torchvision lacks, written in plain PyTorch from the code or the paper named.

Layers, order of operations, and tensor names are those of the reference code, so that its published
weights fit. A network with no PyTorch code has the layer names of its paper or Caffe file. Each
is at inference alone: initialisation and dropout are left out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

# U-Net


def _double_conv(channels: int, out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inner in (channels, out):
        layers += [nn.Conv2d(inner, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
    return nn.Sequential(*layers)


class _DoubleConv(nn.Module):
    """(3 × 3 convolution, batch norm, ReLU) twice."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.double_conv = _double_conv(channels, out)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.double_conv(x)
        return y


class _Down(nn.Module):
    """Half the size, then the two convolutions."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), _DoubleConv(channels, out))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.maxpool_conv(x)
        return y


class _Up(nn.Module):
    """Twice the size and half the channels, after those of the way down; two convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(channels, channels // 2, 2, stride=2)
        self.conv = _DoubleConv(channels, channels // 2)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.up(x)
        rows, columns = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
        x = functional.pad(
            x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
        )  # an odd size was rounded down on the way
        y: Tensor = self.conv(torch.cat((skip, x), 1))
        return y


class UNet(nn.Module):
    """(N, channels, H, W) → (N, classes, H, W), H and W at least 16."""

    def __init__(self, channels: int = 3, classes: int = 2) -> None:
        super().__init__()
        self.inc = _DoubleConv(channels, 64)
        self.down1 = _Down(64, 128)
        self.down2 = _Down(128, 256)
        self.down3 = _Down(256, 512)
        self.down4 = _Down(512, 1024)
        self.up1 = _Up(1024)
        self.up2 = _Up(512)
        self.up3 = _Up(256)
        self.up4 = _Up(128)
        self.outc = nn.ModuleDict({"conv": nn.Conv2d(64, classes, 1)})

    def forward(self, x: Tensor) -> Tensor:
        first = self.inc(x)
        second = self.down1(first)
        third = self.down2(second)
        fourth = self.down3(third)
        y = self.up1(self.down4(fourth), fourth)
        y = self.up4(self.up3(self.up2(y, third), second), first)
        logits: Tensor = self.outc["conv"](y)
        return logits


# Darknet-53


class _DarknetBlock(nn.Module):
    """1 × 1 to half the channels, 3 × 3 back; added to the input, with no activation after."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels // 2)
        self.conv2 = nn.Conv2d(channels // 2, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.leaky_relu(self.bn1(self.conv1(x)), 0.1)
        return x + functional.leaky_relu(self.bn2(self.conv2(y)), 0.1)


def _darknet_stage(out: int, blocks: int) -> nn.Sequential:
    """Half the size and twice the channels, then the blocks."""
    stage = nn.Sequential()
    stage.add_module("ds_conv", nn.Conv2d(out // 2, out, 3, 2, padding=1, bias=False))
    stage.add_module("ds_bn", nn.BatchNorm2d(out))
    stage.add_module("ds_relu", nn.LeakyReLU(0.1))
    for block in range(blocks):
        stage.add_module(f"residual_{block}", _DarknetBlock(out))
    return stage


class Darknet53(nn.Module):
    """(N, 3, H, W) → what strides 8, 16 and 32 give: 256, 512 and 1024 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.layer1 = _darknet_stage(64, 1)
        self.layer2 = _darknet_stage(128, 2)
        self.layer3 = _darknet_stage(256, 8)
        self.layer4 = _darknet_stage(512, 8)
        self.layer5 = _darknet_stage(1024, 4)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = functional.leaky_relu(self.bn1(self.conv1(x)), 0.1)
        out3 = self.layer3(self.layer2(self.layer1(x)))
        out4 = self.layer4(out3)
        return {"out3": out3, "out4": out4, "out5": self.layer5(out4)}


# Images made of less


class DCGANGenerator(nn.Module):
    """(N, latent, 1, 1) → (N, 3, 64, 64), between -1 and 1."""

    def __init__(self, latent: int = 100, width: int = 64, channels: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inner, stride, padding = latent, 1, 0
        for out in (width * 8, width * 4, width * 2, width):
            layers += [
                nn.ConvTranspose2d(inner, out, 4, stride, padding, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(),
            ]
            inner, stride, padding = out, 2, 1
        layers += [nn.ConvTranspose2d(width, channels, 4, 2, 1, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.main(x)
        return y


class _ConvBlock(nn.Module):
    """A convolution that keeps the size, then what is given."""

    def __init__(self, channels: int, out: int, kernel: int, *after: nn.Module) -> None:
        super().__init__()
        convolution = nn.Conv2d(channels, out, kernel, padding=kernel // 2)
        self.conv_block = nn.Sequential(convolution, *after)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv_block(x)
        return y


class _SuperResolutionBlock(nn.Module):
    """Two convolutions of 64 channels, added to the input, with no activation after."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_block1 = _ConvBlock(64, 64, 3, nn.BatchNorm2d(64), nn.PReLU())
        self.conv_block2 = _ConvBlock(64, 64, 3, nn.BatchNorm2d(64))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv_block2(self.conv_block1(x))
        return y + x


class _SubPixel(nn.Module):
    """Twice the size: four times the channels, which become pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(64, 256, 3, padding=1)
        self.pixel_shuffle = nn.PixelShuffle(2)
        self.prelu = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.prelu(self.pixel_shuffle(self.conv(x)))
        return y


class SRResNet(nn.Module):
    """(N, 3, H, W) → (N, 3, 4 H, 4 W), between -1 and 1."""

    def __init__(self, blocks: int = 16) -> None:
        super().__init__()
        self.conv_block1 = _ConvBlock(3, 64, 9, nn.PReLU())
        self.residual_blocks = nn.Sequential(*(_SuperResolutionBlock() for _ in range(blocks)))
        self.conv_block2 = _ConvBlock(64, 64, 3, nn.BatchNorm2d(64))
        self.subpixel_convolutional_blocks = nn.Sequential(_SubPixel(), _SubPixel())
        self.conv_block3 = _ConvBlock(64, 3, 9, nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        first = self.conv_block1(x)
        y = self.conv_block2(self.residual_blocks(first)) + first
        image: Tensor = self.conv_block3(self.subpixel_convolutional_blocks(y))
        return image


# Two images, one set of weights


class SiameseMNIST(nn.Module):
    """Two of (N, 1, 28, 28) → two of (N, 2): points in the plane, close for one digit."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.ip1 = nn.Linear(800, 500)
        self.ip2 = nn.Linear(500, 10)
        self.feat = nn.Linear(10, 2)

    def _feature(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(self.conv1(x), 2)
        x = functional.max_pool2d(self.conv2(x), 2)
        x = functional.relu(self.ip1(x.flatten(1)))
        y: Tensor = self.feat(self.ip2(x))
        return y

    def forward(self, data: Tensor, data_p: Tensor) -> dict[str, Tensor]:
        return {"feat": self._feature(data), "feat_p": self._feature(data_p)}


class SiameseOmniglot(nn.Module):
    """Two of (N, 1, 105, 105) → (N, 1): how likely it is one character."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 64, 10)
        self.conv2 = nn.Conv2d(64, 128, 7)
        self.conv3 = nn.Conv2d(128, 128, 4)
        self.conv4 = nn.Conv2d(128, 256, 4)
        self.fc1 = nn.Linear(256 * 6 * 6, 4096)
        self.fc2 = nn.Linear(4096, 1)

    def _feature(self, x: Tensor) -> Tensor:
        for convolution in (self.conv1, self.conv2, self.conv3):
            x = functional.max_pool2d(functional.relu(convolution(x)), 2)
        x = functional.relu(self.conv4(x))
        return torch.sigmoid(self.fc1(x.flatten(1)))

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        distance = (self._feature(left) - self._feature(right)).abs()
        return torch.sigmoid(self.fc2(distance))


# Classifiers


class _CIFARBlock(nn.Module):
    """Two 3 × 3 convolutions, added to the input; a 1 × 1 on the way past where shapes differ."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(y + self.shortcut(x))


class ResNet18CIFAR(nn.Module):
    """(N, 3, 32, 32) → (N, classes)."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(_CIFARBlock(64, 64, 1), _CIFARBlock(64, 64, 1))
        self.layer2 = nn.Sequential(_CIFARBlock(64, 128, 2), _CIFARBlock(128, 128, 1))
        self.layer3 = nn.Sequential(_CIFARBlock(128, 256, 2), _CIFARBlock(256, 256, 1))
        self.layer4 = nn.Sequential(_CIFARBlock(256, 512, 2), _CIFARBlock(512, 512, 1))
        self.linear = nn.Linear(512, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: Tensor = self.linear(functional.avg_pool2d(x, 4).flatten(1))
        return logits


class AlexNet2012(nn.Module):
    """(N, 3, 227, 227) → (N, 1000) logits. The second, fourth and fifth convolutions are in two
    groups: each of the two GPUs saw its own half of the channels.

    `alpha` is as PyTorch and Caffe have it, over the number of channels in the window; the
    paper's is per channel, which is a fifth.
    """

    def __init__(self, alpha: float = 5e-4, beta: float = 0.75, k: float = 2.0) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 11, 4)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=2)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)
        self.fc6 = nn.Linear(9216, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, 1000)
        self.norm = nn.LocalResponseNorm(5, alpha, beta, k)
        self.pool = nn.MaxPool2d(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.norm(functional.relu(self.conv1(x))))
        x = self.pool(self.norm(functional.relu(self.conv2(x))))
        x = functional.relu(self.conv3(x))
        x = functional.relu(self.conv4(x))
        x = self.pool(functional.relu(self.conv5(x))).flatten(1)
        x = functional.relu(self.fc6(x))
        x = functional.relu(self.fc7(x))
        logits: Tensor = self.fc8(x)
        return logits
