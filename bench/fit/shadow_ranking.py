"""Fits BIAS and WEIGHTS of inference_server/select/shadow_ranking.py, and shows LIKELY and SURE of shadows.py there.

    python3 bench/fit/shadow_ranking.py DATA        about two seconds for each photograph

In composites with a shadow and without (see shadows.py beside this), every shape that the product weighs is right if
its IoU with the shadow that was cast is at least SHADOW, wrong if it is below NONE.  The weights are those of a
conditional logit: in each composite one of the right shapes is to be chosen, or none.  It is scored on photographs that
it has not seen: those of another fold, and the data set HELD, which nothing is fitted to.
"""

import sys
from typing import NamedTuple

import numpy as np
import shadows as composites
from labelled import photographs

from inference_server.select import mask_ranking, shadow_edges, shadow_ranking, shadows

SHADOW, NONE = 0.5, 0.3  # IoU
HELD = "held"  # the data set that nothing is fitted to
PENALTY = 10.0  # on the square of each weight of a sign that is scaled to a standard deviation of 1
STEPS, RATE, MEMORY = 800, 0.05, (0.9, 0.999)  # of Adam (Kingma and Ba 2015), over all composites at once
FALSE = (0.0, 0.01, 0.03, 0.05, 0.1, 1.0)  # of the composites without a shadow, in which one may be found
LEAST = (-0.5, 0.0, 0.5, 0.75, 1.0, 1.5, 2.0)  # odds that are shown


class Weighed(NamedTuple):
    """One composite: the signs (n, k) of its shapes, their IoU (n,) with the shadow that was cast, and what the product
    needs to choose among them."""

    data_set: str
    fold: int
    cast: bool
    signs: np.ndarray
    overlaps: np.ndarray
    taken: np.ndarray
    truth: np.ndarray


class Chosen(NamedTuple):
    """What would be taken: whether a shadow was cast, the odds, and the IoU with it."""

    cast: bool
    odds: float
    overlap: float


def main() -> int:
    all_composites = composites.all_composites(photographs(), rounds=2)
    scenes = [weighed(composite, data_set, fold) for composite, data_set, fold in all_composites]
    learned, held = ([one for one in scenes if (one.data_set == HELD) == wanted] for wanted in (False, True))
    fitted = fit(learned)
    named = zip(shadow_ranking.Signs._fields, fitted.weights, strict=True)
    print(f"BIAS = {fitted.bias:.2f}\nWEIGHTS = Signs({', '.join(f'{name}={value:.3g}' for name, value in named)})")
    folds = {one.fold: fit([other for other in learned if other.fold != one.fold]) for one in learned}
    product = composites.Weights(shadow_ranking.BIAS, np.array(shadow_ranking.WEIGHTS))
    report("fitted, those photographs left out", [chosen(one, folds[one.fold]) for one in learned])
    report(f"fitted, in {HELD}", [chosen(one, fitted) for one in held])
    report(f"the product's, in {HELD}", [chosen(one, product) for one in held])
    return 0


def weighed(composite: composites.Composite, data_set: str, fold: int) -> Weighed:
    pixels, scene, shadow = composites.as_seen(composite)
    shapes, truth = shadows._shapes(scene, pixels), shadow & ~scene.taken
    found = shadow_ranking.signs(shadow_edges.lighting_around(pixels, scene.item, scene.taken), shapes)
    taken = shapes.taken[list(found)] & ~scene.taken
    overlaps = np.array([mask_ranking.overlap(shape, truth) if truth.any() else 0.0 for shape in taken])
    signs = np.array([*found.values()]).reshape(-1, len(shadow_ranking.Signs._fields))
    return Weighed(data_set, fold, bool(truth.any()), signs, overlaps, taken, truth)


def fit(scenes: list[Weighed]) -> composites.Weights:
    """The conditional logit.  Composites whose shadow no shape is like, and shapes that are neither, do not count."""
    scenes = [one for one in scenes if not one.cast or one.overlaps.max(initial=0) >= SHADOW]
    kept = [(one.overlaps >= SHADOW) | (one.overlaps < NONE) for one in scenes]
    signs = np.concatenate([one.signs[each] for one, each in zip(scenes, kept, strict=True)])
    right = np.concatenate([one.overlaps[each] >= SHADOW for one, each in zip(scenes, kept, strict=True)])
    of = np.repeat(np.arange(len(scenes)), [np.count_nonzero(each) for each in kept])
    mean, deviation = signs.mean(axis=0), np.maximum(signs.std(axis=0), 1e-6)
    scaled = np.column_stack(((signs - mean) / deviation, np.ones(len(signs))))
    weights, penalty = np.zeros(scaled.shape[1]), np.full(scaled.shape[1], PENALTY / len(scenes))
    penalty[-1], first, second = 0, 0.0, 0.0
    for step in range(1, STEPS + 1):
        likely = np.exp((scaled @ weights).clip(-50, 50))
        sums, sums_right = (np.bincount(of, likely * each, len(scenes)) for each in (1.0, right))
        wanted = np.where(sums_right[of] > 0, likely * right / np.maximum(sums_right[of], 1e-12), 0)
        slope = scaled.T @ (likely / (1 + sums[of]) - wanted) / len(scenes) + penalty * weights
        first = MEMORY[0] * first + (1 - MEMORY[0]) * slope
        second = MEMORY[1] * second + (1 - MEMORY[1]) * slope**2
        moved, size = first / (1 - MEMORY[0] ** step), np.sqrt(second / (1 - MEMORY[1] ** step))
        weights = weights - RATE * (1 - step / STEPS) * moved / (size + 1e-9)
    unscaled = weights[:-1] / deviation
    return composites.Weights(float(weights[-1] - mean @ unscaled), unscaled)


def chosen(scene: Weighed, weights: composites.Weights) -> Chosen:
    if not len(scene.signs):
        return Chosen(scene.cast, -np.inf, 0.0)
    shape, odds = shadow_ranking.voted(scene.taken, weights.bias + scene.signs @ weights.weights)
    return Chosen(scene.cast, odds, mask_ranking.overlap(shape, scene.truth) if scene.cast else 0.0)


def report(title: str, found: list[Chosen]) -> None:
    """Print the shares of shadows that are found, and of which another shape is taken, at bars for the odds."""
    cast, without = ([one for one in found if one.cast == wanted] for wanted in (True, False))
    if not cast or not without:
        return
    print(f"{title}: {len(cast)} with a shadow, {len(without)} without")
    none = [one.odds for one in without]
    for least in (*(float(np.quantile(none, 1 - false)) if false < 1 else -np.inf for false in FALSE), *LEAST):
        right = [one.overlap for one in cast if one.odds > least and one.overlap >= SHADOW]
        wrong = np.mean([one.odds > least and one.overlap < SHADOW for one in cast])
        false = np.mean([odds > least for odds in none])
        print(
            f"    odds over {least:6.2f}: found {len(right) / len(cast):.2f}, IoU {np.mean(right or [0]):.2f}, "
            f"wrong {wrong:.2f}, false {false:.3f}"
        )


if __name__ == "__main__":
    sys.exit(main())
