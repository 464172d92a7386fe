"""How long the installed models take on this machine: `models bench`."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..engine import Engine
from ..models import overview, packages, speeds
from ..models.store import Store
from ..select import segmenters
from ..shared.messages import Job, MaskOptions

SIZE = 1024, 683  # width and height: what models are given of a photo
ROUNDS = 3  # of which the quickest counts: the first warms up, and others may be at work beside it
OBJECT = 96  # pixels a side of what is removed


def measure(store: Store) -> Iterator[tuple[str, dict[str, float]]]:
    """The seconds of each model's passes, by what is done: a table by lines, as they come.

    They are kept in the store where all are done.  Raises UserError for a model that cannot be loaded.
    """
    found: dict[str, dict[str, float]] = {}
    photo = _photo()
    for model in segmenters.usable(store):
        found[model.name] = _selecting(store, model.name, photo)
        yield model.name, found[model.name]
    for model in store.installed(Job.REMOVE):
        if not packages.missing(model.packages):
            found[model.name] = _removing(model.name, photo)
            yield model.name, found[model.name]
    speeds.write(store.folder, overview.device().gpu_memory, found)


def _selecting(store: Store, name: str, photo: np.ndarray) -> dict[str, float]:
    """Seconds of an encoder, once a photo, and of a decoder, once a click."""
    segmenter = segmenters.load(store, name)
    points, labels = np.array([[SIZE[0] / 2, SIZE[1] / 2]]), np.array([1])
    encoding, embedding = _quickest(lambda: segmenter.encode(photo))
    clicking, _ = _quickest(lambda: segmenter.decode(embedding, points, labels))
    return {"encode": encoding, "click": clicking}


def _removing(name: str, photo: np.ndarray) -> dict[str, float]:
    engine, mask = Engine(), np.zeros(photo.shape[:2], np.uint8)
    y, x = (SIZE[1] - OBJECT) // 2, (SIZE[0] - OBJECT) // 2
    mask[y : y + OBJECT, x : x + OBJECT] = 255
    return {"remove": _quickest(lambda: engine.remove_patch(photo, mask, MaskOptions(), model=name))[0]}


def _quickest(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what comes of it."""
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        result = work()
        taken.append(time.perf_counter() - begun)
    return min(taken), result


def _photo() -> np.ndarray:
    """Something (h, w, 3) uint8 with an object in its middle, and texture around it."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    wave = 60 * np.sin(x / 9) * np.cos(y / 13) + 120
    picture = np.stack([wave, wave * 0.8, wave * 0.6 + 40], axis=-1)
    picture[np.hypot(x - SIZE[0] / 2, y - SIZE[1] / 2) < OBJECT / 3] = 230, 40, 40
    return picture.astype(np.uint8)
