"""big-LaMa's generator in its plain layout: every norm, every path and every layer a module of its own.

For measuring and testing only: what inference_server/remove/lama.py is compared with.  Its state has the names of
the published checkpoints.  Method: Suvorov et al. 2022, "Resolution-robust Large Mask Inpainting with Fourier
Convolutions"; shapes are (n, channels, height, width).
"""

import torch
from torch import nn

Pair = tuple[torch.Tensor, torch.Tensor]  # the local and the global part of a picture's features
LOCAL, GLOBAL = 128, 384


def conv3(given: int, made: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(given, made, 3, stride, 1, bias=False, padding_mode="reflect")


class FourierUnit(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv_layer = nn.Conv2d(2 * channels, 2 * channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(2 * channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, c, h, w = x.shape
        spectrum = torch.view_as_real(torch.fft.rfft2(x, norm="ortho"))
        stacked = spectrum.permute(0, 1, 4, 2, 3).reshape(n, 2 * c, h, -1)  # real and imaginary part in turn
        stacked = torch.relu(self.bn(self.conv_layer(stacked)))
        parts = stacked.view(n, c, 2, h, -1).permute(0, 1, 3, 4, 2).contiguous()
        return torch.fft.irfft2(torch.view_as_complex(parts), (h, w), norm="ortho")


class SpectralTransform(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        middle = GLOBAL // 2
        self.conv1 = nn.Sequential(nn.Conv2d(GLOBAL, middle, 1, bias=False), nn.BatchNorm2d(middle), nn.ReLU())
        self.fu = FourierUnit(middle)
        self.conv2 = nn.Conv2d(middle, GLOBAL, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv1(x)
        return self.conv2(x + self.fu(x))


class Paths(nn.Module):
    """The four paths between the local and the global part."""

    def __init__(self) -> None:
        super().__init__()
        self.convl2l, self.convl2g = conv3(LOCAL, LOCAL), conv3(LOCAL, GLOBAL)
        self.convg2l, self.convg2g = conv3(GLOBAL, LOCAL), SpectralTransform()

    def forward(self, x: Pair) -> Pair:
        near, far = x
        return self.convl2l(near) + self.convg2l(far), self.convl2g(near) + self.convg2g(far)


class Half(nn.Module):
    """Half a residual block."""

    def __init__(self) -> None:
        super().__init__()
        self.ffc = Paths()
        self.bn_l, self.bn_g = nn.BatchNorm2d(LOCAL), nn.BatchNorm2d(GLOBAL)

    def forward(self, x: Pair) -> Pair:
        near, far = self.ffc(x)
        return torch.relu(self.bn_l(near)), torch.relu(self.bn_g(far))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = Half(), Half()

    def forward(self, x: Pair) -> Pair:
        near, far = self.conv2(self.conv1(x))
        return x[0] + near, x[1] + far


class Down(nn.Module):
    """A layer without a global part before it; the last one makes one."""

    def __init__(self, conv: nn.Conv2d, *, splits: bool = False):
        super().__init__()
        self.ffc = nn.Module()
        self.ffc.convl2l = conv
        self.bn_l = nn.BatchNorm2d(conv.out_channels)
        if splits:
            self.ffc.convl2g, self.bn_g = conv3(conv.in_channels, GLOBAL, 2), nn.BatchNorm2d(GLOBAL)

    def forward(self, x: torch.Tensor) -> torch.Tensor | Pair:
        near = torch.relu(self.bn_l(self.ffc.convl2l(x)))
        if not hasattr(self, "bn_g"):
            return near
        return near, torch.relu(self.bn_g(self.ffc.convl2g(x)))


class Joined(nn.Module):
    def forward(self, x: Pair) -> torch.Tensor:
        return torch.cat(x, 1)


class EagerLama(nn.Module):
    """(n, 4, h, w) -> (n, 3, h, w), h and w multiples of 8: RGB with zeros in the hole, and the hole; all 0..1."""

    def __init__(self) -> None:
        super().__init__()
        up = []
        for given in (512, 256, 128):
            up += [nn.ConvTranspose2d(given, given // 2, 3, 2, 1, 1), nn.BatchNorm2d(given // 2), nn.ReLU()]
        self.model = nn.Sequential(
            nn.ReflectionPad2d(3),
            Down(nn.Conv2d(4, 64, 7, bias=False)),
            Down(conv3(64, 128, 2)),
            Down(conv3(128, 256, 2)),
            Down(conv3(256, LOCAL, 2), splits=True),
            *(Block() for _ in range(18)),
            Joined(),
            *up,
            nn.ReflectionPad2d(3),
            nn.Conv2d(64, 3, 7),
            nn.Sigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)
