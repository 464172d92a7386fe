"""Fits BIAS and WEIGHTS of inference_server/select/casts.py.

    python3 bench/fit/casts.py DATA        about a second for each photograph

An object's silhouette is laid on the ground of composites (see shadows.py beside this) in every direction that the
product tries.  A silhouette is the shadow if its IoU with the one that was cast is at least SHADOW, none if it is below
NONE.  Of hundreds around each object nearly all are easy to tell, so a logistic regression is repeated, each time with
those added that the last one was most mistaken about (hard negatives).  It is scored on photographs that it has not
seen.
"""

import sys
from typing import NamedTuple

import numpy as np
import shadows as composites
from labelled import photographs

from inference_server.imaging.sampling import resize
from inference_server.select import casts

SHADOW, NONE = 0.5, 0.3  # as in shadows.py
ROUNDS, SOME, HARD = 5, 20, 12  # times that negatives are added; so many at random at first, and so many each time
FALSE = 0.03  # of the composites without a shadow, in which one may be found


class Laid(NamedTuple):
    """The silhouettes in one composite: contrast (n, 6), and their IoU (n,) with the shadow, 0 where none was cast."""

    fold: int
    cast: bool
    contrast: np.ndarray
    overlaps: np.ndarray


def main() -> int:
    scenes = [laid(composite, fold) for composite, _, fold in composites.all_composites(photographs())]
    scenes = [scene for scene in scenes if len(scene.contrast)]
    fitted = fit(scenes)
    print(f"fitted to {len(scenes)} composites:\nBIAS = {fitted.bias:.2f}")
    print(dict(zip(casts.Contrast._fields, fitted.weights.round(2).tolist(), strict=True)))
    product = composites.Weights(casts.BIAS, np.array(casts.WEIGHTS))
    by_fold = {fold: fit([scene for scene in scenes if scene.fold != fold]) for fold in {one.fold for one in scenes}}
    for line, weights in (
        ("the product's", [product] * len(scenes)),
        ("fitted, those photographs left out", [by_fold[one.fold] for one in scenes]),
    ):
        print(f"{line}: found {found(scenes, weights):.2f} where {FALSE:.0%} are false")
    return 0


def laid(composite: composites.Composite, fold: int) -> Laid:
    _, scene, shadow = composites.as_seen(composite)
    shapes, contrast, comparable = casts.compared(scene.light, scene.item, scene.taken)
    truth = resize(shadow.astype(np.float32), shapes.shape[:0:-1]) > 0.5
    both = shapes[:, truth].sum(axis=1)
    overlaps = both / np.maximum(1, shapes.sum(axis=(1, 2)) + truth.sum() - both)
    return Laid(fold, bool(composite.shadow.any()), np.stack(contrast, 1)[comparable], overlaps[comparable])


def fit(scenes: list[Laid]) -> composites.Weights:
    rng = np.random.default_rng(0)
    kept = [set(rng.permutation(np.flatnonzero(scene.overlaps < NONE))[:SOME].tolist()) for scene in scenes]
    weights = np.eye(len(casts.Contrast._fields))[0]
    for _ in range(ROUNDS):
        x, y, counts = [], [], []
        for scene, known in zip(scenes, kept, strict=True):
            others = np.flatnonzero(scene.overlaps < NONE)
            known.update(others[np.argsort(-scene.contrast[others] @ weights)[:HARD]].tolist())
            right = np.flatnonzero(scene.overlaps >= SHADOW)
            right = right[np.argsort(-scene.overlaps[right])[:HARD]]
            for chosen, is_shadow, count in ((np.array(sorted(known), int), False, 4), (right, True, 2)):
                x.append(scene.contrast[chosen])
                y.append(np.full(len(chosen), is_shadow))
                counts.append(np.full(len(chosen), count / max(1, len(chosen))))
        result = composites.logistic(np.concatenate(x), np.concatenate(y), np.concatenate(counts))
        weights = result.weights
    return result


def found(scenes: list[Laid], weights: list[composites.Weights]) -> float:
    """The share of the shadows of which the likeliest silhouette has an IoU of SHADOW, and is likely enough."""
    best = [
        (scene.cast, odds.max(), scene.overlaps[odds.argmax()])
        for scene, its in zip(scenes, weights, strict=True)
        for odds in [its.bias + scene.contrast @ its.weights]
    ]
    least = np.quantile([odds for cast, odds, _ in best if not cast], 1 - FALSE)
    return float(np.mean([odds > least and overlap >= SHADOW for cast, odds, overlap in best if cast]))


if __name__ == "__main__":
    sys.exit(main())
