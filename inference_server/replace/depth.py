"""How near each part of a photo is, from one look: a network as an ONNX graph, which needs no torch.

Method: Depth Anything V2 (Yang et al. 2024, "Depth Anything V2", section 5), which gives 1/depth up to an unknown scale
and shift: what is near is large.
"""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ..imaging.sampling import resize
from ..models import onnx_sessions
from ..models.onnx_sessions import Session
from ..shared.geometry import Size
from ..shared.monitor import UNWATCHED, Monitor

SIDE = 518  # pixels of the shorter side, as in training
PATCH = 14  # both sides are multiples of this
MOST_ASPECT = 3  # of what it is shown; a longer photo is squeezed
MEAN = np.array((0.485, 0.456, 0.406), np.float32)
STD = np.array((0.229, 0.224, 0.225), np.float32)


class DepthNetwork(NamedTuple):
    """name: of the graph's input; fixed: the (width, height) that it takes, None where it takes any."""

    session: Session
    name: str
    fixed: Size | None

    def nearness(self, rgb: np.ndarray, monitor: Monitor = UNWATCHED) -> np.ndarray:
        """1/depth (h, w) float32, up to scale and shift, of a small picture of rgb's aspect.

        rgb: (H, W, 3) uint8, sRGB.  Raises UserError where it is cancelled.
        """
        size = self.fixed or input_size(rgb.shape[1], rgb.shape[0])
        shrinks = rgb.shape[0] * rgb.shape[1] > size[0] * size[1]
        small = resize(rgb, size, cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC).astype(np.float32) / 255
        given = np.ascontiguousarray(((small - MEAN) / STD).transpose(2, 0, 1)[None])
        found = onnx_sessions.run(self.session, {self.name: given}, monitor)[0]
        return np.asarray(found, np.float32).reshape(found.shape[-2:])


def input_size(width: int, height: int) -> Size:
    """The size to show a picture in: its shorter side about SIDE, both multiples of PATCH, as in its makers' code."""
    scale = SIDE / min(width, height)
    most = SIDE * MOST_ASPECT
    across, down = (max(1, round(min(n * scale, most) / PATCH)) * PATCH for n in (width, height))
    return across, down


def load(files: dict[str, Path]) -> DepthNetwork:
    """The network from its file.  files: the path of the one file, by name.  Raises UserError where it is none."""
    (path,) = files.values()
    session = onnx_sessions.read(path, _check)
    (given,) = session.get_inputs()
    height, width = given.shape[2:]
    fixed = (width, height) if isinstance(height, int) and isinstance(width, int) else None
    return DepthNetwork(session, given.name, fixed)


def _check(session: Session) -> None:
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise LookupError("its input is not one picture")
