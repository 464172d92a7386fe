"""Fits BIAS and WEIGHTS of inference_server/select/shadows.py.

    python3 bench/fit/shadows.py DATA        about a second for each photograph

Shadows in photographs are not outlined in any of the usual data sets, so they are made: an object is cut out of one
photograph and pasted onto the ground in another, where it darkens the ground within a known outline: its own, leaning
and flattened, with a soft edge, a little bluer than the lit ground.  A second composite has no shadow.  Every piece
that the product considers beside the object (`shadows._candidates`) is an example: a shadow if its IoU with the one
that was cast is at least SHADOW, none if it is below NONE.  A logistic regression on `shadows._evidence` gives the
weights.  They are scored as the product uses them: the likeliest piece is taken, if it is likely enough.

The product's PLAIN_WEIGHTS, which leave out the silhouettes, were fitted in the same way, but to 140 other composites,
on even ground, and to 67 objects of GrabCut and COCO as photographed, seven of them with a shadow.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from labelled import Labelled, photographs

from inference_server.imaging import windows
from inference_server.imaging.pixels import BLACK
from inference_server.select import mask_ranking, shadows
from inference_server.shared.geometry import Size, Window

FOLDS = 5  # of the photographs; what is composed of one fold's is never scored with weights that were learned from it
ROUNDS = 6  # composites with each object, on different ground
SHADOW, NONE = 0.5, 0.25  # IoU with the shadow that was cast, from which a piece is it, and below which it is not
LIKELY = 0.875  # the probability from which a piece is taken here
PENALTY = 1.0  # on the square of each weight of evidence that is scaled to a standard deviation of 1
STEPS = 30  # of Newton's method, at most; it ends after about ten

HEIGHT = 0.2, 0.45  # of the ground's photograph, that a pasted object has
SMALLEST = 40  # pixels, of an object's longer side in its own photograph
PLACES = 40  # tried, of which the first is taken that shows no other object …
DARKEST = 40  # … and is this bright on average, of 255
FOOT = 0.5, 0.92  # of the photograph's height, between which the object stands on it
LENGTH = -0.35, 0.5  # of the object's height, that its shadow is long: away from the camera, towards it
SHORTEST = 0.12  # of it
LEAN = 1.3  # of the object's height, that its shadow reaches aside at most
LEFT = 0.3, 0.75  # of the ground's brightness in the shadow
BLUER = 0.0, 0.15  # by how much red falls more than blue, in logarithms
WIDER, BENT = (0.75, 1.3), 0.04  # how wide it is against the object, and its bends, of the object's height
SOFTNESS = 0.01, 0.04  # of the object's height, the standard deviation of the shadow's edge


class Composite(NamedTuple):
    """image: (h, w, 3) uint8; mask: (h, w) uint8, the object; shadow: (h, w) bool, all False where none was cast."""

    image: np.ndarray
    mask: np.ndarray
    shadow: np.ndarray


class Scene(NamedTuple):
    """What the product considers in one composite: evidence (n, 11) for each piece, its IoU (n,) with the shadow, and
    the product's odds (n,) of it."""

    data_set: str
    fold: int
    cast: bool
    evidence: np.ndarray
    overlaps: np.ndarray
    odds: np.ndarray


class Weights(NamedTuple):
    bias: float
    weights: np.ndarray


def main() -> int:
    photos = photographs()
    scenes = list(all_scenes(photos))
    if len({scene[:2] for scene in scenes if scene.cast}) < 2:
        sys.exit("Too few of these photographs have an object that could be pasted into another one.")
    fitted, product = fit(scenes), Weights(shadows.BIAS, np.array(shadows.WEIGHTS))
    print(f"fitted to {len(scenes)} composites, half of them with a shadow:\n{as_code(fitted)}")
    print(f"the product's:\n{as_code(product)}")
    print()
    report(scenes, fitted)
    print()
    report_as_photographed(photos, fitted, product)
    return 0


def as_code(weights: Weights) -> str:
    """The lines that stand in the product's module."""
    named = zip(shadows.Evidence._fields, weights.weights, strict=True)
    return f"BIAS = {weights.bias:.1f}\nWEIGHTS = Evidence({', '.join(f'{name}={value:.2f}' for name, value in named)})"


# -- composites


def all_scenes(photos: list[Labelled]) -> Iterator[Scene]:
    """What the product considers in all composites."""
    for composite, data_set, fold in all_composites(photos):
        yield considered(composite, data_set, fold)


def all_composites(photos: list[Labelled], rounds: int = ROUNDS) -> Iterator[tuple[Composite, str, int]]:
    """The composites of every fold of every data set; object and ground are always of the same fold."""
    rng = np.random.default_rng(0)
    for data_set in sorted({photo.data_set for photo in photos}):
        own = [photo for photo in photos if photo.data_set == data_set]
        for fold in range(FOLDS):
            group = own[fold::FOLDS]
            for item in group * rounds:
                grounds = [photo for photo in group if photo is not item]
                if not grounds or not stands(item.truth):
                    continue
                ground = grounds[rng.integers(len(grounds))]
                for composite in composed(item, ground, rng):
                    yield composite, data_set, fold


def stands(truth: np.ndarray) -> bool:
    """Whether the object is seen whole and large enough to be pasted elsewhere."""
    item = truth == 1
    cut = np.concatenate([item[0], item[-1], item[:, 0], item[:, -1]]).any()
    bounds = windows.bounds(item)
    return bounds is not None and not cut and max(bounds.width, bounds.height) >= SMALLEST


def composed(item: Labelled, ground: Labelled, rng: np.random.Generator) -> list[Composite]:
    """The object on the other photograph's ground, with a shadow and without; nothing where there is no room for it."""
    bounds = windows.bounds(item.truth == 1)
    assert bounds is not None
    height, width = ground.truth.shape
    scale = min(rng.uniform(*HEIGHT) * height / bounds.height, 0.6 * width / bounds.width)
    size = max(1, round(bounds.width * scale)), max(1, round(bounds.height * scale))
    place = place_for(ground, size, rng)
    if place is None:
        return []
    item_alone = (item.truth == 1)[bounds.slices].astype(np.float32)
    mask = cv2.resize(item_alone, size, interpolation=cv2.INTER_AREA)
    picture = ground.image.astype(np.float32)
    pasted, cover = picture.copy(), np.zeros((height, width), np.float32)
    pasted[place.slices] = cv2.resize(item.image[bounds.slices], size, interpolation=cv2.INTER_AREA)
    cover[place.slices] = mask
    dark = shadow_of(mask, place, (width, height), rng)
    bluer = rng.uniform(*BLUER)
    left = (rng.uniform(*LEFT) * np.exp([-bluer / 2, 0, bluer / 2])).astype(np.float32)
    shaded = picture * (1 - dark[..., None] * (1 - left))
    found = []
    for lit, shadow in ((shaded, dark > shadows.PENUMBRA), (picture, np.zeros((height, width), bool))):
        image = lit + cover[..., None] * (pasted - lit)
        alone = cover > 0.5
        found.append(Composite(np.rint(image).astype(np.uint8), np.uint8(255) * alone, shadow & ~alone))
    return found


def place_for(ground: Labelled, size: Size, rng: np.random.Generator) -> Window | None:
    """Where an object of this (width, height) stands, on whatever is there but another object; None where it finds no
    such place."""
    (width, height), (tall, wide) = size, ground.truth.shape
    light = np.log(cv2.GaussianBlur(ground.image, (0, 0), 2).astype(np.float32).mean(2) + BLACK)
    for _ in range(PLACES):
        x, foot = round(rng.uniform(0, wide - width)), round(rng.uniform(*FOOT) * tall)
        around = Window(x, foot - height // 3, width, height // 3).grown(height // 2, height // 3, wide, tall)
        dark = light[around.slices].mean() < np.log(DARKEST + BLACK)
        if foot >= height and not dark and not (ground.truth[around.slices] != 0).any():
            return Window(x, foot - height, width, height)
    return None


def shadow_of(mask: np.ndarray, place: Window, size: Size, rng: np.random.Generator) -> np.ndarray:
    """How much of the shadow lies where in a photograph of this (width, height): float32, 0 to 1.

    mask: (h, w) float32, what casts it; place: where that is.  Each row falls on the ground as far from the foot as it
    is high, times a length, and leans to one side.  As things are not flat, and the ground is not either, the outline
    is wider or narrower than the object's, and bent.
    """
    length = 0.0
    while abs(length) < SHORTEST:
        length = rng.uniform(*LENGTH)
    lean, foot, wider = rng.uniform(-LEAN, LEAN), place.y + place.height, rng.uniform(*WIDER)
    middle = place.x + place.width / 2
    lying = np.array(
        [
            [wider, -lean, middle - wider * place.width / 2 + lean * place.height],
            [0, -length, foot + length * place.height],
        ]
    )
    share = cv2.warpAffine(mask, lying, size, flags=cv2.INTER_LINEAR)
    bend = rng.normal(0, 1, (2, 8, 8)).astype(np.float32) * BENT * place.height
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
    dy, dx = (cv2.resize(part, size, interpolation=cv2.INTER_CUBIC) for part in bend)
    share = cv2.remap(share, x + dx, y + dy * abs(length), cv2.INTER_LINEAR)
    return cv2.GaussianBlur(share, (0, 0), max(0.5, rng.uniform(*SOFTNESS) * place.height))


# -- what the product considers in them


def as_seen(composite: Composite) -> tuple[np.ndarray, shadows.Scene, np.ndarray]:
    """What the product sees of a composite: the pixels (h, w, 3) uint8 around the object, reduced, what it makes of
    them, and where the shadow is in them, (h, w) bool."""
    bounds = windows.bounds(composite.mask)
    assert bounds is not None
    reach = shadows.reach(bounds)
    window = bounds.grown(reach, reach, composite.mask.shape[1], composite.mask.shape[0])
    pixels, mask, shadow = (
        shadows._reduced(np.ascontiguousarray(plane[window.slices]), shadows.SIDE)
        for plane in (composite.image, composite.mask, np.uint8(255) * composite.shadow)
    )
    return pixels, shadows._scene(pixels, mask), shadow > 127


def considered(composite: Composite, data_set: str, fold: int) -> Scene:
    """Every piece that the product weighs as the object's shadow."""
    _, seen, shadow = as_seen(composite)
    truth = shadow & ~seen.taken
    evidence, overlaps, odds = [], [], []
    for piece, box in shadows._candidates(seen):
        found = shadows._evidence(seen, piece, box)
        if found is not None:
            evidence.append(found)
            odds.append(shadows._odds(seen, piece, box))
            overlaps.append(mask_ranking.overlap(shadows._trimmed(seen, piece), truth) if truth.any() else 0.0)
    width = len(shadows.Evidence._fields)
    cast = bool(composite.shadow.any())
    return Scene(data_set, fold, cast, np.array(evidence).reshape(-1, width), np.array(overlaps), np.array(odds))


# -- learning


def fit(scenes: list[Scene]) -> Weights:
    """The logistic regression of whether a piece is a shadow."""
    x, overlaps = np.concatenate([one.evidence for one in scenes]), np.concatenate([one.overlaps for one in scenes])
    clear = (overlaps >= SHADOW) | (overlaps < NONE)
    return logistic(x[clear], overlaps[clear] >= SHADOW, np.ones(np.count_nonzero(clear)))


def logistic(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> Weights:
    """The logistic regression of y (n,) bool on x (n, k), by Newton's method on the penalised likelihood.

    counts: (n,), how much each example counts.
    """
    mean, deviation = x.mean(0), np.maximum(x.std(0), 1e-6)
    scaled = np.column_stack([np.ones(len(x)), (x - mean) / deviation])
    penalty = PENALTY * np.eye(scaled.shape[1])
    penalty[0, 0] = 0
    weights = np.zeros(scaled.shape[1])
    for _ in range(STEPS):
        likely = 1 / (1 + np.exp(-scaled @ weights))
        slope = scaled.T @ (counts * (y - likely)) - penalty @ weights
        curve = (scaled * (counts * likely * (1 - likely))[:, None]).T @ scaled + penalty
        step = np.linalg.solve(curve, slope)
        weights += step
        if np.abs(step).max() < 1e-6:
            break
    unscaled = weights[1:] / deviation
    return Weights(float(weights[0] - mean @ unscaled), unscaled)


def report(scenes: list[Scene], fitted: Weights) -> None:
    """Print how the product's constants and the fitted ones do."""
    sets = sorted({scene.data_set for scene in scenes})
    folds = {key: fit([one for one in scenes if one[:2] != key]) for key in {one[:2] for one in scenes}}
    lines: dict[str, list[Weights | None]] = {
        "the product's constants": [None] * len(scenes),
        "fitted to these very composites": [fitted] * len(scenes),
        "fitted, those photographs left out": [folds[one[:2]] for one in scenes],
    }
    if len(sets) > 1:
        others = {name: fit([one for one in scenes if one.data_set != name]) for name in sets}
        lines["fitted, the data set left out"] = [others[one.data_set] for one in scenes]
    print(
        "found: share of the shadows of which a piece with an IoU of half or more is taken, and the mean IoU of those;"
    )
    print("wrong: share of them where another piece is; false: share of the composites without one where something is")
    for name in sets:
        print(f"{name:36}{'found':>8}{'IoU':>8}{'wrong':>8}{'false':>8}")
        for line, weights in lines.items():
            own = [(one, its) for one, its in zip(scenes, weights, strict=True) if one.data_set == name]
            taken = [(one.cast, taken_of(one, its)) for one, its in own]
            cast = [value for shadow, value in taken if shadow]
            right = [value for value in cast if value is not None and value >= SHADOW]
            wrong = [value for value in cast if value is not None and value < SHADOW]
            without = [value is not None for shadow, value in taken if not shadow]
            iou = np.mean(right) if right else 0.0
            shares = len(right) / len(cast), iou, len(wrong) / len(cast), np.mean(without)
            print(f"    {line:32}" + "".join(f"{share:8.2f}" for share in shares))


def report_as_photographed(photos: list[Labelled], fitted: Weights, product: Weights) -> None:
    """Print in which of the photographs as they are, whose shadows nobody has outlined, the product finds one."""
    whole = [photo for photo in photos if stands(photo.truth)]
    print(f"in {len(whole)} photographs as they are a shadow is found in these (look whether it is one):")
    for line, weights in (("the product's constants", product), ("fitted", fitted)):
        with mock.patch.multiple(shadows, BIAS=weights.bias, WEIGHTS=weights.weights):
            found = [one.name for one in whole if shadows.find(one.image, np.uint8(255) * (one.truth == 1)).any()]
        print(f"    {line}: {', '.join(found) or 'none'}")


def taken_of(scene: Scene, weights: Weights | None) -> float | None:
    """The IoU with the shadow of the piece that is taken, None where none is.  weights: None for the product's."""
    odds = scene.odds if weights is None else weights.bias + scene.evidence @ weights.weights
    if not odds.size or odds.max() <= np.log(LIKELY / (1 - LIKELY)):
        return None
    return float(scene.overlaps[np.argmax(odds)])


if __name__ == "__main__":
    sys.exit(main())
