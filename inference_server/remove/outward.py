"""What lies beside a photo, made of the photo itself: strips of it, put on at its border.

A scene goes on sideways much as it is: sky beside sky, ground beside ground.  So each row goes on with pixels of the
same row, in strips as high as the photo, which are joined as in image quilting (Efros and Freeman 2001, "Image Quilting
for Texture Synthesis and Transfer", section 2.1): where they overlap, along the path on which they differ least.  At
the border they overlap the photo's mirror image for a few pixels: what the border cuts off comes to its end there.

A strip is taken where it fits the border, and where nothing stands out: what differs from the rest of its rows is
likely to be an object, and of that there should not be two.  Where an object is cut off by the border, its rows have no
say in what fits.  Then all of it is matched with the photo as a network's painting is (`patchmatch.match`).

What is not usable, such as what the photo is of where that is known, is taken away first, and strips are taken of what
is made up behind it.
"""

from typing import NamedTuple

import cv2
import numpy as np

from ..shared.geometry import Window
from ..shared.monitor import Monitor
from . import patchmatch, rims
from .patchmatch import Filled

SPOTS = 0.1  # of the photo
OVERLAP = 24  # pixels that two strips share
STRIP = 0.25  # of the photo's width, at most
SHARES = (1.0, 0.33, 0.1)  # of the photo's width, beside the border, whose medians say what a row is made of
OBJECT = 0.1  # of the range: what differs more from its row's median stands out
OUTSTANDING = 20.0  # how much that counts, beside how well a strip fits
SEAM = 0.04  # of the range: what one more seam costs
LEAST_SAY = 0.02  # of a row, in what fits
UNSAID = 0.1  # of a row that fits, which says that the light is the same
EVEN = 31  # pixels over which the light of two strips is compared
MOST_LIGHT = 0.08  # of the range, by which a strip is made lighter or darker
BESIDE = 1 + int(rims.WIDTHS[1])  # pixels
LOOKING = 0.3  # of the work is finding strips; the rest is matching
MOST_SUBJECT = 0.55  # of the photo: where what it is of is more, too little is left to make up what is behind it
MOST_CUT = 0.1  # of a border, that may cut it off
SUBJECT_EDGE = 0.01  # of the photo's long side, around what it is of, that has some of its colours


def continues(hole: np.ndarray) -> bool:
    """Whether hole (h, w) bool is what lies around a rectangle, also on its left or its right; it may have a few spots
    more, where the photo is not to be trusted."""
    inner = photo_in(hole)
    return inner is not None and inner.width < hole.shape[1] and hole[inner.slices].mean() < SPOTS


def photo_in(hole: np.ndarray) -> Window | None:
    """The photo that hole (h, w) bool lies around: what is left where all the rows and the columns are taken away that
    are holes altogether."""
    rows, columns = np.flatnonzero(~hole.all(axis=1)), np.flatnonzero(~hole.all(axis=0))
    if not rows.size:
        return None
    x, y = int(columns[0]), int(rows[0])
    return Window(x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y)


def subject(mask: np.ndarray, *, left: bool, right: bool) -> np.ndarray | None:
    """What is not to be copied, (h, w) bool, of a photo whose subject is mask (h, w) uint8.

    left, right: the borders beside which the photo goes on.  None where the subject is most of the photo, or is cut off
    by such a border: it goes on too, then.
    """
    at_border = [mask[:, k].mean() / 255 for k, goes_on in ((0, left), (-1, right)) if goes_on]
    reach = max(2, round(SUBJECT_EDGE * max(mask.shape)))
    grown = cv2.dilate((mask > 127).astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8)) > 0
    return None if grown.mean() > MOST_SUBJECT or max(at_border, default=0.0) > MOST_CUT else grown


def fill(rgb: np.ndarray, hole: np.ndarray, usable: np.ndarray, seed: int, monitor: Monitor) -> Filled:
    """As `patchmatch.fill`, for a hole that `continues`.

    What is above and below is copied patch by patch: there a scene does not go on as it is.
    """
    inner = photo_in(hole)
    assert inner is not None
    rows = np.s_[inner.y : inner.y + inner.height]
    picture, known = rgb[inner.slices].clip(0, 1), usable[inner.slices]
    cleared = _without(picture, known, seed, monitor.part(0, LOOKING / 2))
    photo = _Sides(picture, known.astype(np.float32), cleared)
    right = _continued(photo, hole.shape[1] - inner.x - inner.width, monitor.part(LOOKING / 2, LOOKING * 3 / 4))
    left = _continued(photo.flipped, inner.x, monitor.part(LOOKING * 3 / 4, LOOKING))
    painted = np.concatenate((left[:, ::-1], photo.picture, right), axis=1)
    beside = patchmatch.match(painted, hole[rows], usable[rows], seed, monitor.part(LOOKING, 0.6))
    if inner.height == len(hole):
        return beside
    wide, rest = rgb.copy(), hole.copy()
    wide[rows], rest[rows] = beside.pixels, False
    filled = patchmatch.fill(wide, rest, usable, seed, monitor.part(0.6, 1))
    there = hole & ~rest
    pixels = np.where(there[..., None], wide, filled.pixels)
    offsets = filled.offsets.copy()
    offsets[rows][there[rows]] = beside.offsets[there[rows]]
    return Filled(pixels, offsets)


class _Sides(NamedTuple):
    """A photo that goes on at its right: its picture (h, w, 3) float32, which pixels may be copied (h, w) float32, 0 or
    1, and the picture without those that may not, which strips are taken from."""

    picture: np.ndarray
    usable: np.ndarray
    cleared: np.ndarray

    @property
    def flipped(self) -> "_Sides":
        """The same that goes on at its left."""
        return _Sides(*(np.ascontiguousarray(part[:, ::-1]) for part in self))


def _without(photo: np.ndarray, usable: np.ndarray, seed: int, monitor: Monitor) -> np.ndarray:
    """A photo (h, w, 3) without what is not usable (h, w) bool, such as things of which there should not be two.

    What is not usable beside its borders alone is no thing, but another light (`rims.changed_light`): that stays.
    """
    _, labels = cv2.connectedComponents((~usable).astype(np.uint8))
    away = ~usable & np.isin(labels, labels[:, BESIDE:-BESIDE])
    if not away.any() or not usable.any():
        return photo
    return patchmatch.fill(photo, away, usable, seed, monitor).pixels


class Strip(NamedTuple):
    """Columns of a photo."""

    begin: int
    length: int


class _Photo(NamedTuple):
    """A picture (h, w, 3) that strips are taken from, and how much each pixel stands out there: (h, w), 0 to 1."""

    picture: np.ndarray
    outstanding: np.ndarray

    def says(self, overlap: int) -> np.ndarray:
        """How much each row of the last `overlap` columns has a say, (h, overlap, 1): little where they stand out."""
        each = 1 - self.outstanding[:, -overlap:].mean(axis=1)
        return np.maximum(each, LEAST_SAY).astype(np.float32)[:, None, None].repeat(overlap, axis=1)


def _continued(sides: _Sides, count: int, monitor: Monitor) -> np.ndarray:
    """`count` columns to the right of a photo, float32."""
    picture, usable, source = sides
    width = picture.shape[1]
    overlap = min(OVERLAP, width // 4)
    if overlap < 2 or not count:
        return np.repeat(picture[:, -1:], count, axis=1)
    photo = _Photo(source, np.maximum(_outstanding(picture), 1 - usable))
    longest = min(count, max(overlap, int(width * STRIP)), width - overlap)
    taken = [_best(photo, picture[:, -overlap:], longest, [])]
    begin, length = taken[0]
    # A path within the photo would not be seen, but the border itself.
    wide = np.concatenate((picture, picture[:, : -overlap - 1 : -1]), axis=1)
    wide = _joined(wide, source[:, begin : begin + max(length, overlap)], photo.says(overlap))
    while wide.shape[1] < width + count:
        monitor.check()
        taken.append(_best(photo, wide[:, -overlap:], longest, taken))
        begin, length = taken[-1]
        wide = _joined(wide, source[:, begin - overlap : begin + length], photo.says(overlap))
    return wide[:, width : width + count]


def _outstanding(picture: np.ndarray) -> np.ndarray:
    """How much each pixel (h, w) float32 differs from what its row is made of, 0 to 1.

    That is what is usual in all of the row, or beside the right border; but where that is usual nowhere else, it is
    an object that the border cuts off.
    """
    far, middle, near = (_usual(picture, share) for share in SHARES)
    is_cut = np.minimum(_apart(near, far), _apart(near, middle)) > OBJECT
    off = np.minimum(_apart(picture, far), np.where(is_cut, np.float32(np.inf), _apart(picture, near)))
    return (cv2.blur(off, (5, 5)) / OBJECT).clip(0, 1)


def _usual(picture: np.ndarray, share: float) -> np.ndarray:
    """The median (h, 1, 3) of each row over this share of it beside the right border."""
    return np.median(picture[:, -max(1, round(picture.shape[1] * share)) :], axis=1, keepdims=True)


def _apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one - other).max(axis=2)


def _best(photo: _Photo, border: np.ndarray, longest: int, taken: list[Strip]) -> Strip:
    """The strip that goes on best from `border` (h, n, 3), the last columns there are; none of `taken` if possible."""
    picture, overlap = photo.picture, border.shape[1]
    says = photo.says(overlap)[:, :1]
    # Mean squared differences of the border and all the places that it may go on from, as a correlation.
    squares = np.convolve((np.square(picture) * says).sum(axis=(0, 2)), np.ones(overlap), "valid")
    products = cv2.matchTemplate(picture * says, border, cv2.TM_CCORR)[0]
    own = (np.square(border) * says).sum()
    misfit = np.sqrt((squares - 2 * products + own).clip(0) / (3 * overlap * says.sum()))
    sums = np.concatenate(([0.0], np.cumsum(photo.outstanding.mean(axis=0))))
    best, cost = None, np.inf
    for length in (longest, longest // 2):
        begins = np.arange(overlap, picture.shape[1] - length + 1)
        if length < overlap or not begins.size:
            continue
        stands_out = (sums[begins + length] - sums[begins]) / length
        again = sum((np.abs(begins - other.begin) < length for other in taken), np.zeros(begins.shape))
        costs = misfit[begins - overlap] + OBJECT * (OUTSTANDING * stands_out + again)
        if costs.min() + SEAM * longest / length < cost:
            cost = float(costs.min()) + SEAM * longest / length
            best = Strip(int(begins[np.argmin(costs)]), length)
    return best or Strip(overlap, longest)


def _joined(wide: np.ndarray, source: np.ndarray, says: np.ndarray) -> np.ndarray:
    """wide (h, w, 3) with source put on at its right, over its last columns, as bright as it is there.

    says: (h, n, 1), what each row counts, n being how many columns overlap.
    """
    overlap = says.shape[1]
    border, start, counts = wide[:, -overlap:], source[:, :overlap], np.square(says[:, :1])
    off = np.median(border - start, axis=1, keepdims=True).clip(-MOST_LIGHT, MOST_LIGHT) * counts
    size = (1, 2 * (min(EVEN, len(wide)) // 2) + 1)
    light = cv2.blur(off, size).reshape(off.shape) / (cv2.blur(counts, size).reshape(counts.shape) + UNSAID)
    source = source + light
    cut = _cut(np.square(border - source[:, :overlap]).sum(axis=2))
    share = ((np.arange(overlap)[None] - cut[:, None]) / 2 + 0.5).clip(0, 1)[..., None].astype(np.float32)
    mixed = border * (1 - share) + source[:, :overlap] * share
    return np.concatenate((wide[:, :-overlap], mixed, source[:, overlap:]), axis=1).clip(0, 1)


def _cut(error: np.ndarray) -> np.ndarray:
    """The column in each row (h,) of the path from top to bottom of error (h, n) whose sum is least."""
    costs = error.copy()
    for row in range(1, len(costs)):
        above = np.pad(costs[row - 1], 1, constant_values=np.inf)
        costs[row] += np.minimum(np.minimum(above[:-2], above[2:]), above[1:-1])
    path = np.empty(len(costs), int)
    path[-1] = int(np.argmin(costs[-1]))
    for row in range(len(costs) - 2, -1, -1):
        first = max(0, path[row + 1] - 1)
        path[row] = first + int(np.argmin(costs[row, first : path[row + 1] + 2]))
    return path
