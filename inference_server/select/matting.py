"""How much of each pixel along an edge is the object: alpha for hair and fur.  Pure functions.

A pixel of a hair's edge is a mixture, I = aF + (1-a)B.  As in Bayesian matting (Chuang et al. 2001, "A Bayesian
approach to digital matting", section 3), the colours F and B around each pixel are taken for normally distributed:
their means and covariances are measured nearby, in the smallest of some squares that shows enough of them.  Then I is
normally distributed for each alpha too, and the mean of alpha over its posterior is taken.

Chuang works from the edge of the unknown band inwards.  Here all of the band is estimated at once, and several times:
what was found to be all object or all background adds to what is known of F and B, so that the colours come from ever
nearer by (expectation maximisation, Dempster, Laird, Rubin 1977).  All but the last round are made at half size; the
last goes through the pixels that are not sure by then.
"""

from typing import NamedTuple

import cv2
import numpy as np

from ..imaging.sampling import resize, sample_at

INNER = 0.36  # width of the unknown band within the mask, beside that outside it: there are more hairs than gaps
MIDDLE = 0.5  # of the depth nearby: in what is thinner than the band, what lies deeper than this is known

ALPHAS = np.linspace(0, 1, 9).astype(np.float32)
SETTLED = 0.98  # how surely a pixel and those beside it are of one side at half size, to be taken for it
MIXED = 0.07  # how likely each alpha between 0 and 1 is, beside 0 and 1 together
APART = 2.0  # squared distance of the means of F and B, in variances: below it a mixture can hardly be recognised
DOUBT = 0.02  # how likely the mask is wrong, away from its edge
PAINTED_DOUBT = 0.05  # the same where somebody has painted that alpha is unknown
EDGE = 3.0  # pixels by which its edge may be off, as a standard deviation
GRAIN = 1e-4  # variance of a colour, 0 to 1, that a camera adds
TEMPER = 1.5  # exponent of the likelihood

CELL = 4  # pixels a side: colours are gathered in cells first, to be fast
RADII = (2, 6, 16)  # cells
REACH = CELL * RADII[-1]  # pixels from which alpha at a pixel is made
FAR = REACH / 2  # pixels from what is known: further away too few of its colours are seen
ENOUGH = 10.0  # cells full of a side's colour
HALF_SIZE_ROUNDS = 3
BATCH = 1 << 15  # pixels at once

Pair = tuple[np.ndarray, np.ndarray]  # for the object and for the background


class _Trimap(NamedTuple):
    """sure: where is surely object, and background, (h, w) bool; prior: (h, w) float32, how likely object is."""

    sure: Pair
    prior: np.ndarray


class _Colours(NamedTuple):
    """Normal distributions of colours: means and variances of r, g, b, covariances rg, gb, br, all (3, n) float32."""

    mean: np.ndarray
    variance: np.ndarray
    covariance: np.ndarray


class _Gathered(NamedTuple):
    """The colours of one side around each cell.

    colours: the fields of `_Colours`, (h, w, 3) float32; cells: how many cells' worth of colour they are from, (h, w).
    """

    colours: list[np.ndarray]
    cells: np.ndarray


def matte(rgb: np.ndarray, mask: np.ndarray, radius: int) -> np.ndarray:
    """Alpha (h, w) float32, 0 to 1, of an object that has hairs around the edge of its mask (h, w) uint8, 0 or 255.

    rgb: (h, w, 3) uint8; radius: pixels that hairs reach out of the mask.  Where the surroundings show nothing that is
    surely object, or nothing that is surely background, alpha is the mask's.
    """
    height, width = mask.shape
    rgb, mask = (_padded(array, CELL) for array in (rgb, mask))
    small_mask = resize(mask, (mask.shape[1] // 2, mask.shape[0] // 2))
    weights = _at_half_size(rgb, _trimap(small_mask, radius / 2, EDGE / 2))
    return _finished(rgb, weights, _trimap(mask, radius, EDGE))[0][:height, :width]


def matte_within(rgb: np.ndarray, mask: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """Alpha (h, w) float32, 0 to 1, where it is unknown, (h, w) bool; elsewhere it is 0 or 1, as the mask has it.

    rgb, mask: as in `matte`.  What is wider than the colours around each pixel are gathered from is solved at half the
    size first, as often as need be, and what is sure there is known at the next size.
    """
    height, width = mask.shape
    halvings = max(0, int(np.ceil(np.log2(max(depth(unknown), 1) / FAR))))
    rgb, mask = (_padded(array, CELL << halvings) for array in (rgb, mask))
    inside, unknown = mask > 127, _padded(unknown.astype(np.uint8), CELL << halvings) > 0
    prior = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), EDGE).clip(PAINTED_DOUBT, 1 - PAINTED_DOUBT)
    return _solved(rgb, _Trimap((inside & ~unknown, ~inside & ~unknown), prior), halvings)[0][:height, :width]


def depth(unknown: np.ndarray) -> float:
    """How many pixels the deepest of those that are unknown, (h, w) bool, is away from what is known, at most."""
    distance = cv2.distanceTransform(unknown.astype(np.uint8), cv2.DIST_L2, 3)
    return float(np.minimum(distance, max(unknown.shape)).max())  # where nothing is known it is said to be endless


def trimap(mask: np.ndarray, radius: int) -> np.ndarray:
    """What a mask (h, w) uint8 says of an object with hairs of up to `radius` pixels, (h, w) float32.

    1 is surely the object, 0 surely the background, and 0.5 unknown.
    """
    front, behind = _trimap(mask, radius, EDGE).sure
    return np.where(front, np.float32(1), np.where(behind, np.float32(0), np.float32(0.5)))


def _padded(array: np.ndarray, multiple: int) -> np.ndarray:
    """array (h, w) or (h, w, 3) with its last rows and columns repeated until both sides are multiples."""
    add = -array.shape[0] % multiple, -array.shape[1] % multiple
    return cv2.copyMakeBorder(array, 0, add[0], 0, add[1], cv2.BORDER_REPLICATE)


def _solved(rgb: np.ndarray, trimap: _Trimap, halvings: int) -> tuple[np.ndarray, Pair]:
    """What `_estimated` gives for rgb (h, w, 3) uint8, whose sides can be halved once more than so often."""
    half = _halved(trimap)
    if halvings:
        small = resize(rgb, (rgb.shape[1] // 2, rgb.shape[0] // 2))
        return _finished(rgb, _solved(small, half, halvings - 1)[1], trimap)
    return _finished(rgb, _at_half_size(rgb, half), trimap)


def _halved(trimap: _Trimap) -> _Trimap:
    """The trimap of a picture half as large: what is sure there is so in all of its pixels."""
    size = trimap.prior.shape[1] // 2, trimap.prior.shape[0] // 2
    front, behind = (resize(known.astype(np.float32), size) > 0.99 for known in trimap.sure)
    return _Trimap((front, behind), resize(trimap.prior, size))


def _at_half_size(rgb: np.ndarray, trimap: _Trimap) -> Pair:
    """How surely the pixels of rgb (h, w, 3) uint8, at half its size, are of one side.  trimap: of that size."""
    small = resize(rgb, (rgb.shape[1] // 2, rgb.shape[0] // 2))
    weights: Pair = (trimap.sure[0].astype(np.float32), trimap.sure[1].astype(np.float32))
    picture = _picture(small)
    moments = _moments(picture)
    for _ in range(HALF_SIZE_ROUNDS):
        _, weights = _estimated(picture, trimap, _gathered(moments, weights))
    return weights


def _finished(rgb: np.ndarray, weights: Pair, trimap: _Trimap) -> tuple[np.ndarray, Pair]:
    """What `_estimated` gives for rgb (h, w, 3) uint8 from how surely pixels are of one side at half its size."""
    picture = _picture(rgb)
    # What is found half as large says well enough how much a pixel counts, but its own colours vary more.
    half = rgb.shape[1] // 2, rgb.shape[0] // 2
    gathered = _gathered([resize(moment, half) for moment in _moments(picture)], weights)
    return _estimated(picture, _settled(trimap, weights), gathered)


def _trimap(mask: np.ndarray, radius: float, edge: float) -> _Trimap:
    """What a mask (h, w) uint8 says.  radius, edge: pixels of it."""
    inside = (mask > 127).astype(np.uint8)
    prior = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), edge).clip(DOUBT, 1 - DOUBT)
    return _Trimap((_deep(inside, radius * INNER), _deep(1 - inside, radius)), prior)


def _deep(part: np.ndarray, radius: float) -> np.ndarray:
    """Where part (h, w) uint8, 0 or 1, is deeper than `radius`, or in what is thin than MIDDLE of the depth nearby."""
    depth = cv2.distanceTransform(part, cv2.DIST_L2, 3)
    side = 2 * round(radius) + 1
    nearby = cv2.dilate(np.minimum(depth, radius + 1).astype(np.uint8), np.ones((side, side), np.uint8))
    return np.asarray(depth > np.where(nearby < radius, MIDDLE * nearby, radius))


def _settled(trimap: _Trimap, weights: Pair) -> _Trimap:
    """The trimap with what is as good as sure at half its size.  weights: (h / 2, w / 2) float32."""
    size = trimap.prior.shape[::-1]
    least = np.ones((3, 3), np.uint8)
    sure = [
        known | (resize(cv2.erode(weight, least), size, cv2.INTER_NEAREST) > SETTLED)
        for known, weight in zip(trimap.sure, weights, strict=True)
    ]
    return _Trimap((sure[0], sure[1] & ~sure[0]), trimap.prior)


def _picture(rgb: np.ndarray) -> np.ndarray:
    """rgb (h, w, 3) uint8 as float32 around 0: nearer to it less is lost in mean squares."""
    return cv2.addWeighted(rgb, 1 / 255, rgb, 0, -0.5, dtype=cv2.CV_32F)


def _moments(picture: np.ndarray) -> list[np.ndarray]:
    """A picture (h, w, 3) float32, its squares and its products rg, gb, br, of the same shape."""
    return [picture, picture * picture, picture * _next_channels(picture)]


def _next_channels(array: np.ndarray) -> np.ndarray:
    """array (h, w, 3) with its channels in the order 1, 2, 0."""
    result = np.empty_like(array)
    cv2.mixChannels([array], [result], [1, 0, 2, 1, 0, 2])
    return result


def _estimated(picture: np.ndarray, trimap: _Trimap, gathered: tuple[_Gathered, _Gathered]) -> tuple[np.ndarray, Pair]:
    """Alpha (h, w) float32, and how surely each pixel is of one side alone, (h, w) float32, 0 to 1.

    picture: (h, w, 3) float32; gathered: the colours of both sides.
    """
    size = picture.shape[1::-1]
    cell = size[0] / gathered[0].cells.shape[1]
    seen = resize(np.minimum(gathered[0].cells, gathered[1].cells), size, cv2.INTER_NEAREST) > 0
    unknown = ~(trimap.sure[0] | trimap.sure[1])
    alpha = np.where(unknown, trimap.prior > 0.5, trimap.sure[0]).astype(np.float32)
    surely: Pair = (trimap.sure[0].astype(np.float32), trimap.sure[1].astype(np.float32))
    places = np.flatnonzero(unknown & seen)
    for some in (places[k : k + BATCH] for k in range(0, len(places), BATCH)):
        at = np.divmod(some, size[0])
        small = (np.stack(at, 1) + 0.5) / cell
        front, behind = (
            _Colours(*(np.ascontiguousarray(sample_at(part, small).T) for part in side.colours)) for side in gathered
        )
        posterior = _posterior(np.ascontiguousarray(picture[at].T), front, behind, trimap.prior[at])
        alpha[at] = ALPHAS @ posterior
        surely[0][at], surely[1][at] = posterior[-1] ** 2, posterior[0] ** 2
    return alpha, surely


def _gathered(moments: list[np.ndarray], weights: Pair) -> tuple[_Gathered, _Gathered]:
    """The colours of object and background.  moments: (h, w, 3) float32; weights: (h, w), how much each pixel counts.

    A cell is as large as CELL pixels of the whole picture, CELL / 2 of these.
    """
    height, width = weights[0].shape
    size = width * 2 // CELL, height * 2 // CELL
    found = []
    for weight in weights:
        thrice = cv2.merge((weight, weight, weight))
        sums = [resize(cv2.multiply(moment, thrice), size) for moment in moments]
        found.append(_around(resize(weight, size), sums))
    return found[0], found[1]


def _around(share: np.ndarray, sums: list[np.ndarray]) -> _Gathered:
    """From each cell's share of one side (h, w) float32, and the moments of its colours (h, w, 3) times that share."""
    found: list[np.ndarray] = []
    for radius in reversed(RADII):
        count, *totals = (
            cv2.boxFilter(each, -1, (2 * radius + 1,) * 2, normalize=False, borderType=cv2.BORDER_CONSTANT)
            for each in (share, *sums)
        )
        scale = 1 / np.maximum(count, np.float32(1e-6))
        mean, squares, cross = (cv2.multiply(total, cv2.merge((scale, scale, scale))) for total in totals)
        nearer = [mean, np.maximum(squares - mean * mean, 0), cross - mean * _next_channels(mean)]
        if not found:
            found, reached = nearer, count
            continue
        trust = (count / np.float32(ENOUGH)).clip(0, 1)
        trust = cv2.merge((trust, trust, trust))
        found = [old + trust * (new - old) for old, new in zip(found, nearer, strict=True)]
    return _Gathered(found, reached)


def _posterior(seen: np.ndarray, front: _Colours, behind: _Colours, prior: np.ndarray) -> np.ndarray:
    """How likely each of ALPHAS is, (len(ALPHAS), n), for pixels of the colours `seen` (3, n) float32."""
    apart = ((front.mean - behind.mean) ** 2 / (front.variance + behind.variance + np.float32(GRAIN))).sum(axis=0)
    mixed = np.log(MIXED * (apart / APART).clip(1e-6, 1))
    before = [np.log(1 - prior), *[mixed] * (len(ALPHAS) - 2), np.log(prior)]
    logs = [TEMPER * _log_likelihood(seen, front, behind, a) + b for a, b in zip(ALPHAS, before, strict=True)]
    odds = np.exp(logs - np.max(logs, axis=0))
    return np.asarray(odds / odds.sum(axis=0))


def _log_likelihood(seen: np.ndarray, front: _Colours, behind: _Colours, a: np.float32) -> np.ndarray:
    """Of the colours (3, n), for one alpha, but for a constant: (n,)."""
    b = 1 - a
    x, y, z = seen - a * front.mean - b * behind.mean
    rr, gg, bb = a * a * front.variance + b * b * behind.variance + np.float32(GRAIN)
    rg, gb, rb = a * a * front.covariance + b * b * behind.covariance
    # The inverse of the covariance, by cofactors: it is symmetric.
    i_rr, i_rg, i_rb = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    i_gg, i_gb, i_bb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    determinant = np.maximum(rr * i_rr + rg * i_rg + rb * i_rb, np.float32(GRAIN**3))
    distance = x * x * i_rr + y * y * i_gg + z * z * i_bb + 2 * (x * y * i_rg + x * z * i_rb + y * z * i_gb)
    return np.asarray(-0.5 * (distance / determinant + np.log(determinant)))
