"""Continues the surroundings of a hole into it by copying patches; needs no weights.

Method: each patch that touches the hole (a target) is matched with the most similar patch outside it (a source); every
pixel of the hole becomes the weighted mean of what the matched patches vote for; both steps are repeated, from coarse
to fine (Wexler, Shechtman and Irani 2007, "Space-Time Completion of Video", section 3).  The nearest-neighbour field,
the match of every target, is found by exhaustive search where that is cheap, else by propagation and random search
(Barnes et al. 2009, "PatchMatch", section 3).  Patches are compared by:

- their colours, projected to a few coefficients (`_cosine_basis`);
- the texture around them, which is filled in like a colour, so that grass does not become sky with a few blades
  (Newson et al. 2014, "Video Inpainting of Complex Scenes", section 3.3);
- their position: nearby content is more likely to belong there, at the same height above all, but counts no more than
  similar patches of this picture differ.  On a calm wall nearness would else decide alone, and the hole be filled with
  its own rim, over and over.

The first matches, at the coarsest size, lead lines into the hole: it is filled layer by layer from its rim, by patches
that are compared by what is known of them (Newson et al., section 3.5).

What is copied often costs more (after the occurrence map of Kaspar et al. 2015, "Self Tuning Texture Optimization").
Two more steps prevent a blurred result and a visible rim.  A match that continues its neighbours' matches costs less,
so that coherent pieces are copied (a Potts model, by iterated conditional modes; Besag 1986, "On the Statistical
Analysis of Dirty Pictures").  And the light in the hole is brought to that of its rim.  In between, the votes for the
pixels just outside the hole are compared with the real pixels there, and the difference is spread over the hole (Pérez
et al. 2003, "Poisson Image Editing", section 2), except for differences too large to be of light, and next to pixels
that are not usable.  At the end the differences between pixels are voted for too (`_Field.joined`), and
what averaging has taken from the contrast is given back (`contrast`).
"""

from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..imaging import windows
from ..imaging.products import matmul
from ..imaging.sampling import distance_inside, extrapolate, resize
from ..shared.monitor import UNWATCHED, Monitor
from . import contrast
from .smooth import joined, random_offsets, surface, without_seams

MAX_SIDE = 800  # pixels on the long side of a picture; larger ones take longer and look no better
SIDE = 7  # pixels of a patch
RADIUS = SIDE // 2
COEFFICIENTS = (14, 5, 5)  # of a patch's colours: in lightness, red against blue, green against both
COLOURS = sum(COEFFICIENTS)
TEXTURE_WEIGHT = 6.0  # of the texture around a patch, against one colour coefficient
POSITION_WEIGHT = 0.5  # of the distance across the whole picture, against the difference of black and white, at most
SAMPLES, SAMPLED_AMONG = 300, 3000  # patches that say what is usual, and those they are compared with
USE_COST = 0.3  # of the usual cost of a match: what a source costs more for each FREE_USES that it is used more often
FREE_USES = 2.0  # times that a source is used at no cost
SHALLOW = 2.5  # pixels: a hole no deeper than this needs no coarser level
MIN_SOURCES = 50  # patches to copy from
ROUNDS = (12, 8, 5, 4, 3)  # of matching and voting, at the coarsest level and on
ROUNDS_KEPT = 2  # of matching, where the hole's pixels are kept and nothing changes in between
FIRST = 2e6  # comparisons of patches by all their known pixels, at most, that the first matches are found by
EXHAUSTIVE = 16e6  # comparisons up to which all targets are compared with all sources
REACHES = (16, 8, 4, 2, 1)  # pixels that the random search goes
COHERENCE = 1 / 2  # of the median cost of a match: how much less it costs for each neighbour that it continues
COHERENCE_ROUNDS = 3
DEPTH_FACTOR = 1.6  # the weight of a vote is divided by this for every pixel that its patch lies deeper in the hole …
MAX_DEPTH = 100  # … up to this depth
COST_FACTOR, MAX_COST = (
    0.25,
    40.0,
)  # how fast the weight of a vote falls with its cost, and the highest cost that counts
RING = 2  # pixels around the hole where votes are compared with the real pixels
MAX_ERROR = 0.2  # between them that may be a difference in light; what differs much more is another thing
PAD = SIDE - 1  # positions around the grid of patches, so that no step from one leads into another row
BATCH = 20_000  # patches that are processed at once, to bound memory
NEIGHBOURS = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What decides among the patches, besides their similarity.

    position: how many times the usual distance of similar patches the distance across the hole may count.  upright: how
    many times as much it counts up or down as to the side: in most photos, what is beside a thing is on the same ground
    or wall as what it hides, and as far away.  lit_between:
    whether the light is brought to that of the hole's rim between the rounds too, so that what is matched next has it;
    that follows a photo's light best, but where the rim is not clean the whole hole gets the colour of that.
    """

    position: float = 4.0
    upright: float = 2.0
    lit_between: bool = True


class Filled(NamedTuple):
    """A picture with its hole filled, and where the surroundings of its pixels can be copied from.

    pixels: (h, w, 3) float32, new in the hole; outside it unchanged, or without faint detail.  offsets: (h, w, 2)
    int32, in y and x, from a pixel in or near the hole to the pixel that it was copied from, or that is most like it.
    """

    pixels: np.ndarray
    offsets: np.ndarray


def fill(
    rgb: np.ndarray,
    hole: np.ndarray,
    usable: np.ndarray,
    seed: int,
    monitor: Monitor = UNWATCHED,
    terms: Terms = Terms(),
) -> Filled:
    """rgb: (h, w, 3) float32, 0 to 1; hole: (h, w) bool; usable: (h, w) bool, the pixels that may be copied from.

    Where the surroundings are smooth, or there is too little to copy from, the hole is filled smoothly.
    """
    smooth = surface(rgb, hole, usable)
    if smooth is not None:
        return Filled(smooth, random_offsets(hole, usable & ~hole, seed))
    levels = _pyramid(rgb, hole, usable, keep=False)
    if not levels:
        return Filled(extrapolate(rgb, ~hole), _zero_offsets(hole))
    pixels, offsets = _coarse_to_fine(levels, seed, monitor, terms)
    return Filled(contrast.restored(without_seams(pixels), offsets, hole, usable), offsets)


def match(rgb: np.ndarray, hole: np.ndarray, usable: np.ndarray, seed: int, monitor: Monitor = UNWATCHED) -> Filled:
    """For a picture whose hole was filled by other means: the same pixels, and where similar ones are.

    Arguments as in `fill`.  Where there is too little to compare with, all offsets are 0.
    """
    levels = _pyramid(rgb, hole, usable, keep=True)
    return _coarse_to_fine(levels, seed, monitor, Terms()) if levels else Filled(rgb, _zero_offsets(hole))


def _zero_offsets(hole: np.ndarray) -> np.ndarray:
    return np.zeros((*hole.shape, 2), np.int32)


# -- from coarse to fine -----------------------------------------------------------------------------------------------


class _Level(NamedTuple):
    """The picture at one size: rgb, hole and usable as in `fill`; keep: whether the hole's pixels are kept."""

    rgb: np.ndarray
    hole: np.ndarray
    usable: np.ndarray
    keep: bool


def _pyramid(rgb: np.ndarray, hole: np.ndarray, usable: np.ndarray, *, keep: bool) -> list[_Level]:
    """The picture from its coarsest useful size to its own; empty where there is too little to copy from."""
    depth = float(np.max(distance_inside(hole)))
    usable = usable & ~hole
    levels: list[_Level] = []
    while hole.any() and _count_patches(usable) >= MIN_SOURCES:
        levels.insert(0, _Level(rgb, hole, usable, keep))
        if depth < SHALLOW * 2 ** len(levels):
            break
        size = round(hole.shape[1] / 2), round(hole.shape[0] / 2)
        known = np.ones(hole.shape, np.float32) if keep else (~hole).astype(np.float32)
        rgb = resize(rgb * known[..., None], size) / np.maximum(resize(known, size), 1e-6)[..., None]
        usable = resize((usable | hole).astype(np.float32), size) > 0.999
        hole = resize(hole.astype(np.float32), size) > 0.5
        usable &= ~hole
    return levels


def _count_patches(usable: np.ndarray) -> int:
    """How many patches are usable as a whole."""
    return int(_whole_patches(usable).sum()) if min(usable.shape) >= SIDE else 0


def _whole_patches(usable: np.ndarray) -> np.ndarray:
    """Of which patches, by their top left pixel, all is usable: (h, w) bool -> (h - SIDE + 1, w - SIDE + 1) bool."""
    eroded = cv2.erode(usable.astype(np.uint8), np.ones((SIDE, SIDE), np.uint8))
    return eroded[RADIUS:-RADIUS, RADIUS:-RADIUS] > 0


def _coarse_to_fine(levels: list[_Level], seed: int, monitor: Monitor, terms: Terms) -> Filled:
    """Match and vote in turns, through all levels; where the hole's pixels are kept, only match."""
    random = np.random.default_rng(seed)
    rounds = [ROUNDS_KEPT if level.keep else ROUNDS[min(k, len(ROUNDS) - 1)] for k, level in enumerate(levels)]
    effort = [n * int(np.count_nonzero(level.hole)) for n, level in zip(rounds, levels, strict=True)]
    done, picture, offsets = 0.0, levels[0].rgb, None
    for level, count, cost in zip(levels, rounds, effort, strict=True):
        field = _Field(level, random, terms, monitor)
        matches = None if offsets is None else field.upsampled(offsets)
        picture, texture = field.start() if matches is None or level.keep else field.vote(matches, None)
        for _ in range(count):
            monitor.report(done / sum(effort))
            done += cost / count
            wanted = field.descriptors(field.targets, picture, texture)
            matches, costs = field.search(matches, wanted)
            matches, costs = field.coherent(matches, costs, wanted)
            if not level.keep:
                picture, texture = field.vote(matches, costs)
                field.count_uses(matches, costs)
        assert matches is not None
        offsets = field.offsets(matches)
    assert offsets is not None and matches is not None and costs is not None
    return Filled(picture if level.keep else field.joined(matches, costs), offsets)


# -- one level ---------------------------------------------------------------------------------------------------------


class _Field:
    """The search for a nearest-neighbour field at one level, and the picture that the matches vote for.

    A patch is named by the flat index of its top left pixel in a grid with PAD positions around it.  Throughout,
    matches: (N,) int32, the sources that the patches at `targets` are matched with; costs: (N,) float32, the squared
    distances of their descriptors; wanted: (N, K) float32, the descriptors of the targets.
    """

    def __init__(self, level: _Level, random: np.random.Generator, terms: Terms, monitor: Monitor) -> None:
        """monitor: asked often whether to stop, as one round may take a second."""
        self._level, self._random, self._terms, self._monitor = level, random, terms, monitor
        self._stretch = np.array((terms.upright**0.5, terms.upright**-0.5), np.float32)
        height, width = level.hole.shape
        self._grid = height - SIDE + 1, width - SIDE + 1
        self._row = self._grid[1] + 2 * PAD
        self.targets = self._indices(~_whole_patches(~level.hole))
        self._sources = self._indices(_whole_patches(level.usable))
        self._source_number = np.full((self._grid[0] + 2 * PAD) * self._row, -1, np.int32)  # -1: not a source
        self._source_number[self._sources] = np.arange(len(self._sources), dtype=np.int32)

        known = np.ones_like(level.hole) if level.keep else ~level.hole
        self._texture, self._texture_known = _texture(level.rgb, known)
        self._position_scale = 1.0
        self._source_descriptors = self.descriptors(self._sources, level.rgb, self._texture)
        self._position_scale = self._fitting_position_scale()
        self._source_descriptors[:, COLOURS + 2 :] *= self._position_scale
        self._uses, self._use_costs = np.zeros((2, len(self._sources)), np.float32)
        self._channels = np.dstack((level.rgb, self._texture)).reshape(height * width, -1)  # what is voted for

        rows, columns = self._corners(self.targets)
        self._distance = cv2.distanceTransform(level.hole.astype(np.uint8), cv2.DIST_L2, 5)
        self._depth = self._distance[rows + RADIUS, columns + RADIUS]
        self._weights = DEPTH_FACTOR ** -np.minimum(self._depth, MAX_DEPTH)
        around = cv2.dilate(level.hole.astype(np.uint8), np.ones((2 * RING + 1,) * 2, np.uint8)) > 0
        self._voted = np.nonzero(around)
        bounds = windows.bounds(around)
        assert bounds is not None
        self._part = bounds.slices
        self._ring = (around & ~level.hole)[self._part]

    def start(self) -> tuple[np.ndarray, np.ndarray]:
        """The picture and its texture before there are matches.

        The hole is filled layer by layer from its rim, and patches are compared by what is known of them, so that lines
        are led into it (Newson et al. 2014, section 3.5).
        """
        if self._level.keep:
            return self._level.rgb, self._texture
        hole, picture = self._level.hole, extrapolate(self._level.rgb, ~self._level.hole)
        texture, known = extrapolate(self._texture, self._texture_known), ~hole
        candidates = self._candidates(min(FIRST, BATCH * len(self.targets)))
        sources = self._in_full(candidates, self._level.rgb)
        compared = np.hstack((sources**2, sources)).T
        matches, layers = np.full_like(self.targets, candidates[0]), np.ceil(self._depth)
        for layer in np.unique(layers):
            now = layers == layer
            wanted = self._in_full(self.targets[now], picture)
            share = np.tile(self._pixels(self.targets[now], known[..., None]), 3).astype(np.float32)
            share = np.hstack((share, np.repeat(share.mean(axis=1, keepdims=True), 2, axis=1)))
            distances = matmul(np.hstack((share, -2 * share * wanted)), compared)
            matches[now] = candidates[distances.argmin(axis=1)]
            voted = self._vote_with(matches, np.where(layers <= layer, self._weights, 0), self._channels)
            filled = hole & (self._distance <= layer) & voted.any(axis=2)
            picture[filled], texture[filled] = voted[filled][:, :3], voted[filled][:, 3:]
            known |= filled
        return picture, texture

    def _in_full(self, patches: np.ndarray, picture: np.ndarray) -> np.ndarray:
        """All pixels of patches, and their positions as these count: (n, 3 * SIDE * SIDE + 2) float32."""
        return np.hstack((self._pixels(patches, picture), self._places(patches)))

    def _places(self, patches: np.ndarray) -> np.ndarray:
        """The positions (n, 2) float32 of patches, as they count."""
        return np.stack(self._corners(patches), 1) * (self._stretch * np.float32(self._position_scale))

    def _candidates(self, comparisons: float) -> np.ndarray:
        """As many sources as all targets can be compared with, by so many comparisons: all, or some by chance."""
        count = max(1, int(comparisons / len(self.targets)))
        if count >= len(self._sources):
            return self._sources
        return self._random.choice(self._sources, count, replace=False)

    def descriptors(self, patches: np.ndarray, picture: np.ndarray, texture: np.ndarray) -> np.ndarray:
        """What patches are compared by, (n, COLOURS + 4) float32.  picture: (h, w, 3); texture: (h, w, 2)."""
        result = np.empty((len(patches), COLOURS + 4), np.float32)
        for batch in (slice(k, k + BATCH) for k in range(0, len(patches), BATCH)):
            self._monitor.check()
            result[batch, :COLOURS] = matmul(self._pixels(patches[batch], picture), BASIS)
        rows, columns = self._corners(patches)
        result[:, COLOURS : COLOURS + 2] = texture[rows + RADIUS, columns + RADIUS] * (TEXTURE_WEIGHT * SIDE)
        result[:, COLOURS + 2 :] = self._places(patches)
        return result

    def upsampled(self, offsets: np.ndarray) -> np.ndarray:
        """Matches from the offsets (`Filled.offsets`) of the next coarser level; random where these lead nowhere."""
        height, width = self._level.hole.shape
        scale = np.array((height / offsets.shape[0], width / offsets.shape[1]))
        corners = np.stack(self._corners(self.targets), 1)
        coarse = ((corners + RADIUS + 0.5) / scale).astype(int)
        sources = corners + np.rint(offsets[coarse[:, 0], coarse[:, 1]] * scale).astype(int)
        sources = sources.clip(0, np.array(self._grid) - 1) + PAD
        matches = (sources[:, 0] * self._row + sources[:, 1]).astype(np.int32)
        invalid = self._source_number[matches] < 0
        matches[invalid] = self._random.choice(self._sources, np.count_nonzero(invalid))
        return matches

    def search(self, matches: np.ndarray | None, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Better matches, and their costs."""
        exhaustive = len(self.targets) * len(self._sources) <= EXHAUSTIVE
        if exhaustive or matches is None:
            matches = self._nearest(self._candidates(EXHAUSTIVE), wanted)
        matches = matches.copy()
        costs = self._costs(matches, wanted)
        if not exhaustive:
            for step in (1, -1, self._row, -self._row):
                grid = np.zeros(len(self._source_number), np.int32)
                grid[self.targets] = matches
                self._improve(matches, costs, _continued(grid, self.targets, step), wanted)
            for reach in REACHES:
                rows, columns = self._random.integers(-reach, reach + 1, (2, len(matches)), np.int32)
                tried = (matches + rows * np.int32(self._row) + columns).clip(0, len(self._source_number) - 1)
                self._improve(matches, costs, tried, wanted)
        return matches, costs

    def _nearest(self, candidates: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """For each target the nearest of the candidate sources, by comparing it with all of them."""
        known = self._source_descriptors[self._source_number[candidates]]
        squares = np.einsum("ij,ij->i", known, known) + self._use_costs[self._source_number[candidates]]
        matches = np.empty_like(self.targets)
        rows = max(1, BATCH**2 // 64 // len(candidates))
        for batch in (slice(k, k + rows) for k in range(0, len(wanted), rows)):
            self._monitor.check()
            nearest = (squares - 2 * matmul(wanted[batch], known.T)).argmin(axis=1)
            matches[batch] = candidates[nearest]
        return matches

    def coherent(self, matches: np.ndarray, costs: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Matches and costs, where a match is replaced by one that continues a neighbour's and costs hardly more."""
        bonus = np.float32(COHERENCE * np.median(costs))
        matches, costs, open_ = matches.copy(), costs.copy(), np.arange(len(matches))
        for _ in range(COHERENCE_ROUNDS):
            offered = self._offered(matches, open_)
            old, new, new_costs = matches[open_], matches[open_], costs[open_]
            best = new_costs - bonus * (offered == old).sum(axis=0, dtype=np.uint8)
            for tried, gained, worth_it in zip(offered, *self._agreed(offered), strict=True):
                gain = bonus * gained
                # As costs are not negative, most need not be computed.
                changed = np.flatnonzero(worth_it & (tried != new) & (best + gain > 0))
                some = tried[changed]
                its_costs = self._costs(some, wanted, open_[changed])
                total = its_costs - gain[changed]
                better = total < best[changed]
                changed = changed[better]
                new[changed], new_costs[changed], best[changed] = some[better], its_costs[better], total[better]
            matches[open_], costs[open_] = new, new_costs
            open_ = self._around(open_[new != old])
        return matches, costs

    def _offered(self, matches: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """The patches (8, n) that continue the matches of the neighbours of these targets (n,); 0 without one."""
        grid = np.zeros(len(self._source_number), np.int32)
        grid[self.targets] = matches
        targets = self.targets[chosen]
        return np.stack([_continued(grid, targets, y * self._row + x) for y, x in NEIGHBOURS])

    def _agreed(self, offered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How many neighbours offer the same (8, n), and whether it is a source, and not offered before (8, n) bool."""
        agreed, worth_it = np.ones(offered.shape, np.uint8), self._source_number.take(offered) >= 0
        for one, other in combinations(range(len(offered)), 2):
            same = offered[one] == offered[other]
            agreed[one] += same
            agreed[other] += same
            worth_it[other] &= ~same
        return agreed, worth_it

    def _around(self, changed: np.ndarray) -> np.ndarray:
        """Which targets (m,) have these targets (n,) as neighbours, or are among them."""
        grid = np.zeros(len(self._source_number), np.uint8)
        grid[self.targets[changed]] = 1
        near = cv2.dilate(grid.reshape(-1, self._row), np.ones((3, 3), np.uint8)).ravel()
        return np.flatnonzero(near[self.targets])

    def vote(self, matches: np.ndarray, costs: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """The picture (h, w, 3) and its texture (h, w, 2), with the hole filled by the mean of the matched patches.

        costs: None weighs all matches alike, but for their depth in the hole.
        """
        weights = self._weights if costs is None else self._weights_of(costs)
        voted = self._vote_with(matches, weights, self._channels)
        hole = self._level.hole
        self._voted_rim = voted[self._part][..., :3].copy()
        if self._terms.lit_between:
            trusted = self._ring & self._level.usable[self._part]
            voted[self._part][..., :3] += extrapolate(self._rim_error(), trusted)
        picture, texture = self._level.rgb.copy(), self._texture.copy()
        picture[hole], texture[hole] = voted[hole][:, :3], voted[hole][:, 3:]
        return picture, texture

    def _weights_of(self, costs: np.ndarray) -> np.ndarray:
        """How much the votes of matches with these costs count, (N,) float32."""
        dear = np.minimum(costs / (np.percentile(costs, 75) + 1e-8), MAX_COST)
        return self._weights * np.exp(-COST_FACTOR * dear)

    def joined(self, matches: np.ndarray, costs: np.ndarray) -> np.ndarray:
        """The picture (h, w, 3) that these matches vote for, joined with its surroundings and without seams.

        Patches vote for colours and for the differences between neighbouring pixels, which know of no seam between two
        patches (Darabi et al. 2012, "Image Melding", section 3.2).
        """
        part, hole = self._part, self._level.hole[self._part]
        colours = np.ascontiguousarray(self._channels[:, :3])  # `take` would copy all of a view at every step
        voted = self._vote_with(matches, self._weights_of(costs), colours)[part]
        steps = self._vote_with(matches, self._weights_of(costs), self._steps())[part]
        picture = self._level.rgb.copy()
        picture[part] = joined(np.where(hole[..., None], voted, picture[part]), steps, hole)
        return picture

    def _steps(self) -> np.ndarray:
        """The differences (h * w, 6) of each pixel's colours from the next one's to the right, and below.

        0 where either must not be copied from.
        """
        rgb, usable = self._level.rgb, self._level.usable
        steps = np.zeros((*usable.shape, 6), np.float32)
        steps[:, :-1, :3] = (rgb[:, 1:] - rgb[:, :-1]) * (usable[:, 1:] & usable[:, :-1])[..., None]
        steps[:-1, :, 3:] = (rgb[1:] - rgb[:-1]) * (usable[1:] & usable[:-1])[..., None]
        return steps.reshape(-1, 6)

    def _rim_error(self) -> np.ndarray:
        """How far the votes are off at the hole's rim (h, w, 3), smoothed; small where it must be more than light."""
        error = (self._level.rgb[self._part] - self._voted_rim) * self._ring[..., None]
        share = cv2.GaussianBlur(self._ring.astype(np.float32), (0, 0), RING)
        error = cv2.GaussianBlur(error, (0, 0), RING) / np.maximum(share, 1e-6)[..., None]
        return error / (1 + (np.abs(error).max(axis=2, keepdims=True) / MAX_ERROR) ** 2)

    def count_uses(self, matches: np.ndarray, costs: np.ndarray) -> None:
        """Make sources that are used often cost more from now on."""
        uses = np.zeros(len(self._source_number), np.float32)
        uses[self._sources] = np.bincount(self._source_number[matches], minlength=len(self._sources))
        around = cv2.blur(uses.reshape(-1, self._row), (3, 3), borderType=cv2.BORDER_CONSTANT)
        found = around.ravel()[self._sources]
        self._uses = (self._uses + found) / 2 if self._uses.any() else found
        usual = np.float32(np.median(costs - self._use_costs[self._source_number[matches]]))
        self._use_costs = USE_COST * usual * np.maximum(self._uses / np.float32(FREE_USES) - 1, 0)

    def _vote_with(self, matches: np.ndarray, weights: np.ndarray, channels: np.ndarray) -> np.ndarray:
        """The weighted mean (h, w, C) of the matched patches, in the hole and the ring around it; 0 elsewhere.

        channels: (h * w, C) float32, what is copied.
        """
        height, width = self._level.hole.shape
        corners, weight_of = (
            np.zeros(len(self._source_number), np.int32),
            np.zeros(len(self._source_number), np.float32),
        )
        rows, columns = self._corners(matches)
        corners[self.targets], weight_of[self.targets] = rows * width + columns, weights
        y, x = self._voted
        first = (y + PAD) * self._row + x + PAD
        sums, total = np.zeros((len(y), channels.shape[1]), np.float32), np.zeros(len(y), np.float32)
        pixels = np.empty_like(sums)
        for dy in range(SIDE):
            self._monitor.check()
            for dx in range(SIDE):
                patch = first - (dy * self._row + dx)  # the one that has the pixel at (dy, dx)
                weight = weight_of.take(patch)
                place = corners.take(patch) + (dy * width + dx)
                np.take(channels, place, axis=0, out=pixels, mode="clip")  # several times as fast as an index
                pixels *= weight[:, None]
                sums += pixels
                total += weight
        voted = np.zeros((height, width, channels.shape[1]), np.float32)
        voted[y, x] = sums / np.maximum(total, 1e-30)[:, None]
        return voted

    def offsets(self, matches: np.ndarray) -> np.ndarray:
        """The matches as `Filled.offsets`."""
        grid = np.zeros((*self._grid, 2), np.int32)
        corners = self._corners(self.targets)
        grid[corners] = np.stack(self._corners(matches), 1) - np.stack(corners, 1)
        return np.pad(grid, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="edge")

    def _indices(self, patches: np.ndarray) -> np.ndarray:
        """The flat indices (n,) int32 of the patches that are True in the grid (gh, gw) bool."""
        rows, columns = np.nonzero(patches)
        return ((rows + PAD) * self._row + columns + PAD).astype(np.int32)

    def _corners(self, patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of the top left pixels of patches."""
        rows, columns = np.divmod(patches, self._row)
        return rows - PAD, columns - PAD

    def _pixels(self, patches: np.ndarray, picture: np.ndarray) -> np.ndarray:
        """The pixels (n, 3 * SIDE * SIDE) of patches."""
        views = sliding_window_view(picture, (SIDE, SIDE), axis=(0, 1))
        return views[self._corners(patches)].reshape(len(patches), -1)

    def _costs(self, sources: np.ndarray, wanted: np.ndarray, chosen: np.ndarray | None = None) -> np.ndarray:
        """The squared distances (n,) float32 of the descriptors of these sources from the wanted ones (n, K).

        chosen: (n,), which of the wanted ones these are, where they are not all.
        """
        self._monitor.check()
        numbers = self._source_number.take(sources)
        difference = self._source_descriptors.take(numbers, axis=0)
        difference -= wanted if chosen is None else wanted.take(chosen, axis=0)
        return np.einsum("ij,ij->i", difference, difference) + self._use_costs.take(numbers)

    def _fitting_position_scale(self) -> float:
        """What a pixel of the distance to a source counts, so that it does not decide alone among similar patches.

        The descriptors of the sources must hold no positions yet, or positions in pixels.
        """
        most = POSITION_WEIGHT * SIDE / max(self._level.hole.shape)
        if self._level.keep:
            return most
        count = len(self._sources)
        some, among = (self._random.choice(count, min(count, n), replace=False) for n in (SAMPLES, SAMPLED_AMONG))
        one, other = (self._source_descriptors[chosen, : COLOURS + 2] for chosen in (some, among))
        squares = [np.einsum("ij,ij->i", a, a) for a in (one, other)]
        apart = squares[0][:, None] + squares[1] - 2 * matmul(one, other.T)
        places = [np.stack(self._corners(self._sources[chosen])) for chosen in (some, among)]
        apart[(np.abs(places[0][:, :, None] - places[1][:, None]) < SIDE).all(axis=0)] = np.inf
        usual = float(np.median(apart.min(axis=1)))
        if not np.isfinite(usual):
            usual = 0.1
        across = 2 * float(np.max(distance_inside(self._level.hole)))
        return min(most, self._terms.position * max(usual, 1e-4) ** 0.5 / across)

    def _improve(self, matches: np.ndarray, costs: np.ndarray, tried: np.ndarray, wanted: np.ndarray) -> None:
        """Replace, in matches and costs, what costs more than the patches that are tried."""
        changed = np.flatnonzero((tried != matches) & (self._source_number.take(tried) >= 0))
        some = tried[changed]
        new_costs = self._costs(some, wanted, changed)
        better = new_costs < costs[changed]
        changed = changed[better]
        matches[changed], costs[changed] = some[better], new_costs[better]


def _continued(grid: np.ndarray, targets: np.ndarray, step: int) -> np.ndarray:
    """For each target (n,) the patch that continues the match of its neighbour `step` indices away; 0 without one.

    grid: the match of every index, 0 where it is no target.
    """
    found = grid.take(targets + step)
    return np.where(found > 0, found - np.int32(step), 0)


# -- what patches are compared by --------------------------------------------------------------------------------------


def _texture(rgb: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean gradients along x and y around each pixel of rgb (h, w, 3), and where they are known.

    known: (h, w) bool, the pixels that count.  Returns (h, w, 2) float32 and (h, w) bool.
    """
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    gradient = np.dstack([np.abs(cv2.Scharr(grey, cv2.CV_32F, *axis, scale=1 / 32)) for axis in ((1, 0), (0, 1))])
    counts = cv2.erode(known.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    share = cv2.blur(counts, (SIDE, SIDE))
    return cv2.blur(gradient * counts[..., None], (SIDE, SIDE)) / np.maximum(share, 1e-4)[..., None], share > 1e-3


def _cosine_basis() -> np.ndarray:
    """The coarsest cosine waves of a patch (3, SIDE, SIDE), most of them in lightness: (147, COLOURS) float32.

    The principal components of patches of photographs are close to them.
    """
    n = np.arange(SIDE)
    norm = np.sqrt(np.where(n > 0, 2.0, 1.0) / SIDE)
    cosines = norm[:, np.newaxis] * np.cos(np.pi / SIDE * np.outer(n, n + 0.5))
    coarsest = sorted(np.ndindex(SIDE, SIDE), key=lambda wave: (wave[0] ** 2 + wave[1] ** 2, wave))
    colours = np.array(((1, 1, 1), (1, 0, -1), (1, -2, 1))) / np.sqrt(((3,), (2,), (6,)))
    chosen = [
        np.einsum("c,y,x->cyx", colour, cosines[ky], cosines[kx]).ravel()
        for colour, count in zip(colours, COEFFICIENTS, strict=True)
        for ky, kx in coarsest[:count]
    ]
    return np.ascontiguousarray(np.transpose(chosen), np.float32)


BASIS = _cosine_basis()
