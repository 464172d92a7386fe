"""big-LaMa's plain layout as an ONNX graph for pictures of one size, as it is published for those without torch.

ONNX has no inverse real transform, so the Fourier transforms are products with matrices there.
"""

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from eager_lama import EagerLama, FourierUnit

from inference_server.remove import lama, onnx_network


class Published(torch.nn.Module):
    """image (1, 3, S, S) from 0 to 1, mask (1, 1, S, S) 1 in the hole -> (1, 3, S, S) from 0 to 255."""

    def __init__(self, generator: EagerLama) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.generator(torch.cat((image * (1 - mask), mask), 1)) * 255


def filling(eager: EagerLama, rgb: np.ndarray, hole: np.ndarray) -> Callable[[], np.ndarray]:
    """A function that fills the hole (S, S) bool of rgb (S, S, 3) float32 with the network as an ONNX graph."""
    side = len(hole)
    given = torch.zeros(1, 3, side, side), torch.zeros(1, 1, side, side)
    forward = FourierUnit.forward
    FourierUnit.forward = transformed
    try:
        with tempfile.TemporaryDirectory() as folder, torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's, about tracing
            path = Path(folder, "lama.onnx")
            names = {"input_names": ["image", "mask"], "output_names": ["output"]}
            torch.onnx.export(Published(eager), given, str(path), opset_version=17, dynamo=False, **names)
            network = onnx_network.load({path.name: path})
    finally:
        FourierUnit.forward = forward
    return lambda: network.fill(rgb, hole)


def transformed(unit: FourierUnit, x: torch.Tensor) -> torch.Tensor:
    """`FourierUnit.forward` by products with matrices.  x: (1, c, h, w)."""
    _, c, h, w = x.shape
    along_w, along_h, back_h, back_w = lama._transforms(h, w, x.dtype, x.device)
    spectrum = (along_h @ (along_w @ x[0].permute(1, 2, 0)).reshape(2 * h, -1)).view(2, h, -1, c)
    stacked = spectrum.permute(3, 0, 1, 2).reshape(1, 2 * c, h, -1)
    stacked = torch.relu(unit.bn(unit.conv_layer(stacked)))
    parts = stacked.view(c, 2, h, -1).permute(1, 2, 3, 0).reshape(2 * h, -1)
    return torch.matmul(back_w, (back_h @ parts).view(h, -1, c)).permute(2, 0, 1)[None]
