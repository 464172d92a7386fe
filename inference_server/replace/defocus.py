"""The image's own background out of focus behind an object, as a fast lens would show it.  Pure functions.

1. How unsharp a row is.  Over flat ground a thin lens blurs in proportion to a row's distance from the row that is in
   focus: the circle of confusion grows with |1/depth - 1/focus| (Potmesil and Chakravarty 1981, "A lens and aperture
   camera model for synthetic image generation"), and 1/depth falls linearly to 0 at the horizon.  So the ground is in
   focus where the object stands, softer with distance, and all above the horizon alike.  Where a network has measured
   1/depth (`depth`), it is measured instead of guessed, for each pixel.
2. The object is taken away, and what lies around it continued (`sampling.extrapolate`), so that it does not bleed.
3. The rest is blurred with discs, in light rather than in the photo's encoding, so that bright points become discs: at
   radii half an octave apart, each in a picture as small as that radius allows, between which each row is mixed.
4. The grain that this takes away is laid over it again: noise with the spectrum of the photo's own (Galerne, Gousseau
   and Morel 2011, "Random phase textures: theory and synthesis", section 3).
"""

from typing import NamedTuple

import cv2
import numpy as np

from ..imaging import focus, grain
from ..imaging.pixels import to_depth
from ..imaging.sampling import extrapolate, resize
from ..shared.monitor import Monitor

# What these were chosen by is shown by bench/fit/defocus.py.
LARGEST = 0.03  # of the photo's long side: the disc's radius at full strength, that of an 85 mm f/1.4 at 2.5 m
DISC = 5.0  # pixels of a disc's radius in the picture it is made in, at most; above this filtering is slow
BAND = 128  # rows at once, a multiple of what any picture is reduced by
DEEPEST = 7  # halvings: 2 ** DEEPEST is BAND
SPREAD_SIDE = 512  # pixels on the long side in which the background is continued behind the object
AROUND = 0.0005  # of the photo's long side around the object that has some of its light

CUT = 0.01  # of the photo's height: an object that comes as near to its lower border is cut off there
FLOATS = 0.5  # of the photo's height: an object that ends above does not stand on anything seen
ROOT = 0.05  # of the object's widest row: narrower ones below are specks
DEPTH = 0.1  # of the object's height that the ground is in focus, above its lowest point
HORIZON = 0.5  # of the object's height from there to the horizon: about eye level for what is as high as a bus

# Of depth that was measured.
RIM = 0.01  # of the long side around the object in which a network mixes its depth with that of what is behind
THICK = 0.1  # of the object's depths on either side of which are not in focus: they may be those of its rim
FARTHEST = 0.02  # of the background that may be farther than what is wholly out of focus
LEAST_DEPTH = 0.25  # of all the depth there is, in which it grows from in focus to wholly out of focus at least


class Ground(NamedTuple):
    """The rows between which the ground the object stands on is as near as the object, and that of the horizon."""

    far: float
    near: float
    horizon: float


def ground(alpha: np.ndarray) -> Ground | None:
    """The ground under the object of alpha (H, W) uint8; None where it is cut off below, or floats."""
    height = alpha.shape[0]
    widths = np.count_nonzero(alpha > 127, axis=1)
    rows = np.flatnonzero(widths > ROOT * widths.max())
    if not rows.size or rows[-1] + 1 >= (1 - CUT) * height or rows[-1] < FLOATS * height:
        return None
    tall = float(rows[-1] + 1 - rows[0])
    far = rows[-1] - DEPTH * tall
    return Ground(far, float(rows[-1]), far - max(1.0, HORIZON * tall))


def radii(alpha: np.ndarray, largest: float) -> np.ndarray:
    """The disc's radius in pixels in each row (H,) float64 of a photo with an object's alpha (H, W) uint8."""
    found = ground(alpha)
    if found is None:
        return np.full(alpha.shape[0], largest)
    rows = np.arange(alpha.shape[0])
    away = np.maximum(0, np.maximum(found.far - rows, rows - found.near))
    return largest * np.minimum(1, away / (found.far - found.horizon))


def unsharpness(nearness: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """How unsharp the background is, from 0 in focus to 1: (h, w) float32, also where it lies behind the object.

    nearness: (h, w) float32, 1/depth up to scale and shift; alpha: (H, W) uint8, the object's, which is in focus.
    """
    height, width = nearness.shape
    nearness = np.nan_to_num(nearness, posinf=0, neginf=0)
    share = resize(alpha, (width, height))
    reach = max(1, round(RIM * max(width, height)))
    mixed = cv2.dilate((share > alpha.min()).astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8))
    known = mixed.reshape(height, width) == 0
    if not known.any():
        return np.ones((height, width), np.float32)
    last, first = np.quantile(nearness[share >= share.max()], (THICK, 1 - THICK))
    behind = extrapolate(nearness[..., None], known)[..., 0]
    farthest, nearest = np.quantile(behind[known], (FARTHEST, 1 - FARTHEST))
    depth = max(last - farthest, LEAST_DEPTH * (nearest - farthest), 1e-6)
    away = np.maximum(0, np.maximum(last - behind, behind - first))
    return (away / depth).clip(0, 1).astype(np.float32)


def out_of_focus(
    image: np.ndarray,
    alpha: np.ndarray,
    strength: float,
    white: float,
    monitor: Monitor,
    nearness: np.ndarray | None = None,
) -> np.ndarray:
    """The background (H, W, 3) of image (H, W, 3|4) out of focus, of its dtype.

    alpha: (H, W) uint8, the object's; strength: 0 to 1; white: the image's value for 1.  nearness: as in `unsharpness`,
    None where it was not measured.  Raises UserError where the monitor cancels it.
    """
    height, width = alpha.shape
    scene = _Scene(image, alpha, white, monitor)
    rows = _discs_wanted(alpha, strength, nearness, scene.shrunk)
    reduced = rows.halvings_used()
    pictures = scene.reduced(min(reduced), max(reduced)) if reduced else {}
    noise = grain.noise(grain.sample(image, alpha > 0, white))
    result = np.empty((height, width, 3), image.dtype)
    for y in range(0, height, BAND):
        monitor.report(0.4 + 0.6 * y / height)
        light = rows.light(scene, pictures, y, min(BAND, height - y), width)
        band = np.sqrt(light, out=light)
        lost = np.clip(rows.radius(y, len(band), width) / 2, 0, 1).astype(np.float32)[..., None]
        band += lost * grain.rows(noise, y, len(band), width)
        result[y : y + BAND] = to_depth(band.clip(0, None), image.dtype, white)
    return result


class _Wanted(NamedTuple):
    """How each place is mixed from discs of a few radii.

    sizes: the radii there are, in pixels, falling; halvings: of the picture in which each is made, 0 for full size;
    largest: the radius of what is wholly out of focus; unsharp: from 0 to 1, (H, 1) of whole rows or, of a picture that
    was halved `cells` times, (h, w).
    """

    sizes: list[float]
    halvings: list[int]
    largest: float
    unsharp: np.ndarray
    cells: int

    def radius(self, top: int, count: int, width: int) -> np.ndarray:
        """In pixels, (count, 1) or (count, width), of rows from `top` on."""
        if self.unsharp.shape[1] == 1:
            return self.largest * self.unsharp[top : top + count]
        part = _enlarged(self.unsharp, self.cells, top, count, width)
        return self.largest * part.clip(self.unsharp.min(), self.unsharp.max())

    def halvings_used(self) -> list[int]:
        """Of the pictures that anything is mixed from, but for the one at full size."""
        places = focus.places(self.largest * np.array((self.unsharp.max(), self.unsharp.min())), self.sizes)
        near = (self.halvings[k] for k in range(len(self.sizes)) if places[0] - 1 < k < places[1] + 1)
        return [halvings for halvings in near if halvings]

    def light(self, scene: "_Scene", pictures: dict[int, np.ndarray], top: int, count: int, width: int) -> np.ndarray:
        """The light (count, width, 3) float32 of rows from `top` on.  pictures: the scene after so many halvings."""
        here = focus.places(self.radius(top, count, width), self.sizes)
        light = np.zeros((count, width, 3), np.float32)
        for k in range(len(self.sizes) + 1):
            share = (1 - np.abs(here - k)).clip(0, 1).astype(np.float32)[..., None]
            if not share.any():
                continue
            if k == len(self.sizes):
                light += share * scene.rows(top, top + count, 0)
            elif not self.halvings[k]:
                light += share * _discs_at_full_size(scene, self.sizes[k], top, top + count)
            else:
                halvings = self.halvings[k]
                light += share * _discs(pictures[halvings], self.sizes[k], halvings, top, count, width)
        return light


def _discs_wanted(alpha: np.ndarray, strength: float, nearness: np.ndarray | None, cells: int) -> _Wanted:
    """cells: halvings of the picture in which depth that was measured is kept."""
    largest = max(focus.FINEST, strength * LARGEST * max(alpha.shape))
    sizes = focus.radii(largest)
    if nearness is None:
        unsharp = radii(alpha, 1.0)[:, None]
    else:
        size = tuple(-(-n // 2**cells) for n in alpha.shape[::-1])
        unsharp = unsharpness(cv2.resize(nearness, size, interpolation=cv2.INTER_LINEAR), alpha)
    halvings = [0 if size <= DISC else min(DEEPEST, int(np.ceil(np.log2(size / DISC)))) for size in sizes]
    return _Wanted(sizes, halvings, largest if strength > 0 else 0.0, unsharp, cells)


class _Scene:
    """A photo without its object: rows of light, and the whole at reduced sizes.

    shrunk: halvings of the picture in which it is continued behind the object.
    """

    def __init__(self, image: np.ndarray, alpha: np.ndarray, white: float, monitor: Monitor) -> None:
        self._image, self._alpha, self._white, self._monitor = image, alpha, white, monitor
        self._least = int(alpha.min())  # 0 but for a mask that leaves no pixel alone
        height, width = alpha.shape
        self.height = height
        self.shrunk = int(np.ceil(np.log2(max(1.0, max(height, width) / SPREAD_SIDE))))
        self._margin = max(1, round(AROUND * max(height, width)))
        # The smallest picture: sums of what is known, and how much of each cell that is.
        sums, shares = [], []
        for y in range(0, height, BAND):
            monitor.report(0.2 * y / height)
            light, known = self._known(y, min(height, y + BAND), self._margin)
            sums.append(_shrunk(light * known[..., None], self.shrunk))
            shares.append(_shrunk(known, self.shrunk))
        share = np.concatenate(shares)
        picture = np.concatenate(sums) / np.maximum(share, 1e-3)[..., None]
        self._behind = extrapolate(picture, share > 1e-3)

    def rows(self, top: int, bottom: int, margin: int) -> np.ndarray:
        """The light (n, W, 3) float32 of some rows, continued where the object is and up to `margin` pixels from it."""
        light, known = self._known(top, bottom, margin)
        hidden = known == 0
        columns = np.flatnonzero(hidden.any(axis=0))
        if columns.size:
            part = slice(int(columns[0]), int(columns[-1]) + 1)
            behind = _enlarged(self._behind, self.shrunk, top, bottom - top, light.shape[1])
            light[:, part][hidden[:, part]] = behind[:, part][hidden[:, part]]
        return light

    def reduced(self, fewest: int, most: int) -> dict[int, np.ndarray]:
        """The light (h, w, 3) float32 after each of these numbers of halvings."""
        bands = []
        for y in range(0, self.height, BAND):
            self._monitor.report(0.2 + 0.2 * y / self.height)
            bands.append(_shrunk(self.rows(y, min(self.height, y + BAND), self._margin), fewest))
        pictures = {fewest: np.concatenate(bands)}
        for k in range(fewest, most):
            pictures[k + 1] = _shrunk(pictures[k], 1)
        return pictures

    def _known(self, top: int, bottom: int, margin: int) -> tuple[np.ndarray, np.ndarray]:
        """The light (n, W, 3) float32 of some rows, and 1 where it is the background's (n, W) float32."""
        above, below = max(0, top - margin), bottom + margin
        item = (self._alpha[above:below] > self._least).astype(np.uint8)
        near = cv2.dilate(item, np.ones((2 * margin + 1,) * 2, np.uint8)).reshape(item.shape)
        known = near[top - above :][: bottom - top] == 0
        rows = self._image[top:bottom]
        light = rows[..., :3].astype(np.float32)
        if self._image.dtype == np.float32:
            known &= np.isfinite(light).all(axis=2)
            light = np.nan_to_num(light, posinf=0, neginf=0).clip(0, None)
        if self._image.shape[2] == 4:
            known &= rows[..., 3] > 0
        light *= np.float32(1 / self._white)
        return np.square(light, out=light), known.astype(np.float32)


def _discs_at_full_size(scene: _Scene, radius: float, top: int, bottom: int) -> np.ndarray:
    """Some rows (n, W, 3) of the scene blurred with discs."""
    reach = int(np.ceil(radius)) + 1
    first, last = max(0, top - reach), min(scene.height, bottom + reach)
    blurred = cv2.filter2D(scene.rows(first, last, 1), -1, focus.disc(radius), borderType=cv2.BORDER_REPLICATE)
    return blurred[top - first : bottom - first]


def _discs(picture: np.ndarray, radius: float, halvings: int, top: int, count: int, width: int) -> np.ndarray:
    """Rows (count, width, 3) from `top` on, blurred with discs in a picture (h, w, 3) that was halved so many times."""
    radius /= 2**halvings
    reach = int(np.ceil(radius)) + 3
    start, stop = top >> halvings, -(-(top + count) // 2**halvings)
    first, last = max(0, start - reach), min(len(picture), stop + reach)
    blurred = cv2.filter2D(picture[first:last], -1, focus.disc(radius), borderType=cv2.BORDER_REPLICATE)
    return _enlarged(blurred, halvings, top - (first << halvings), count, width)


def _shrunk(picture: np.ndarray, halvings: int) -> np.ndarray:
    """picture (h, w, …) at half its size so many times, its last row and column repeated where that needs them."""
    if not halvings:
        return picture
    cell = 2**halvings
    height, width = (-(-n // cell) for n in picture.shape[:2])
    add = height * cell - picture.shape[0], width * cell - picture.shape[1]
    picture = cv2.copyMakeBorder(picture, 0, add[0], 0, add[1], cv2.BORDER_REPLICATE)
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def _enlarged(picture: np.ndarray, halvings: int, top: int, count: int, width: int) -> np.ndarray:
    """Rows (count, width, …) from `top` on of a picture brought back to full size."""
    cell = 2**halvings
    start, stop = max(0, top // cell - 2), min(len(picture), -(-(top + count) // cell) + 2)
    part = picture[start:stop]
    size = part.shape[1] * cell, part.shape[0] * cell
    large = cv2.resize(part, size, interpolation=cv2.INTER_CUBIC) if halvings else part
    return large[top - start * cell :][:count, :width].clip(0, None)
