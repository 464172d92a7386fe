"""What the first pass of a model over a window and the later ones over its tiles share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from ..imaging.pixels import to_uint8
from ..imaging.sampling import extrapolate, reduced, resize
from ..shared.geometry import Size, Window, fit_within
from ..shared.messages import Quality
from ..shared.text import Translatable, tr

if TYPE_CHECKING:
    from .diffusion.painter import Painter, Step
    from .prompts import Prompt

PREVIEW_SIDE = 256  # pixels on the long side
RING = 16  # of the model's side, as a divisor: how far around the hole its picture is compared with the image
CALM = 128  # of the model's side, as a divisor: how far to each side this is averaged
MOST_OFF = 0.12  # of the range; a larger difference is not the autoencoder's


class Sampler(NamedTuple):
    """What is painted with: the model, the prompt, the seed and the quality; reference: as in `painter.Sampling`."""

    painter: "Painter"
    prompt: "Prompt"
    seed: int
    quality: Quality
    reference: np.ndarray | None = None


class Scene(NamedTuple):
    """What the model is shown: image (H, W, 3), white its value for 1, the hole and the known pixels, (H, W) bool.

    shows_hole: whether it sees what is in the hole too; then known has its pixels as well.
    """

    image: np.ndarray
    hole: np.ndarray
    known: np.ndarray
    white: float
    shows_hole: bool = False

    def part(self, window: Window) -> "Scene":
        """The same of a window of it."""
        there = window.slices
        return self._replace(image=self.image[there], hole=self.hole[there], known=self.known[there])

    def at_size(self, size: Size) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """At size (width, height): the picture (h, w, 3) float32, which pixels are unknown, and the hole."""
        picture, unknown = reduced(self.image, ~self.known, self.white, max(size))
        if picture.shape[1::-1] != size:
            if not unknown.all():  # else the black of what is unknown would come into the known pixels beside it
                picture[unknown] = extrapolate(picture, ~unknown)[unknown]
            picture = resize(picture, size, cv2.INTER_CUBIC)
            unknown = resize(unknown.astype(np.uint8) * np.uint8(255), size) > 0
        hole = resize(self.hole.astype(np.uint8) * np.uint8(255), size) > 0
        return picture.clip(0, 1), unknown if self.shows_hole else unknown | hole, hole


class Region(NamedTuple):
    """A picture (h, w, 3) float32, 0 to 1, its hole (h, w) bool, and the size (width, height) it is padded to."""

    picture: np.ndarray
    hole: np.ndarray
    size: Size

    def forming(self, step: "Step") -> np.ndarray:
        """What the picture looks like after a step, unpadded."""
        assert step.preview is not None
        height, width = self.hole.shape
        return resize(step.preview, self.size, cv2.INTER_LINEAR)[:height, :width]


def paint(
    region: Region,
    sampler: Sampler,
    *,
    seed: int,
    refine: bool = False,
    is_prefilled: bool = False,
    on_step: Callable[["Step"], None],
    check: Callable[[], None],
) -> np.ndarray:
    """The region's picture with its hole painted: (h, w, 3) float32.

    refine, is_prefilled: as in `painter.Sampling`; on_step, check: as in `Painter.paint`.
    """
    from .diffusion.painter import Sampling

    height, width = region.hole.shape
    border = 0, region.size[1] - height, 0, region.size[0] - width
    framed = cv2.copyMakeBorder(region.picture, *border, cv2.BORDER_REFLECT).clip(0, 1)
    framed_hole = cv2.copyMakeBorder(region.hole.astype(np.uint8), *border, cv2.BORDER_REFLECT) > 0
    sampling = Sampling(sampler.prompt, seed, sampler.quality, refine, is_prefilled, sampler.reference)
    painted = sampler.painter.paint(framed, framed_hole, sampling, on_step=on_step, check=check)
    return painted[:height, :width]


def rim_error(picture: np.ndarray, painted: np.ndarray, hole: np.ndarray, side: int) -> np.ndarray:
    """What the image is more than the painted picture around the hole, continued into it: (h, w, 3) float32.

    hole: (h, w) bool, what was painted anew.  As Poisson blending has it (Pérez et al. 2003, section 3), but for what
    is smooth and small alone.
    """
    if hole.all():
        return np.zeros_like(picture)
    away = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 5)
    ring = (away > 0) & (away <= side / RING)
    calm = (2 * max(1, side // CALM) + 1,) * 2
    weight = cv2.blur(ring.astype(np.float32), calm)
    off = cv2.blur(np.where(ring[..., None], picture - painted, np.float32(0)), calm)
    off = off / np.maximum(weight, np.float32(1e-6))[..., None]
    return extrapolate(off.clip(-MOST_OFF, MOST_OFF), ring)


def crop(picture: np.ndarray, part: Window, whole: Window, size: Size) -> np.ndarray:
    """`part` of what the picture shows, at size (width, height), float32.

    whole: what all of the picture shows; its place does not matter.  For enlarging, or as it is.
    """
    sx, sy = picture.shape[1] / whole.width, picture.shape[0] / whole.height
    dx, dy = part.width * sx / size[0], part.height * sy / size[1]
    transform = np.array([[dx, 0, part.x * sx + dx / 2 - 0.5], [0, dy, part.y * sy + dy / 2 - 0.5]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, transform, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def overview(picture: np.ndarray) -> np.ndarray:
    """A picture (h, w, 3) float32 as uint8, of at most PREVIEW_SIDE pixels on the long side."""
    height, width = picture.shape[:2]
    return to_uint8(resize(picture, fit_within(width, height, PREVIEW_SIDE)))


def with_part(shown: np.ndarray, part: np.ndarray, hole: np.ndarray, place: Window) -> np.ndarray:
    """An overview (h, w, 3) uint8 with the hole of a part, (H, W, 3) float32, at its place."""
    size = place.width, place.height
    there = resize(hole.astype(np.uint8) * np.uint8(255), size)[..., None] > 127
    result = shown.copy()
    result[place.slices] = np.where(there, to_uint8(resize(part, size)), shown[place.slices])
    return result


def step_message(what: Translatable, step: "Step", painter: "Painter") -> Translatable:
    """What is done at a step, for the person."""
    message = tr("{what}, step {step} of {steps}", what=what, step=step.done, steps=step.steps)
    for remark in painter.remarks:
        message = tr("{message} ({remark})", message=message, remark=remark)
    return message
