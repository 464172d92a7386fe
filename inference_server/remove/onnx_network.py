"""Networks that continue a picture into a hole, as ONNX graphs: they need no torch.

Methods: LaMa (Suvorov et al. 2022, section 2), and MI-GAN (Sargsyan et al. 2023, "MI-GAN: A Simple Baseline for Image
Inpainting on Mobile Devices", section 3).  They are published in two layouts, which the image's type identifies:
    float32     image (1, 3, S, S) from 0 to 1, mask (1, 1, S, S) 1 in the hole; gives 0 to 255
    uint8       image (1, 3, h, w), mask (1, 1, h, w) 255 outside the hole; the graph scales what is around the hole to
                512 x 512, and blends what it makes of it with the image over 3 pixels along the hole's edge
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..imaging.pixels import to_uint8
from ..imaging.sampling import extrapolate
from ..models import onnx_sessions
from ..models.onnx_sessions import Session
from ..shared.monitor import UNWATCHED, Monitor

TRAINED = 512  # pixels a side of the squares that a graph is given where it takes any
INPUTS = {"image", "mask"}


class OnnxNetwork(NamedTuple):
    """side: pixels of the squares that it is given; is_bytes: whether it has the layout of bytes."""

    session: Session
    side: int
    is_bytes: bool

    def fill(self, rgb: np.ndarray, hole: np.ndarray, monitor: Monitor = UNWATCHED) -> np.ndarray:
        """rgb: (h, w, 3) float32 in 0..1, of at most `side` pixels along each side; hole: (h, w) bool.

        Returns a new (h, w, 3) float32: the network's prediction in the hole, rgb outside it, bit for bit.  It is never
        scaled: a smaller picture is put amid its own mirror image.  Raises UserError where it is cancelled.
        """
        padding = [((self.side - n) // 2, (self.side - n + 1) // 2) for n in hole.shape]
        # What is in the hole does not matter to the network, but some of it would show along its edge.
        known = extrapolate(np.where(hole[..., None], np.float32(0), rgb), ~hole)
        picture = np.pad(known, (*padding, (0, 0)), mode="symmetric").transpose(2, 0, 1)[None]
        mask = np.pad(hole, padding, mode="symmetric")[None, None]
        if self.is_bytes:
            feed = {"image": to_uint8(picture), "mask": np.where(mask, np.uint8(0), np.uint8(255))}
        else:
            feed = {"image": np.ascontiguousarray(picture), "mask": mask.astype(np.float32)}
        predicted = onnx_sessions.run(self.session, feed, monitor)[0][0].transpose(1, 2, 0)
        place = tuple(slice(before, before + n) for (before, _), n in zip(padding, hole.shape, strict=True))
        return np.where(hole[..., None], predicted[place].astype(np.float32) / 255, rgb)


def load(files: dict[str, Path]) -> OnnxNetwork:
    """The network from its file.  files: the path of the one file, by name.  Raises UserError where it is none."""
    (path,) = files.values()
    session = onnx_sessions.read(path, _check)
    image = next(tensor for tensor in session.get_inputs() if tensor.name == "image")
    side = image.shape[-1]
    return OnnxNetwork(session, side if isinstance(side, int) else TRAINED, image.type == "tensor(uint8)")


def _check(session: Session) -> None:
    if {tensor.name for tensor in session.get_inputs()} != INPUTS:
        raise LookupError("its inputs are not an image and a mask")
