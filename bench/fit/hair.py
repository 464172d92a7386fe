"""Fits WEIGHTS of inference_server/select/hair.py.

    python3 bench/fit/hair.py DATA        about half a second for each photograph

Over each photograph fur is laid (`tests.photographs.with_fur`) and a smooth shape (`with_shape`), and every piece of
both outlines is an example.  The weights are those of a logistic regression with a small penalty on their squares.
Printed are also how many of the objects are said to have hair: each by weights that were fitted to other photographs.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from labelled import photographs

from inference_server.select import hair
from tests.photographs import grainy, with_fur, with_shape

COLOURS = ((150, 105, 60), (215, 210, 200), (60, 40, 30), (110, 110, 115))
SIDES = 500, 700, 900  # pixels, of a picture with a furry head half as wide
SHAPES = ("smooth", 250, 35.0), ("rounded", 350, 60.0), ("star", 450, 90.0)  # kind, pixels, contrast of 255
FOLDS = 4
PENALTY = 1.0
ROUNDS = 40


def main() -> int:
    photos = photographs()
    furry, smooth = ([make(photo.image, k) for k, photo in enumerate(photos)] for make in (fur, shape))
    print(f"WEIGHTS = ({', '.join(f'{value:.2f}' for value in fitted(furry, smooth))})")
    found = {"fur": 0, "shapes": 0}
    for fold in range(FOLDS):
        weights = fitted(*([x for k, x in enumerate(each) if k % FOLDS != fold] for each in (furry, smooth)))
        for name, each in (("fur", furry), ("shapes", smooth)):
            found[name] += sum(
                hair.is_seen(hair.likelihoods(x, weights)) for k, x in enumerate(each) if k % FOLDS == fold
            )
    print(", ".join(f"{name}: hair is seen in {count} of {len(photos)}" for name, count in found.items()))
    return 0


def fur(photo: np.ndarray, seed: int) -> np.ndarray:
    """The features of a furry head, from the mask that it has without its hairs."""
    pattern = grainy(np.full((200, 200, 3), COLOURS[seed % len(COLOURS)], np.uint8), seed, coarse=12)
    made = with_fur(photo, pattern, SIDES[seed % len(SIDES)], seed)
    return hair.features(made.image, hard(cv2.morphologyEx(made.alpha, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))))


def shape(photo: np.ndarray, seed: int) -> np.ndarray:
    """The features of a shape."""
    kind, diameter, contrast = SHAPES[seed % len(SHAPES)]
    made = with_shape(photo, (900, 700), kind, diameter, contrast, seed)
    return hair.features(made.image, hard(made.alpha))


def hard(alpha: np.ndarray) -> np.ndarray:
    return np.where(alpha > 127, np.uint8(255), np.uint8(0))


def fitted(furry: list[np.ndarray], smooth: list[np.ndarray]) -> np.ndarray:
    """The weights, the constant first, by Newton's method."""
    x = np.concatenate([*furry, *smooth])
    middle, scale = x.mean(axis=0), x.std(axis=0)
    table = np.column_stack([np.ones(len(x)), (x - middle) / scale])
    truth = np.arange(len(x)) < sum(map(len, furry))
    penalty = np.diag([0.0, *[PENALTY] * x.shape[1]])
    weights = np.zeros(table.shape[1])
    for _ in range(ROUNDS):
        likely = 1 / (1 + np.exp(-table @ weights))
        slope = table.T @ (likely - truth) + penalty @ weights
        curve = (table * (likely * (1 - likely))[:, None]).T @ table + penalty
        weights -= np.linalg.solve(curve, slope)
    own = weights[1:] / scale
    return np.array([weights[0] - own @ middle, *own])


if __name__ == "__main__":
    sys.exit(main())
