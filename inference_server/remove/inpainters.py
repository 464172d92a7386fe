"""What continues the surroundings into a hole.  One file a family, and one interface: `Inpainter.fill`.

    inpainter = inpainters.load(store, inpainters.choose(store), monitor)
    filled = inpainter.fill(rgb, hole, usable, seed, monitor)       # see `patchmatch.fill`

An inpainter works on a picture of at most `side` pixels; `removal` scales the photo down to that and the result up.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..imaging.colour import ColourSpace
from ..models import packages
from ..models.catalogue import MODELS
from ..models.store import Store
from ..shared.errors import wrong_input
from ..shared.messages import Job
from ..shared.monitor import UNWATCHED, Monitor
from ..shared.text import tr
from . import patchmatch
from .patchmatch import Filled

if TYPE_CHECKING:
    from .lama import Lama

SIDES = {
    "cpu": 768,
    "mps": 1024,
    "cuda": 1024,
    "xpu": 1024,
}  # LaMa was trained at 256 and is good to about four times that
LAMA_SHARE = 0.8  # of the work is LaMa's own; the rest is the search for texture to copy


Fill = Callable[[np.ndarray, np.ndarray, np.ndarray, int, Monitor], Filled]
CALM = patchmatch.Terms(position=0.5, lit_between=False)  # for walls, and rims that are not clean


class Inpainter(NamedTuple):
    """side: pixels of the long side, beyond which more time gives no better result.  fill: as `patchmatch.fill`.

    others: other ways to fill, for where the result does not pass its check.  needs_clean_rim: whether these do better
    where a shadow or a part of the object is left around the hole, the last of them best.
    """

    side: int
    fill: Fill
    others: tuple[Fill, ...] = ()
    needs_clean_rim: bool = False


def choose(store: Store) -> str:
    """The name of the best model for removing that can be loaded here; there is always one."""
    return next(model.name for model in store.installed(Job.REMOVE) if not packages.missing(model.packages))


def demand(store: Store, name: str) -> None:
    """Raise UserError unless a model of this name can remove, is installed and can be loaded here."""
    if name not in MODELS or MODELS[name].job != Job.REMOVE:
        raise wrong_input(tr("There is no model {name} that removes.", name=name), "Leave the choice open.")
    store.demand(name, Job.REMOVE)
    packages.demand(MODELS[name].packages, name)


def load(store: Store, name: str, monitor: Monitor = UNWATCHED) -> Inpainter:
    """The model for removing with this name in the catalogue.  Raises UserError where its file is damaged."""
    if MODELS[name].family == "patchmatch":
        return Inpainter(patchmatch.MAX_SIDE, patchmatch.fill, (_fill_calmly,), needs_clean_rim=True)
    files = store.need(name, monitor)
    from ..models import devices
    from . import lama

    device = devices.best()
    network = lama.load(files, device)

    def fill(rgb: np.ndarray, hole: np.ndarray, usable: np.ndarray, seed: int, monitor: Monitor) -> Filled:
        return _fill_with_lama(network, rgb, hole, usable, seed, monitor)

    return Inpainter(SIDES[device], fill, (patchmatch.fill, _fill_calmly))


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


def _fill_calmly(rgb: np.ndarray, hole: np.ndarray, usable: np.ndarray, seed: int, monitor: Monitor) -> Filled:
    return patchmatch.fill(rgb, hole, usable, seed, monitor, CALM)


def _fill_with_lama(
    network: "Lama", rgb: np.ndarray, hole: np.ndarray, usable: np.ndarray, seed: int, monitor: Monitor
) -> Filled:
    painted = network.fill(rgb.clip(0, 1), hole, monitor.part(0, LAMA_SHARE))
    painted[~hole] = rgb[~hole]
    return patchmatch.match(painted, hole, usable, seed, monitor.part(LAMA_SHARE, 1))
