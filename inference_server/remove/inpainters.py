"""What continues the surroundings into a hole.  One file a family, and one interface: `Inpainter.fill`.

    inpainter = inpainters.load(store, progress, cancelled)         # the best that is installed
    filled = inpainter.fill(rgb, hole, usable, seed, step)          # see `patches.fill`

It works on a picture of at most `side` pixels; `removing` brings the photo to that and the result back.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..models.store import Store
from . import patchmatch
from .patchmatch import Filled, Step

if TYPE_CHECKING:
    from .lama import Lama

SIDES = {"cpu": 768, "mps": 1024, "cuda": 1024}  # LaMa was trained at 256 and is good to about four times that
LOOKING = 0.8  # of the work of LaMa and the search after it together


class Inpainter(NamedTuple):
    """side: pixels of the long side, up to which it is worth its time."""

    side: int
    fill: Callable[[np.ndarray, np.ndarray, np.ndarray, int, Step], Filled]


def best(store: Store) -> str:
    """The name of what `load` would give."""
    return "patchmatch" if store.missing("big-lama") or find_spec("torch") is None else "big-lama"


def load(store: Store, progress: Callable[[float, str], None], cancelled: Callable[[], bool]) -> Inpainter:
    """big-LaMa where it is installed, else patches.  Raises UserError where LaMa's file is damaged."""
    if best(store) == "patchmatch":
        return Inpainter(patchmatch.LONGEST, patchmatch.fill)
    files = store.need("big-lama", progress, cancelled)
    from ..models import devices
    from . import lama

    device = devices.best()
    network = lama.load(files, device)
    return Inpainter(SIDES[device], lambda *picture: _by_network(network, *picture))


def _by_network(
    network: "Lama", rgb: np.ndarray, hole: np.ndarray, usable: np.ndarray, seed: int, step: Step
) -> Filled:
    painted = network.fill(rgb.clip(0, 1), hole, lambda share: step(share * LOOKING))
    painted[~hole] = rgb[~hole]
    return patchmatch.match(painted, hole, usable, seed, lambda share: step(LOOKING + share * (1 - LOOKING)))
