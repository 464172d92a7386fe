"""Continues into a hole what is around it, by copying; needs no weights.

Method: every patch that touches the hole is matched with one that does not, what the matched patches hold is averaged
into the hole, and so on in turns, from coarse to fine (Wexler, Shechtman and Irani 2007, "Space-Time Completion of
Video", section 3).  Matches are found exhaustively where that is cheap, and by propagation and random search where not
(Barnes et al. 2009, "PatchMatch", section 3).  What a patch is compared by:

- its colours, brought to few numbers (`_waves`);
- how busy its surroundings are, which is filled in like a colour, so that grass does not become sky with a few blades
  (Newson et al. 2014, "Video Inpainting of Complex Scenes", section 3.3);
- where it is: what is near is more likely to belong there.

Two more steps keep the result from being a blur with a rim.  A match that continues its neighbours' costs less, so that
whole pieces are copied (a Potts model, by iterated conditional modes; Besag 1986, "On the Statistical Analysis of Dirty
Pictures").  And what the matches say about the pixels around the hole is compared with what is there: the difference is
spread over the hole (Pérez et al. 2003, "Poisson Image Editing", section 2).
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..imaging import windows
from ..imaging.sampling import distance_inside, extrapolate, resize
from .smooth import evened, scattered, surface

LONGEST = 800  # pixels on the long side of a picture, beyond which time goes into what nobody sees
SIDE = 7  # pixels of a patch
RADIUS = SIDE // 2
IN_COLOURS = (14, 5, 5)  # waves in lightness, red against blue, green against both
NUMBERS = sum(IN_COLOURS)  # that stand for a patch's colours
BUSY = 6.0  # how much more than a colour the busyness of its surroundings counts
PLACE = 0.5  # how much the way across the whole picture counts, against the way from black to white
SHALLOW = 2.5  # pixels: a hole no deeper than this needs no coarser look
FEWEST = 50  # patches to copy from
ROUNDS = (12, 8, 5, 4, 3)  # of matching and averaging, at the coarsest size and on
EXHAUSTIVE = 16e6  # comparisons up to which all patches are compared with all
REACHES = (16, 8, 4, 2, 1)  # pixels that the random search goes
TOGETHER = 1 / 8  # of the usual cost of a match: what each neighbour that it continues takes off
TOGETHER_ROUNDS = 3
DEEP = 1.6  # a patch's say falls by this factor with every pixel that it lies deeper in the hole
DEEPEST = 100  # pixels from which on all have the same
SURE, UNLIKE = 0.25, 40.0  # how much more say better matches have, and how bad they can be, against most others
RING = 2  # pixels around the hole that show whether what is copied fits
PAD = SIDE - 1  # places around the grid of patches, so that no step from one of them leads to another row's
BATCH = 20_000  # patches that are taken apart at once
GIVEN_ROUNDS = 2  # of matching, where nothing changes in between
BESIDE = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]

Step = Callable[[float], None]


class Filled(NamedTuple):
    """pixels: (h, w, 3) float32, new in the hole, outside it as they were or without faint detail; offsets: (h, w, 2)
    int32, by how much in y and x the place lies away that the surroundings of a pixel are copied from, for pixels in or
    near the hole."""

    pixels: np.ndarray
    offsets: np.ndarray


def fill(rgb: np.ndarray, hole: np.ndarray, usable: np.ndarray, seed: int, step: Step) -> Filled:
    """rgb: (h, w, 3) float32, 0 to 1; hole: (h, w) bool; usable: (h, w) bool, what may be copied from.

    step: told the share that is done, before each round; what it raises ends the work.

    Where the surroundings are smooth, or there is too little to copy from, the hole is filled smoothly.
    """
    even = surface(rgb, hole, usable)
    if even is not None:
        return Filled(even, scattered(hole, usable & ~hole, seed))
    levels = _pyramid(rgb, hole, usable, given=False)
    if not levels:
        return Filled(extrapolate(rgb, ~hole), _nowhere(hole))
    pixels, offsets = _solved(levels, seed, step)
    return Filled(evened(pixels), offsets)


def match(rgb: np.ndarray, hole: np.ndarray, usable: np.ndarray, seed: int, step: Step) -> Filled:
    """For a picture whose hole was filled by other means: the same pixels, and where to find the like of them.

    Arguments as in `fill`.  Where there is too little to compare with, all offsets are 0.
    """
    levels = _pyramid(rgb, hole, usable, given=True)
    return _solved(levels, seed, step) if levels else Filled(rgb, _nowhere(hole))


def _nowhere(hole: np.ndarray) -> np.ndarray:
    return np.zeros((*hole.shape, 2), np.int32)


def _pyramid(rgb: np.ndarray, hole: np.ndarray, usable: np.ndarray, given: bool) -> list["_Level"]:
    """The picture from its coarsest useful size to its own; empty where there is too little to copy from.

    given: whether the hole's pixels are to be kept.
    """
    depth = float(np.max(distance_inside(hole)))
    usable = usable & ~hole
    levels: list[_Level] = []
    while hole.any() and _patches(usable) >= FEWEST:
        levels.insert(0, _Level(rgb, hole, usable, given))
        if depth < SHALLOW * 2 ** len(levels):
            break
        size = round(hole.shape[1] / 2), round(hole.shape[0] / 2)
        seen = np.ones(hole.shape, np.float32) if given else (~hole).astype(np.float32)
        rgb = resize(rgb * seen[..., None], size) / np.maximum(resize(seen, size), 1e-6)[..., None]
        usable = resize((usable | hole).astype(np.float32), size) > 0.999
        hole = resize(hole.astype(np.float32), size) > 0.5
        usable &= ~hole
    return levels


def _patches(usable: np.ndarray) -> int:
    """How many whole patches there are."""
    return int(_whole(usable).sum()) if min(usable.shape) >= SIDE else 0


def _whole(usable: np.ndarray) -> np.ndarray:
    """(h, w) bool -> (h - SIDE + 1, w - SIDE + 1) bool: of which patches, by their top left pixel, all is usable."""
    eroded = cv2.erode(usable.astype(np.uint8), np.ones((SIDE, SIDE), np.uint8))
    return eroded[RADIUS:-RADIUS, RADIUS:-RADIUS] > 0


def _solved(levels: list["_Level"], seed: int, step: Step) -> Filled:
    """Match and average in turns, through all sizes; where the hole's pixels are given, only match."""
    random = np.random.default_rng(seed)
    rounds = [GIVEN_ROUNDS if level.given else ROUNDS[min(k, len(ROUNDS) - 1)] for k, level in enumerate(levels)]
    effort = [n * np.count_nonzero(level.hole) for n, level in zip(rounds, levels, strict=True)]
    done, picture, offsets = 0.0, levels[0].rgb, None
    for level, count, cost in zip(levels, rounds, effort, strict=True):
        search = _Search(level, random)
        now = None if offsets is None else search.enlarged(offsets)
        picture, busy = search.start() if now is None or level.given else search.averaged(now, None)
        for _ in range(count):
            step(done / sum(effort))
            done += cost / count
            numbers = search.described(search.targets, picture, busy)
            now, costs = search.closest(now, numbers)
            now, costs = search.together(now, costs, numbers)
            if not level.given:
                picture, busy = search.averaged(now, costs)
        assert now is not None
        offsets = search.offsets(now)
    assert offsets is not None
    return Filled(picture, offsets)


class _Level(NamedTuple):
    """The picture at one size: as in `fill`, and whether the hole's pixels are given."""

    rgb: np.ndarray
    hole: np.ndarray
    usable: np.ndarray
    given: bool


class _Search:
    """Matches at one size.

    Patches lie on a grid by their top left pixel, with PAD positions around it; a flat number is a place on it.  now:
    (N,) int32, the places that the patches at `targets` are matched with; numbers: (N, K) float32, what the target
    patches are compared by.
    """

    def __init__(self, level: _Level, random: np.random.Generator):
        self._level, self._random = level, random
        height, width = level.hole.shape
        self._grid = height - SIDE + 1, width - SIDE + 1
        self._row = self._grid[1] + 2 * PAD
        holed = ~_whole(~level.hole)
        self.targets, self._sources = self._places(holed), self._places(_whole(level.usable))
        self._index = np.full((self._grid[0] + 2 * PAD) * self._row, -1, np.int32)
        self._index[self._sources] = np.arange(len(self._sources), dtype=np.int32)

        seen = np.ones_like(level.hole) if level.given else ~level.hole
        self._busy, self._told = _busy(level.rgb, seen)
        self._known = self.described(self._sources, level.rgb, self._busy)
        self._state = np.dstack((level.rgb, self._busy)).reshape(height * width, -1)

        rows, columns = self._corners(self.targets)
        self._say = DEEP ** -np.minimum(distance_inside(level.hole)[rows + RADIUS, columns + RADIUS], DEEPEST)
        around = cv2.dilate(level.hole.astype(np.uint8), np.ones((2 * RING + 1,) * 2, np.uint8)) > 0
        self._drawn = np.nonzero(around)
        bounds = windows.bounds(around)
        assert bounds is not None
        self._part = bounds.slices
        self._ring = (around & ~level.hole)[self._part]

    def start(self) -> tuple[np.ndarray, np.ndarray]:
        """The picture and how busy it is, before anything was matched."""
        if self._level.given:
            return self._level.rgb, self._busy
        return extrapolate(self._level.rgb, ~self._level.hole), extrapolate(self._busy, self._told)

    def described(self, places: np.ndarray, picture: np.ndarray, busy: np.ndarray) -> np.ndarray:
        """What the patches at these places are compared by, in a picture (h, w, 3) that is this busy (h, w, 2)."""
        result = np.empty((len(places), NUMBERS + 4), np.float32)
        for some in (slice(k, k + BATCH) for k in range(0, len(places), BATCH)):
            result[some, :NUMBERS] = _product(self._patches(places[some], picture), BASIS)
        rows, columns = self._corners(places)
        result[:, NUMBERS : NUMBERS + 2] = busy[rows + RADIUS, columns + RADIUS] * (BUSY * SIDE)
        result[:, NUMBERS + 2 :] = np.stack((rows, columns), 1) * (PLACE * SIDE / max(self._level.hole.shape))
        return result

    def enlarged(self, offsets: np.ndarray) -> np.ndarray:
        """The matches of the next smaller size (`Filled.offsets`), at this one."""
        height, width = self._level.hole.shape
        scale = np.array((height / offsets.shape[0], width / offsets.shape[1]))
        at = np.stack(self._corners(self.targets), 1)
        smaller = ((at + RADIUS + 0.5) / scale).astype(int)
        found = at + np.rint(offsets[smaller[:, 0], smaller[:, 1]] * scale).astype(int)
        found = found.clip(0, np.array(self._grid) - 1) + PAD
        now = (found[:, 0] * self._row + found[:, 1]).astype(np.int32)
        lost = self._index[now] < 0
        now[lost] = self._random.choice(self._sources, np.count_nonzero(lost))
        return now

    def closest(self, now: np.ndarray | None, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Better matches than now, and their costs (N,) float32."""
        everything = len(self.targets) * len(self._sources) <= EXHAUSTIVE
        if everything or now is None:
            chosen = self._sources
            if not everything:
                chosen = self._random.choice(chosen, max(1, int(EXHAUSTIVE / len(self.targets))), replace=False)
            known = self._known[self._index[chosen]]
            own, now = np.einsum("ij,ij->i", known, known), np.empty_like(self.targets)
            rows = max(1, BATCH**2 // 64 // len(chosen))
            for some in (slice(k, k + rows) for k in range(0, len(numbers), rows)):
                now[some] = chosen[(own - 2 * _product(numbers[some], known, cv2.GEMM_2_T)).argmin(axis=1)]
        now = now.copy()
        costs = self._costs(now, numbers)
        if not everything:
            for step in (1, -1, self._row, -self._row):
                self._improve(now, costs, self._continued(now, step), numbers)
            for reach in REACHES:
                rows, columns = self._random.integers(-reach, reach + 1, (2, len(now)), np.int32)
                tried = (now + rows * np.int32(self._row) + columns).clip(0, len(self._index) - 1)
                self._improve(now, costs, tried, numbers)
        return now, costs

    def together(self, now: np.ndarray, costs: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Matches and costs, changed where what a neighbour has costs hardly more and makes a larger piece."""
        bonus = np.float32(TOGETHER * np.median(costs))
        for _ in range(TOGETHER_ROUNDS):
            offered = np.stack([self._continued(now, y * self._row + x) for y, x in BESIDE])
            best = costs - bonus * (offered == now).sum(axis=0)
            now, costs = now.copy(), costs.copy()
            for tried in offered:
                who = np.flatnonzero((tried != now) & (self._index[tried] >= 0))
                found = self._costs(tried[who], numbers[who])
                total = found - bonus * (offered[:, who] == tried[who]).sum(axis=0)
                better = total < best[who]
                who = who[better]
                now[who], costs[who], best[who] = tried[who], found[better], total[better]
        return now, costs

    def averaged(self, now: np.ndarray, costs: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """The picture and how busy it is, with the hole filled by what the matches hold."""
        height, width = self._level.hole.shape
        say = self._say
        if costs is not None:
            say = say * np.exp(-SURE * np.minimum(costs / (np.percentile(costs, 75) + 1e-8), UNLIKE))
        corners, says = np.zeros(len(self._index), np.int32), np.zeros(len(self._index), np.float32)
        rows, columns = self._corners(now)
        corners[self.targets], says[self.targets] = rows * width + columns, say
        y, x = self._drawn
        first = (y + PAD) * self._row + x + PAD
        sums, total = np.zeros((len(y), self._state.shape[1]), np.float32), np.zeros(len(y), np.float32)
        for dy in range(SIDE):
            for dx in range(SIDE):
                patch = first - (dy * self._row + dx)
                weight = says[patch]
                sums += self._state[corners[patch] + (dy * width + dx)] * weight[:, None]
                total += weight
        drawn = np.zeros((height, width, self._state.shape[1]), np.float32)
        drawn[y, x] = sums / np.maximum(total, 1e-30)[:, None]

        part, hole = self._part, self._level.hole
        off = (self._level.rgb[part] - drawn[part][..., :3]) * self._ring[..., None]
        share = cv2.GaussianBlur(self._ring.astype(np.float32), (0, 0), RING)
        off = cv2.GaussianBlur(off, (0, 0), RING) / np.maximum(share, 1e-6)[..., None]
        drawn[part][..., :3] += extrapolate(off, self._ring)
        picture, busy = self._level.rgb.copy(), self._busy.copy()
        picture[hole], busy[hole] = drawn[hole][:, :3], drawn[hole][:, 3:]
        return picture, busy

    def offsets(self, now: np.ndarray) -> np.ndarray:
        """The matches as in `Filled`."""
        grid = np.zeros((*self._grid, 2), np.int32)
        at = self._corners(self.targets)
        grid[at] = np.stack(self._corners(now), 1) - np.stack(at, 1)
        return np.pad(grid, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="edge")

    def _places(self, chosen: np.ndarray) -> np.ndarray:
        """The flat numbers (n,) int32 of the patches that are chosen on the grid (gh, gw) bool."""
        rows, columns = np.nonzero(chosen)
        return ((rows + PAD) * self._row + columns + PAD).astype(np.int32)

    def _corners(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of the top left pixels of the patches at these places."""
        rows, columns = np.divmod(places, self._row)
        return rows - PAD, columns - PAD

    def _patches(self, places: np.ndarray, picture: np.ndarray) -> np.ndarray:
        """The pixels (n, 3 * SIDE * SIDE) of the patches at these places."""
        windows = sliding_window_view(picture, (SIDE, SIDE), axis=(0, 1))
        return windows[self._corners(places)].reshape(len(places), -1)

    def _costs(self, now: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """How far (n,) float32 the patches at `now` are from those with these numbers (n, K)."""
        apart = self._known[self._index[now]]
        apart -= numbers
        return np.einsum("ij,ij->i", apart, apart)

    def _continued(self, now: np.ndarray, step: int) -> np.ndarray:
        """For each target the place that continues the match of its neighbour `step` places away; 0 without one."""
        grid = np.zeros(len(self._index), np.int32)
        grid[self.targets] = now
        found = grid[self.targets + step]
        return np.where(found > 0, found - np.int32(step), 0)

    def _improve(self, now: np.ndarray, costs: np.ndarray, tried: np.ndarray, numbers: np.ndarray) -> None:
        """Put what was tried in the place of what costs more, in now and costs."""
        who = np.flatnonzero((tried != now) & (self._index[tried] >= 0))
        found = self._costs(tried[who], numbers[who])
        better = found < costs[who]
        who = who[better]
        now[who], costs[who] = tried[who], found[better]


def _busy(rgb: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much a picture (h, w, 3) float32 changes along x and along y around each pixel, (h, w, 2) float32, and where
    that is known, (h, w) bool.  seen: (h, w) bool, the pixels that count."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    change = np.dstack([np.abs(cv2.Scharr(grey, cv2.CV_32F, *way, scale=1 / 32)) for way in ((1, 0), (0, 1))])
    counts = cv2.erode(seen.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    share = cv2.blur(counts, (SIDE, SIDE))
    return cv2.blur(change * counts[..., None], (SIDE, SIDE)) / np.maximum(share, 1e-4)[..., None], share > 1e-3


def _waves() -> np.ndarray:
    """The NUMBERS (147, NUMBERS) float32 that tell most of a patch (3, SIDE, SIDE): its coarsest cosine waves, most of
    them in lightness.  They are what principal components of photographs come to."""
    n = np.arange(SIDE)
    height = np.sqrt(np.where(n > 0, 2.0, 1.0) / SIDE)
    cosines = height[:, np.newaxis] * np.cos(np.pi / SIDE * np.outer(n, n + 0.5))
    coarsest = sorted(np.ndindex(SIDE, SIDE), key=lambda wave: (wave[0] ** 2 + wave[1] ** 2, wave))
    colours = np.array(((1, 1, 1), (1, 0, -1), (1, -2, 1))) / np.sqrt(((3,), (2,), (6,)))
    chosen = [
        np.einsum("c,y,x->cyx", colour, cosines[ky], cosines[kx]).ravel()
        for colour, count in zip(colours, IN_COLOURS, strict=True)
        for ky, kx in coarsest[:count]
    ]
    return np.ascontiguousarray(np.transpose(chosen), np.float32)


def _product(a: np.ndarray, b: np.ndarray, flags: int = 0) -> np.ndarray:
    """The matrix product, by OpenCV: at these sizes NumPy's own threads cost more than they save, and three times the
    work where the machine has other things to do."""
    return cv2.gemm(a, b, 1, np.zeros(0, np.float32), 0, flags=flags)


BASIS = _waves()
