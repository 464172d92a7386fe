"""What continues the surroundings into a hole.  One file a family, and one interface: `Inpainter.fill`.

    inpainter = inpainters.load(store, inpainters.choose(store), monitor)
    filled = inpainter.fill(rgb, hole, usable, seed, monitor)       # see `patchmatch.fill`

An inpainter works on a picture of at most `side` pixels; `removal` scales the photo down to that and the result up.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from ..imaging.colour import ColourSpace
from ..models import packages
from ..models.catalogue import MODELS
from ..models.store import Store
from ..shared.errors import wrong_input
from ..shared.messages import Job
from ..shared.monitor import UNWATCHED, Monitor
from ..shared.text import tr
from . import outward, patchmatch
from .patchmatch import Filled

SIDES = {
    "cpu": 768,
    "mps": 1024,
    "cuda": 1024,
    "xpu": 1024,
}  # LaMa was trained at 256 and is good to about four times that
NETWORK_SHARE = 0.8  # of the work is a network's own; the rest is the search for texture to copy


Fill = Callable[[np.ndarray, np.ndarray, np.ndarray, int, Monitor], Filled]
CALM = patchmatch.Terms(position=0.5, upright=8.0, lit_between=False)  # for walls, and rims that are not clean


class Network(Protocol):
    """A network that continues a picture into a hole (`lama`, `onnx_network`)."""

    def fill(self, rgb: np.ndarray, hole: np.ndarray, monitor: Monitor = UNWATCHED, /) -> np.ndarray:
        """rgb: (h, w, 3) float32 in 0..1; hole: (h, w) bool.  Returns a new (h, w, 3) float32."""


class Inpainter(NamedTuple):
    """side: pixels of the long side, beyond which more time gives no better result.  fill: as `patchmatch.fill`.

    others: other ways to fill, for where the result does not pass its check.  needs_clean_rim: whether these do better
    where a shadow or a part of the object is left around the hole, the last of them best; another thing that touches
    the hole is filled with it then, too.
    """

    side: int
    fill: Fill
    others: tuple[Fill, ...] = ()
    needs_clean_rim: bool = False


def choose(store: Store) -> str:
    """The name of the best model for removing that can be loaded here; there is always one."""
    return next(model.name for model in store.installed(Job.REMOVE) if not packages.missing(model.packages))


def demand(store: Store, name: str) -> str:
    """The name of the model that removes where the one of this name is asked for: that or, where it is not installed or
    cannot be loaded here, its weights in another form (`Model.twin`).  Raises UserError where there is neither."""
    if name not in MODELS or MODELS[name].job != Job.REMOVE:
        raise wrong_input(tr("There is no model {name} that removes.", name=name), "Leave the choice open.")
    twin = MODELS[name].twin
    if twin and not store.missing(twin) and (store.missing(name) or packages.missing(MODELS[name].packages)):
        return twin
    store.demand(name, Job.REMOVE)
    packages.demand(MODELS[name].packages, name)
    return name


def load(store: Store, name: str, monitor: Monitor = UNWATCHED) -> Inpainter:
    """The model for removing with this name in the catalogue.  Raises UserError where its file is damaged."""
    if MODELS[name].family == "patchmatch":
        return Inpainter(patchmatch.MAX_SIDE, patchmatch.fill, (_fill_calmly,), needs_clean_rim=True)
    files = store.need(name, monitor)
    network, side = _network(MODELS[name].family, files)

    def fill(rgb: np.ndarray, hole: np.ndarray, usable: np.ndarray, seed: int, monitor: Monitor) -> Filled:
        return _fill_with(network, rgb, hole, usable, seed, monitor)

    return Inpainter(side, fill, (patchmatch.fill, _fill_calmly))


def _network(family: str, files: dict[str, Path]) -> tuple[Network, int]:
    """The network of a family, and the long side of the pictures that it is given."""
    if family == "onnx_network":
        from . import onnx_network

        opened = onnx_network.load(files)
        return opened, opened.side
    from ..models import devices
    from . import lama

    device = devices.best()
    return lama.load(files, device), SIDES[device]


def in_colour(inpainter: Inpainter, colour: ColourSpace) -> Inpainter:
    """The inpainter for pictures in a colour space, which itself sees and gives sRGB."""
    if colour.is_srgb:
        return inpainter

    def in_srgb(fill: Fill) -> Fill:
        def converted(rgb: np.ndarray, hole: np.ndarray, usable: np.ndarray, seed: int, monitor: Monitor) -> Filled:
            filled = fill(colour.to_srgb(rgb), hole, usable, seed, monitor)
            return filled._replace(pixels=colour.from_srgb(filled.pixels))

        return converted

    others = tuple(in_srgb(fill) for fill in inpainter.others)
    return inpainter._replace(fill=in_srgb(inpainter.fill), others=others)


def beyond_borders(inpainter: Inpainter) -> Inpainter:
    """The inpainter for a photo on a larger canvas: what lies beside it is made of strips of it, with even seeds.

    Its own way has the odd ones.  Neither is judged by the check, which is made for what an object has left.
    """

    def fill(rgb: np.ndarray, hole: np.ndarray, usable: np.ndarray, seed: int, monitor: Monitor) -> Filled:
        made = inpainter.fill if seed % 2 or not outward.continues(hole) else outward.fill
        return made(rgb, hole, usable, seed, monitor)

    return Inpainter(inpainter.side, fill)


def _fill_calmly(rgb: np.ndarray, hole: np.ndarray, usable: np.ndarray, seed: int, monitor: Monitor) -> Filled:
    return patchmatch.fill(rgb, hole, usable, seed, monitor, CALM)


def _fill_with(
    network: Network, rgb: np.ndarray, hole: np.ndarray, usable: np.ndarray, seed: int, monitor: Monitor
) -> Filled:
    painted = network.fill(rgb.clip(0, 1), hole, monitor.part(0, NETWORK_SHARE))
    painted[~hole] = rgb[~hole]
    return patchmatch.match(painted, hole, usable, seed, monitor.part(NETWORK_SHARE, 1))
