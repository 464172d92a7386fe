"""All objects of a photo at once, with the real starter model."""

import tracemalloc

import numpy as np
import pytest

from inference_server import UserError
from inference_server.select import automatic_masks
from inference_server.select.segmenters import Embedding
from inference_server.shared.geometry import Window

from ..conftest import CLICK


@pytest.fixture(scope="module")
def objects(engine, photo) -> automatic_masks.Objects:
    return engine.segment_everything(photo)


def whole(objects: automatic_masks.Objects, index: int) -> np.ndarray:
    return objects.inside(index, Window(0, 0, *objects.size))


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float(((a > 0) & (b > 0)).sum() / ((a > 0) | (b > 0)).sum())


def test_the_rocket_is_under_the_pointer_as_under_a_click(objects, rocket):
    index = objects.at(*CLICK)
    assert index is not None
    assert overlap(whole(objects, index), rocket) > 0.85


def test_most_of_the_photo_belongs_to_some_object(objects):
    assert 5 <= len(objects) <= 60
    assert np.count_nonzero(objects.labels) > 0.8 * objects.labels.size
    assert objects.labels.dtype == np.uint16 and set(np.unique(objects.labels)) <= set(range(len(objects) + 1))
    assert len(objects.scores) == len(objects) and (np.diff(objects.scores) <= 0).all()
    assert objects.scores.min() >= 0 and objects.scores.max() <= 1


@pytest.mark.parametrize("window", [Window(0, 0, 640, 427), Window(301, 55, 40, 333)])
def test_no_pixel_belongs_to_two_objects(objects, window):
    taken = np.zeros((window.height, window.width), int)
    for index in range(len(objects)):
        taken += objects.inside(index, window) > 0
    assert taken.max() == 1


def test_the_label_map_says_where_the_objects_are(objects):
    assert ((objects.logits > 0).argmax(axis=0)[objects.labels > 0] == objects.labels[objects.labels > 0] - 1).all()
    assert not (objects.logits > 0).any(axis=0)[objects.labels == 0].any()


def test_pointing_outside_the_photo_finds_nothing(objects):
    for place in [(-1, 5), (640, 5), (5, 427), (float("nan"), 5)]:
        assert objects.at(*place) is None
    objects.at(639.9, 426.9)


def test_the_same_photo_gives_the_same_objects_and_progress_goes_up(engine, photo, objects):
    heard = []
    again = engine.segment_everything(photo.copy(), progress=lambda share, message: heard.append((share, message)))
    assert (again.labels == objects.labels).all() and (again.logits == objects.logits).all()
    shares = [share for share, _ in heard]
    assert shares == sorted(shares) and shares[0] >= 0 and 0.9 < shares[-1] <= 1
    assert {message for _, message in heard} == {"Finding all objects"}
    assert len(heard) < 120, "the fine grid spares what is certain"


def test_cancel_ends_the_work_at_the_next_click(engine, photo):
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 5

    with pytest.raises(UserError, match="Cancelled"):
        engine.segment_everything(photo, cancelled=cancelled)
    assert len(asked) == 6


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (1, 5000), (5000, 1), (60, 80)])
def test_a_flat_photo_of_any_shape_is_searched(engine, size, monkeypatch):
    """At few points, where no object is ever certain and all of the fine grid is asked."""
    monkeypatch.setattr(automatic_masks, "ALONG", 3)
    objects = engine.segment_everything(np.full((*size, 3), 90, np.uint8))
    taken = np.zeros(size, int)
    for index in range(len(objects)):
        taken += whole(objects, index) > 0
    assert taken.max(initial=0) <= 1
    objects.at(size[1] - 1, size[0] - 1)


def test_a_photo_of_100_megapixels_costs_no_more_memory_than_a_small_one(engine, photo):
    """Beyond the photo's own embedding: 150 MB, where one float per pixel would be 400."""
    encoded = engine.encode(photo)
    tracemalloc.start()
    try:
        objects = automatic_masks.find(engine._selector._segmenter, encoded.embedding, (12242, 8168))
        index = objects.at(CLICK[0] * 19, CLICK[1] * 19)
        assert index is not None
        shown = objects.inside(index, Window(CLICK[0] * 19 - 500, CLICK[1] * 19 - 500, 1000, 1000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert shown[500, 500] == 255 and shown[500, 0] == 0
    assert peak < 150e6


class Dots:
    """A stand-in for a model with one answer to a click: the dot that was clicked, and nothing beside the dots."""

    def __init__(self, *dots: tuple[int, int, int]):
        self.dots, self.asked = dots, 0

    def decode(self, embedding, points, labels, box=None, previous=None):
        self.asked += 1
        y, x = np.mgrid[:64, :64] + 0.5
        (px, py) = points[0] / 4
        logits = np.full((1, 64, 64), -9, np.float32)
        for cx, cy, radius in self.dots:
            if np.hypot(px - cx, py - cy) < radius:
                logits[0] = 3 * (radius - np.hypot(x - cx, y - cy))
        return logits, np.array([0.9], np.float32)


def find(model: Dots, width: int, height: int) -> automatic_masks.Objects:
    embedding = Embedding(None, (width, height), (0.25, 0.25), 0)
    return automatic_masks.find(model, embedding, (width, height))


def test_a_model_with_one_answer_will_do():
    model = Dots((16, 16, 12), (48, 40, 12))
    objects = find(model, 256, 256)
    assert len(objects) == 2 and objects.at(64, 64) != objects.at(192, 160)
    assert objects.at(128, 250) is None
    assert model.asked < 15 * 15


def test_the_padding_of_the_grid_is_nobodys():
    objects = find(Dots((32, 32, 30)), 256, 160)
    assert objects.labels.shape == (40, 64)


def test_where_nothing_is_found_there_are_no_objects():
    objects = find(Dots(), 256, 256)
    assert len(objects) == 0 and objects.at(5, 5) is None
    assert objects.logits.shape == (0, 64, 64)
