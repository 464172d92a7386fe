"""Fits the weights of inference_server/select/silhouettes.py.

    python3 bench/fit/silhouettes.py DATA        about a second for each photograph

An object's silhouette is laid on the ground of composites (see shadows.py beside this) in every direction that the
product tries.  A silhouette is the shadow if its IoU with the one that was cast is at least SHADOW, none if it is below
NONE.  Of hundreds around each object nearly all are easy to tell, so a logistic regression is repeated, each time with
those added that the last one was most mistaken about (hard negatives).  The second regression is fitted in the same way
to those that the first one has moved, and to it a part of the shadow is none.  Nothing is fitted to the data set HELD.
"""

import sys
from typing import NamedTuple
from unittest import mock

import numpy as np
import shadows as composites
from labelled import photographs

from inference_server.select import mask_ranking, silhouettes

SHADOW, NONE = 0.5, 0.3  # IoU: as in shadows.py
NEAR = 0.15  # IoU below the best of those moved, up to which another is as good
ROUNDS, SOME, HARD = 6, 20, 12  # times that negatives are added; so many at random at first, and so many each time
HELD = "held"  # the data set that nothing is fitted to
FALSE = (0.0, 0.03, 0.05, 0.1, 0.2, 1.0)  # of the composites without a shadow, in which one may be found


class Laid(NamedTuple):
    """The silhouettes in one composite: evidence (n, k), and their IoU (n,) with the shadow, 0 where none was cast."""

    data_set: str
    cast: bool
    evidence: np.ndarray
    overlaps: np.ndarray


class Seen(NamedTuple):
    data_set: str
    around: silhouettes.Around
    truth: np.ndarray


class Fitted(NamedTuple):
    first: composites.Weights
    second: composites.Weights


def main() -> int:
    seen = [
        prepared(composite, data_set) for composite, data_set, _ in composites.all_composites(photographs(), rounds=1)
    ]
    learned = [one for one in seen if one.data_set != HELD]
    fitted, second = fit(learned)
    print(as_code(fitted))
    print(f"found where it is fitted: {curve(second, fitted.second)}")
    held = [moved_of(one, fitted.first) for one in seen if one.data_set == HELD]
    if held:
        print(f"found in {HELD}: {curve(held, fitted.second)}")
    return 0


def prepared(composite: composites.Composite, data_set: str) -> Seen:
    pixels, scene, shadow = composites.as_seen(composite)
    return Seen(data_set, silhouettes.around(pixels, scene.item, scene.taken), shadow & ~scene.taken)


def laid_of(seen: Seen) -> Laid:
    """Every silhouette of the product's lattice, its evidence the traits and their squares."""
    layings = silhouettes.lattice()
    traits, comparable, _ = silhouettes.compared(seen.around, layings)
    return _laid(seen, layings, np.concatenate((traits, traits**2), axis=1), comparable)


def moved_of(seen: Seen, first: composites.Weights) -> Laid:
    """The silhouettes that are left when they were moved by these weights."""
    count = len(silhouettes.Traits._fields)
    weights = silhouettes.Traits(*first.weights[:count]), silhouettes.Traits(*first.weights[count:])
    with mock.patch.multiple(silhouettes, FIRST_BIAS=first.bias, FIRST_WEIGHTS=weights[0], FIRST_SQUARES=weights[1]):
        considered = silhouettes.moved(seen.around)
    return _laid(seen, considered.layings, considered.evidence, considered.comparable)


def _laid(seen: Seen, layings: np.ndarray, evidence: np.ndarray, comparable: np.ndarray) -> Laid:
    cast, overlaps = bool(seen.truth.any()), np.zeros(len(layings))
    if cast:
        truth = seen.truth[::2, ::2]
        for k, laying in enumerate(layings):
            shape = silhouettes.shape(seen.around, laying)[::2, ::2]
            overlaps[k] = mask_ranking.overlap(shape, truth)
    return Laid(seen.data_set, cast, evidence[comparable], overlaps[comparable])


def fit(seen: list[Seen]) -> tuple[Fitted, list[Laid]]:
    """Both regressions, and the silhouettes that the second one was fitted to."""
    first = regression([laid_of(one) for one in seen], NONE, 1.0)
    second = [moved_of(one, first) for one in seen]
    return Fitted(first, regression(second, SHADOW, NEAR)), second


def regression(scenes: list[Laid], none: float, near: float) -> composites.Weights:
    """Silhouettes with an IoU below `none` are no shadow; those that are no more than `near` below the best one are."""
    rng = np.random.default_rng(0)
    kept = [set(rng.permutation(np.flatnonzero(scene.overlaps < none))[:SOME].tolist()) for scene in scenes]
    for _ in range(ROUNDS):
        x, y, counts = [], [], []
        for scene, known in zip(scenes, kept, strict=True):
            right = np.flatnonzero(scene.overlaps >= max(SHADOW, scene.overlaps.max(initial=0) - near))
            right = right[np.argsort(-scene.overlaps[right])[:HARD]]
            for chosen, is_shadow, count in ((np.array(sorted(known), int), False, 4), (right, True, 2)):
                x.append(scene.evidence[chosen])
                y.append(np.full(len(chosen), is_shadow))
                counts.append(np.full(len(chosen), count / max(1, len(chosen))))
        result = composites.logistic(np.concatenate(x), np.concatenate(y), np.concatenate(counts))
        for scene, known in zip(scenes, kept, strict=True):
            others = np.flatnonzero(scene.overlaps < none)
            known.update(others[np.argsort(-scene.evidence[others] @ result.weights)[:HARD]].tolist())
    return result


def curve(scenes: list[Laid], weights: composites.Weights) -> str:
    """The share of the shadows of which the likeliest silhouette has an IoU of SHADOW, and is likely enough."""
    best = [
        (scene.cast, odds.max(initial=silhouettes.NEVER), scene.overlaps[odds.argmax()] if len(odds) else 0.0)
        for scene in scenes
        for odds in [weights.bias + scene.evidence @ weights.weights]
    ]
    none, parts = [odds for cast, odds, _ in best if not cast], []
    for false in FALSE:
        least = np.quantile(none, 1 - false) if false < 1 else -np.inf
        found = np.mean([odds > least and overlap >= SHADOW for cast, odds, overlap in best if cast])
        parts.append(f"{found:.2f} at {false:.0%} false (odds {least:.2f})")
    return ", ".join(parts)


def as_code(fitted: Fitted) -> str:
    """The lines that stand in the product's module."""
    count = len(silhouettes.Traits._fields)
    (first, squares), (second, odds) = np.split(fitted.first.weights, [count]), np.split(fitted.second.weights, [count])

    def named(kind: type[silhouettes.Traits | silhouettes.Moved], values: np.ndarray) -> str:
        return f"{kind.__name__}({', '.join(f'{n}={v:.4g}' for n, v in zip(kind._fields, values, strict=True))})"

    return "\n".join(
        (
            f"FIRST_BIAS = {fitted.first.bias:.4g}",
            f"FIRST_WEIGHTS = {named(silhouettes.Traits, first)}",
            f"FIRST_SQUARES = {named(silhouettes.Traits, squares)}",
            f"BIAS = {fitted.second.bias:.4g}",
            f"WEIGHTS = {named(silhouettes.Traits, second)}",
            f"MOVED_WEIGHTS = {named(silhouettes.Moved, odds)}",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
