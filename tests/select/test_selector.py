"""What becomes of the first mask: the segmenter here answers as each test wants it to."""

import numpy as np
import pytest

from inference_server.select import selector
from inference_server.select.segmenters import Embedding
from inference_server.shared.messages import ObjectPrompt

CELLS = 64
CLICK = ObjectPrompt(points=((20.0, 20.0),), labels=(1,))


def square(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    """Logits (CELLS, CELLS), positive in it."""
    logits = np.full((CELLS, CELLS), -4, np.float32)
    logits[y0:y1, x0:x1] = 4
    return logits


class Answering:
    """A `Segmenter` that answers a box with one mask, and a point with another."""

    def __init__(self, to_point: np.ndarray, to_box: np.ndarray) -> None:
        self._to_point, self._to_box = to_point, to_box

    def encode(self, image, monitor=None) -> Embedding:
        return Embedding(None, (CELLS, CELLS), (1.0, 1.0), 0)

    def decode(self, embedding, points, labels, box=None, previous=None):
        mask = self._to_point if box is None else self._to_box
        return np.repeat(mask[None], 4, axis=0), np.full(4, 0.9, np.float32)


@pytest.mark.parametrize(
    ("second", "stays"),
    [
        ((10, 10, 32, 30), False),  # a little larger
        ((10, 10, 60, 60), True),  # all around it, too
        ((14, 14, 18, 18), True),  # a part of it
        ((50, 50, 60, 60), True),  # something else
    ],
)
def test_the_second_pass_never_makes_another_thing_of_the_mask_that_is_shown(second, stays):
    first = square(10, 10, 30, 30)
    segmenter = Answering(first, 2 * square(*second))
    encoded = selector.EncodedImage(np.zeros((CELLS, CELLS, 3), np.uint8), segmenter.encode(None))
    quick = selector._answer(segmenter, encoded, CLICK, quick=True).logits[0]
    assert np.array_equal(quick, first)
    later = selector._answer(segmenter, encoded, CLICK, quick=False)
    assert later.complete and np.array_equal(later.logits[0] > 0, (first if stays else square(*second)) > 0)
