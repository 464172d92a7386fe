"""Models that find an object in an image.  One file a family, and one interface: `Segmenter`.

    segmenter = segmenters.load(store, segmenters.choose(store), monitor)          # reads the weights
    embedding = segmenter.encode(image)                                            # slow, once an image
    logits, scores = segmenter.decode(embedding, points, labels, box, previous)    # fast, once a prompt

A family is loaded only when one of its models is: torch and onnxruntime take seconds to import.  Two have
another interface: SAM 3 finds things by name (`sam3.Sam3`), and ViTMatte an edge of hair (`vitmatte.VitMatte`).
"""

import math
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ...imaging.files import memory
from ...models import packages, speeds
from ...models.catalogue import MODELS, Model, ranked
from ...models.store import Store
from ...shared.command_lines import run, this_python
from ...shared.errors import ErrorCode, UserError, no_memory_error
from ...shared.geometry import Box, Size
from ...shared.messages import Job
from ...shared.monitor import UNWATCHED, Monitor
from ...shared.text import tr


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

    def encode(self, image: np.ndarray, monitor: Monitor = UNWATCHED) -> Embedding:
        """image: (h, w, 3) uint8 RGB of any size; the model scales it as it was trained to.

        Raises UserError soon after it is cancelled.
        """

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

    def to_arrays(self, features: Any) -> dict[str, np.ndarray]:
        """The features of one of its embeddings as arrays by name, for a file (`kept_embeddings`)."""

    def from_arrays(self, arrays: dict[str, np.ndarray]) -> Any:
        """The features that `to_arrays` was given, on this segmenter's device."""


def load(store: Store, name: str, monitor: Monitor = UNWATCHED) -> Any:
    """The `Segmenter` with this name in the catalogue, or the `sam3.Sam3` or `vitmatte.VitMatte`.

    Raises UserError where its files or its packages are missing or damaged.
    """
    model = MODELS[name]
    packages.demand(model.packages, name)
    files = store.need(name, monitor)
    try:
        module = import_module(f".{model.family}", __name__)
    except (ImportError, RuntimeError, OSError) as error:
        if memory.is_lack(error):
            raise no_memory_error() from None
        # Mostly a torchvision that was built for another torch.  Nothing here needs it, but transformers trips over it.
        raise UserError(
            ErrorCode.NO_MODEL,
            tr(
                "{model} needs packages that cannot be loaded here ({packages}): {error}.",
                model=name,
                packages=", ".join(model.packages),
                error=error.__cause__ or error,
            ),
            run(f"{this_python()} -m pip uninstall -y torchvision"),
        ) from None
    return module.load(files)


def usable(store: Store) -> list[Model]:
    """The models that find objects from clicks and can be loaded here, best first."""
    return [model for model in store.installed(Job.SELECT) if not packages.missing(model.packages)]


def choose(store: Store, gpu_memory: int | None = None) -> str:
    """The name of the best model that can be loaded here, or of the starter.

    gpu_memory: bytes, 0 where there is no GPU, None to ask.  torch is loaded to ask only where it makes a difference.
    """
    models = usable(store)
    if gpu_memory is None:
        gpu_memory = 0
        if any(model.uses_device for model in models):
            from ...models import devices

            gpu_memory = devices.total(devices.best())
    seconds = speeds.read(store.folder, gpu_memory)
    suitable = (model for model in models if model.suits(gpu_memory, seconds=seconds.get(model.name)))
    starter = next(model for model in ranked(Job.SELECT) if model.starter)
    return next(suitable, starter).name


def can_load(store: Store, name: str) -> bool:
    """Whether a model is here, and the packages that it needs."""
    return not store.missing(name) and not packages.missing(MODELS[name].packages)


def unreadable_error(place: Path, kind: str, error: Exception, packages: str) -> UserError:
    """The error for a model of this kind at `place` that these packages cannot read.  error: what they raised.

    By then the files are known to be those of the catalogue.
    """
    if memory.is_lack(error):
        return no_memory_error()
    reason = str(error).partition("\n")[0].rstrip(".")
    return UserError(
        ErrorCode.MODEL_CORRUPT,
        tr("{place} cannot be read as a {kind}: {reason}.", place=place, kind=kind, reason=reason),
        tr(
            "Its checksums are right, so what reads it may be too old. Run: {command}",
            command=f"{this_python()} -m pip install -U {packages}",
        ),
    )
