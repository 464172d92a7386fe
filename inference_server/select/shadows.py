"""The shadow an object casts, found from the image's pixels and the object's mask.  Pure functions.

1. Candidates: pieces of the surroundings that touch the object and are darker than a level, at many levels (Matas et
   al. 2002, "Robust wide baseline stereo from maximally stable extremal regions", section 2): among all colours, and
   among the shades of each colour that the surroundings are made of.
2. Evidence: a shadow divides each channel of what it falls on by nearly the same number, blue by rather less
   (Finlayson, Hordley and Drew 2002, "Removing shadows from images", section 2), which shows in a comparison with what
   lies beside it (Guo, Dai and Hoiem 2011, "Single-image shadow detection and removal using paired regions", section
   3); and it touches the object where that stands.  A logistic regression weighs this.
3. It looks like the object, laid on the ground (`casts`), which is evidence on any ground.
4. The object's outline is laid on the ground, and moved, until the light falls evenly all along it (`silhouettes`).
5. The likeliest of all is taken (`shadow_ranking`), by all that and by how the light falls along its edge
   (`shadow_edges`), which is refined in finer pixels by a guided filter (`edges.guided`).

The pieces' weights are fitted to those around 250 objects pasted into photographs, with and without a shadow, and
around 67 objects of GrabCut and COCO, of which seven have one (bench/fit/shadows.py does the first part).  Of made
shadows, on any ground, 60 % are found, and in 4 % something is found where there is none (bench/README.md).
A shadow that is missed can be clicked on; one that is not there costs a piece of the photo, so doubtful pieces are left
out, and what is taken without being asked for must be certain: 42 % are found so, and hardly any is false.
"""

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import cv2
import numpy as np

from ..imaging import windows
from ..imaging.pixels import log_light, to_uint8
from ..shared.geometry import Window, fit_within
from ..shared.monitor import UNWATCHED, Monitor
from . import casts, contacts, edges, reflections, shadow_edges, shadow_ranking, silhouettes

REACH = 1.0  # how far around the object is searched, in its longer sides
LEAST_REACH = 16  # pixels
SIDE = 320  # pixels on the long side of the picture in which candidates are searched
RIM = 2  # pixels around the mask that may belong to the object
TOUCH = 3  # pixels from that rim within which a piece touches the object
FINE_SIDE = 1024  # pixels on the long side of the picture in which the edge is refined
FINE_RADIUS, FINE_EPS = 6, 1e-3  # pixels; squared difference in colour, 0 to 1, that counts as an edge
PENUMBRA = 0.35  # share of a shadow's depth from which a pixel belongs to it

LEVELS = 14  # of brightness, among all colours
COLOURS = 4  # of the surroundings, whose shades are searched
DARKER = (0.12, 0.18, 0.25, 0.35, 0.45, 0.6, 0.8)  # levels of darkness below each of these colours, in logarithms
TINT, TINT_GROWTH = 0.12, 0.35  # how far a shade may be off that colour, and how much more per unit that it is darker
SMALLEST, LARGEST = 0.02, 1.6  # of the object's area
LEAST = 30  # pixels of a candidate
MARGIN = 24  # pixels around a piece that it is compared with
CUT = 0.3  # share of a piece's outline: with more than this at the picture's edge it is not the object's alone
STANDS = 0.4  # of the object's height from its top: a shadow touches the object below

CLEAR = 0.4  # a shadow at least as dark as this certainly has an edge; in logarithms
LIKELY, SURE = 1.1, 2.45  # the odds, as logarithms, from which one is taken, and from which it is certain
ALONE = 1.95  # the odds of a dark piece, as a logarithm, from which it is taken where nothing else is likely
TRIED = 3  # of the likeliest pieces, until one has still what makes a shadow when it is trimmed
PIECES = 10  # of the likeliest, that are weighed against the laid outlines

NEAR_EDGE = 2, 6  # pixels: least and most of the width of the strips that are compared
COMPARABLE = 0.02  # share of the box around an edge pixel that lit, or shaded, ground must take
LEAST_STRIP, LEAST_COMPARED = 10, 12  # pixels


class Scene(NamedTuple):
    """A picture with an object in it, ready to be searched.

    light: (h, w, 3) float32, logarithms of smoothed RGB.  item, the object, and taken, the object with its rim: (h, w)
    bool.  away: (h, w) float32, pixels from what is taken.  laid: its silhouettes on the ground.
    """

    light: np.ndarray
    item: np.ndarray
    taken: np.ndarray
    away: np.ndarray
    laid: casts.Casts


class Evidence(NamedTuple):
    """What makes it likely, or unlikely, that a piece is a shadow."""

    faint: float  # how much less dark than CLEAR it is, as a logarithm; 0 where it is darker
    tinted: float  # how far the difference between red and blue lies outside BLUE
    green: float  # logarithm of how differently from red and blue green falls
    varied: float  # logarithm of how much the colours around it vary
    area: float  # logarithm of its share of the object's area
    low: float  # where it touches the object: 0 at the top, 1 at the bottom …
    lower: float  # … and how much of that is over .7
    seen: float  # share of its outline, except where it touches the object, with something beside it to compare it with
    above: float  # share of it that is above the lowest two fifths of the object
    alike: float = 0.0  # IoU with the silhouette that is most like it …
    laid: float = 0.0  # … and the odds of that


# Two regressions, as a piece may look like a shadow in two ways: like a silhouette, on any ground; or by its light
# alone, which says enough where that is certain, or the ground is even and the piece large.
PLAIN_BIAS, BIAS = -37.4, -12.5
PLAIN_WEIGHTS = Evidence(
    faint=-3.94, tinted=-7.08, green=-1.08, varied=-3.01, area=0.64, low=8.54, lower=6.25, seen=20.1, above=-2.49
)
WEIGHTS = Evidence(
    faint=-1.64,
    tinted=-3.54,
    green=-0.41,
    varied=-1.14,
    area=0.92,
    low=-0.95,
    lower=8.23,
    seen=7.56,
    above=-5.94,
    alike=3.76,
    laid=1.31,
)
EVEN, LARGE = -2.7, -0.5  # how varied its surroundings may be then, and how large it must be, as `Evidence` has it
CERTAIN = 4.0  # odds, as a logarithm, from which the light alone is enough


def with_shadow(
    pixels: np.ndarray, mask: np.ndarray, monitor: Monitor = UNWATCHED, *, only_sure: bool = False
) -> np.ndarray:
    """mask (h, w) uint8 with the shadow that `find` finds, with that where the object stands (`contacts`), and with its
    mirror image (`reflections`).  Raises UserError when cancelled.
    """
    monitor.report(0.0, "Looking for its shadow")
    found = mask | find(pixels, mask, only_sure=only_sure, monitor=monitor)
    for look in (contacts.find, reflections.find):
        monitor.check()
        found |= look(pixels, mask, only_sure=only_sure)
    return found


def find(pixels: np.ndarray, mask: np.ndarray, *, only_sure: bool = False, monitor: Monitor = UNWATCHED) -> np.ndarray:
    """The shadow (h, w) uint8, 255 or 0, of the object in mask (h, w) uint8, 255 = the object; never over the object.

    pixels: (h, w, 3|4), of any depth: the object and at least its own size on each side, where the image has it.
    All 0 where no shadow is found; a doubtful one is none, and with only_sure one that is merely likely, too.  Raises
    UserError when cancelled.
    """
    shadow = np.zeros_like(mask)
    bounds = windows.bounds(mask > 127)
    if bounds is None:
        return shadow
    window = bounds.grown(reach(bounds), reach(bounds), mask.shape[1], mask.shape[0])
    rgb, item = to_uint8(pixels[window.slices][..., :3]), mask[window.slices]
    piece = _likeliest(_reduced(rgb, SIDE), _reduced(item, SIDE), monitor, only_sure=only_sure)
    if piece is None:
        return shadow
    guide = _reduced(rgb, FINE_SIDE)
    share = cv2.resize(piece.astype(np.float32), guide.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    share = edges.guided(guide.astype(np.float32) / 255, share, FINE_RADIUS, FINE_EPS)
    share = cv2.resize(share, (window.width, window.height), interpolation=cv2.INTER_LINEAR)
    shadow[window.slices] = np.where((share > PENUMBRA) & (item <= 127), np.uint8(255), np.uint8(0))
    return shadow


def reach(bounds: Window) -> int:
    """How many pixels around an object with these bounds are searched."""
    return max(LEAST_REACH, round(REACH * max(bounds.width, bounds.height)))


def _likeliest(pixels: np.ndarray, mask: np.ndarray, monitor: Monitor, *, only_sure: bool) -> np.ndarray | None:
    """The piece (h, w) bool of the surroundings that is most likely the object's shadow, joined to the object.

    pixels: (h, w, 3) uint8; mask: (h, w) uint8.  None where no piece is likely, or with only_sure certain.
    """
    scene = _scene(pixels, mask)
    if scene.taken.all() or scene.taken[-1].any():  # the foot of an object that is cut off below is not in the picture
        return None
    if not scene.item.any():
        return None
    monitor.check()
    shapes = _shapes(scene, pixels, monitor)
    best = shadow_ranking.likeliest(shadow_edges.lighting_around(pixels, scene.item, scene.taken), shapes)
    likely = best is not None and best[1] > (SURE if only_sure else LIKELY)
    shadow = best[0] if best and likely else None if only_sure else _by_itself(scene, shapes)
    if shadow is None:
        return None
    near = cv2.dilate(shadow.astype(np.uint8), np.ones((4 * RIM + 3,) * 2, np.uint8)) > 0
    return shadow | (near & scene.taken)


def _by_itself(scene: Scene, shapes: shadow_ranking.Shapes) -> np.ndarray | None:
    """The dark piece (h, w) bool that is likely enough without any outline like it; None where none is."""
    for k in np.argsort(-shapes.dark, kind="stable")[:TRIED]:
        piece = shapes.taken[len(shapes.laid) + int(k)]
        left = windows.bounds(piece)
        # What was trimmed may have been all that made it look like a shadow.
        if shapes.dark[k] > ALONE and left is not None and _evidence(scene, piece, left) is not None:
            return piece
    return None


def _shapes(scene: Scene, pixels: np.ndarray, monitor: Monitor = UNWATCHED) -> shadow_ranking.Shapes:
    """All that may be the shadow: the outlines, laid, and led to where the light changes; and the likeliest pieces."""
    laid = silhouettes.outlines(silhouettes.around(pixels, scene.item, scene.taken))
    monitor.check()
    led = [silhouettes.outlined(shape, scene.light.mean(2), scene.taken) for shape in laid.shapes]
    pieces, odds = list[np.ndarray](), list[float]()
    for piece, bounds in _candidates(scene):
        monitor.check()
        odds.append(_odds(scene, piece, bounds))
        pieces.append(piece)
    likely = [k for k in np.argsort(-np.array(odds), kind="stable")[:PIECES] if odds[k] > -np.inf]
    trimmed = [_trimmed(scene, pieces[k]) for k in likely]
    size = scene.item.shape
    return shadow_ranking.Shapes(
        whole=np.array([*laid.shapes, *trimmed], bool).reshape(-1, *size),
        taken=np.array([*led, *trimmed], bool).reshape(-1, *size),
        laid=laid.odds,
        dark=np.array([odds[k] for k in likely]),
    )


def _scene(pixels: np.ndarray, mask: np.ndarray) -> Scene:
    """The scene of an image (h, w, 3) uint8 with an object in mask (h, w) uint8."""
    taken = cv2.dilate((mask > 30).astype(np.uint8), np.ones((2 * RIM + 1,) * 2, np.uint8)) > 0
    smooth = cv2.bilateralFilter(cv2.medianBlur(pixels, 5), 7, 25, 4)
    away = cv2.distanceTransform((~taken).astype(np.uint8), cv2.DIST_L2, 5)
    light, item = log_light(smooth), mask > 127
    return Scene(light, item, taken, away, casts.laid(light, item, taken))


def _candidates(scene: Scene) -> Iterator[tuple[np.ndarray, Window]]:
    """Dark pieces (h, w) bool that touch the object, near duplicates left out, and their bounds."""
    free = ~scene.taken
    touching = free & (scene.away <= TOUCH)
    area = np.count_nonzero(scene.item)
    known = set()
    outlined = casts.outlined(scene.laid, scene.light.mean(2), scene.taken)
    for dark in chain(_dark(scene.light, free), outlined):
        opened = cv2.morphologyEx((dark & free).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)) & free
        _, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=4)
        for k in np.unique(labels[touching]):
            *box, size = (int(n) for n in stats[k])
            about = (*(n // 3 for n in box), round(12 * np.log(size)))
            if k and about not in known and max(LEAST, SMALLEST * area) <= size <= LARGEST * area:
                known.add(about)
                yield labels == k, Window(*box)


def _dark(light: np.ndarray, free: np.ndarray) -> Iterator[np.ndarray]:
    """What is darker than a level (h, w) bool: for every level, and for every level below every colour."""
    mean = light.mean(2)
    for level in np.quantile(mean[free], np.linspace(0.02, 0.8, LEVELS)):
        yield mean < level
    some = np.ascontiguousarray(light[free][::7])
    cv2.setRNGSeed(0)  # k-means starts at random
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_MAX_ITER, 12, 0.01)
    _, _, colours = cv2.kmeans(
        some, min(COLOURS, len(some)), np.zeros((len(some), 1), np.int32), stop, 1, cv2.KMEANS_PP_CENTERS
    )
    for colour in colours:
        drop = colour - light
        darker = drop.mean(2)
        tint = np.sqrt(((drop - darker[..., None]) ** 2).sum(2))
        shade = tint < TINT + TINT_GROWTH * darker.clip(0, 1)
        for level in DARKER:
            yield shade & (darker > level)


def _odds(scene: Scene, piece: np.ndarray, bounds: Window) -> float:
    """The odds, as a logarithm, that piece (h, w) bool with these bounds is a shadow."""
    evidence = _evidence(scene, piece, bounds)
    if evidence is None:
        return -np.inf
    plain = PLAIN_BIAS + float(np.dot(PLAIN_WEIGHTS, evidence))
    as_silhouette = BIAS + float(np.dot(WEIGHTS, evidence))
    enough = plain > CERTAIN or (evidence.varied < EVEN and evidence.area > LARGE)
    return max(plain, as_silhouette) if enough else as_silhouette


def _evidence(scene: Scene, piece: np.ndarray, bounds: Window) -> Evidence | None:
    """The evidence on piece (h, w) bool with these bounds; None where it is no shadow or there is too little of it."""
    near = bounds.grown(MARGIN, MARGIN, piece.shape[1], piece.shape[0])
    inside = piece[near.slices]
    item = windows.bounds(scene.item)
    assert item is not None
    rows, columns = np.nonzero(inside)
    touching = rows[scene.away[near.slices][rows, columns] <= TOUCH] + near.y
    low = float(np.clip((touching.mean() - item.y) / item.height, 0, 1))
    if low < STANDS:
        return None
    compared = _compared(scene, piece, near)
    if compared is None:
        return None
    fall, varied, seen = compared
    dark = float(fall.mean())
    if dark > shadow_edges.DEEPEST:
        return None
    bluer = float(fall[0] - fall[2])
    alike, odds = casts.likeness(scene.laid, piece)
    return Evidence(
        faint=max(0.0, float(np.log((CLEAR + 0.02) / (max(dark, 0) + 0.02)))),
        tinted=max(shadow_edges.BLUE[0] - bluer, bluer - shadow_edges.BLUE[1], 0.0),
        green=float(np.log(abs(fall[1] - dark) + 0.01)),
        varied=float(np.log(varied + 0.02)),
        area=float(np.log(len(rows) / np.count_nonzero(scene.item))),
        low=low,
        lower=max(0.0, low - 0.7),
        seen=seen,
        above=float((rows + near.y < item.y + 0.6 * item.height).mean()),
        alike=alike,
        laid=odds,
    )


def _compared(scene: Scene, piece: np.ndarray, near: Window) -> tuple[np.ndarray, float, float] | None:
    """A piece (h, w) bool compared, along its edge and past its penumbra, with its surroundings in the window `near`.

    Returns by how much each channel falls (3,) at the edge, in logarithms; how much the colours around it vary; and the
    share of the edge, except where it touches the object, that could be compared.  None where that is too little, where
    the piece is not the darker side, or where too much of it is cut off by the picture's edge.
    """
    inside = piece[near.slices]
    light, taken, away = (plane[near.slices] for plane in (scene.light, scene.taken, scene.away))
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5)
    beyond = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
    free = ~(taken | inside)
    width = float(np.clip(0.35 * float(np.max(depth)), *NEAR_EDGE))
    ring = free & (beyond > 2) & (beyond <= 3 * width + 4)
    outer = free & (beyond > 2) & (beyond <= 3 + width)
    inner = inside & (depth > 1) & (depth <= 1 + width)
    too_little = min(np.count_nonzero(inner), np.count_nonzero(outer)) < LEAST_STRIP
    if too_little or light[outer].mean() < light[inner].mean():
        return None
    edge = inside & (depth <= 1.5)
    cut = sum(np.count_nonzero(line) for line in (piece[0], piece[-1], piece[:, 0], piece[:, -1]))
    if cut > CUT * np.count_nonzero(edge):
        return None
    box = 2 * int(np.ceil(width)) + 5
    (shaded, shaded_share), (lit, lit_share) = (_mean_of(light, part, box, edge) for part in (inner, outer))
    apart = away[edge] > TOUCH + 0.5
    comparable = apart & (shaded_share > COMPARABLE) & (lit_share > COMPARABLE)
    if np.count_nonzero(comparable) < LEAST_COMPARED:
        return None
    fall = np.median((lit - shaded)[comparable], axis=0)
    return fall, light[ring].std(0).mean(), int(comparable.sum()) / int(apart.sum())


def _trimmed(scene: Scene, piece: np.ndarray) -> np.ndarray:
    """piece (h, w) bool without pixels whose darkness is nearer to its surroundings' than to its own.

    Such is the ground between two shadows.  The whole piece where less than half would be left.
    """
    mean = scene.light.mean(2)
    around = (cv2.dilate(piece.astype(np.uint8), np.ones((17, 17), np.uint8)) > 0) & ~(piece | scene.taken)
    dark = piece & (mean < (np.median(mean[piece]) + np.median(mean[around])) / 2)
    opened = cv2.morphologyEx(dark.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, labels = cv2.connectedComponents(opened, connectivity=4)
    kept = np.isin(labels, np.unique(labels[(scene.away <= TOUCH) & (labels > 0)]))
    return kept if np.count_nonzero(kept) > 0.5 * np.count_nonzero(piece) else piece


def _mean_of(light: np.ndarray, part: np.ndarray, side: int, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean (n, 3) of light (h, w, 3) over part (h, w) bool in a box around each pixel of `at` (h, w) bool, and the
    share (n,) of the box that the part takes."""
    share = part.astype(np.float32)
    sums = cv2.blur(np.dstack([light * share[..., None], share]), (side, side))[at]
    return sums[:, :3] / np.maximum(sums[:, 3:], 1e-6), sums[:, 3]


def _reduced(image: np.ndarray, side: int) -> np.ndarray:
    """image (h, w, …) uint8 at up to `side` pixels on its long side."""
    size = fit_within(image.shape[1], image.shape[0], side)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
