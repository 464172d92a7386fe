"""The tensors in a model file, by name, without running anything that is in it.  Needs no torch.

What torch saves is a zip with one pickle and one file of raw numbers per tensor.  Checkpoints of a training run name
classes of the trainer in that pickle, TorchScript names those of the script; here all become `Blank`, so that neither
the trainer is needed nor can a file make anything happen.  safetensors holds nothing but tensors.
"""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

KINDS = {
    "FloatStorage": np.float32,
    "DoubleStorage": np.float64,
    "HalfStorage": np.float16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}


class Blank:
    """Stands for an object of any class and keeps its state."""

    def __init__(self, *_: Any, **__: Any):
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __call__(self, *_: Any, **__: Any) -> "Blank":
        return self

    def __setitem__(self, *_: Any) -> None:
        pass

    def append(self, *_: Any) -> None:
        pass

    extend = add = append


class Tensor(NamedTuple):
    """Where a tensor lies: the file in the zip, and its place there in items."""

    file: str
    kind: str  # a key of KINDS, if it can be read
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def read(self, archive: zipfile.ZipFile, folder: str) -> np.ndarray:
        numbers: np.ndarray = np.frombuffer(archive.read(f"{folder}data/{self.file}"), KINDS[self.kind])
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        if min(self.offset, *self.shape, *self.strides, 0) < 0 or last >= len(numbers):
            raise ValueError("a tensor lies outside its file")
        strides = [step * numbers.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, strides).copy()


def _tensor(place: tuple[str, str], offset: int, shape: Any, strides: Any, *_: Any) -> Tensor:
    return Tensor(*place, offset, tuple(shape), tuple(strides))


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch._utils" and name == "_rebuild_tensor_v2":
            return _tensor
        if module == "torch._utils" and name == "_rebuild_parameter":
            return lambda tensor, *_: tensor
        if module == "torch" and name in KINDS:
            return name
        return type("Blank", (Blank,), {})

    def persistent_load(self, place: Any) -> tuple[str, str]:
        """place: ("storage", its class, the file's name, the device, items)."""
        return place[2], place[1]


def _within(value: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    """The tensors in what was unpickled, by their attributes' names and keys, joined by dots."""
    if isinstance(value, Tensor):
        yield name, value
    if isinstance(value, Blank):
        value = value.state
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _within(inner, f"{name}.{key}" if name else str(key))


def read(path: Path, landmark: str) -> dict[str, np.ndarray]:
    """The tensors beside the one whose name ends in `landmark`, by name without what came before that there.

    Raises LookupError where there is not one such, or any of the exceptions that come of a damaged file.
    """
    if not zipfile.is_zipfile(path):
        from safetensors import safe_open

        with safe_open(path, "numpy") as opened:
            return {new: opened.get_tensor(old) for old, new in _below(list(opened.keys()), landmark)}
    with zipfile.ZipFile(path) as archive:
        pickled = next((name for name in archive.namelist() if name.endswith("/data.pkl")), "")
        with archive.open(pickled) as opened:
            found = dict(_within(_Reader(opened).load(), ""))
        folder = pickled.removesuffix("data.pkl")
        return {new: found[old].read(archive, folder) for old, new in _below(list(found), landmark)}


def _below(names: list[str], landmark: str) -> list[tuple[str, str]]:
    """The names that start as the one that ends in `landmark` does, each also without that start."""
    starts = [name.removesuffix(landmark) for name in names if name == landmark or name.endswith(f".{landmark}")]
    if len(starts) != 1:
        raise LookupError(f"{len(starts)} of its tensors are called {landmark}")
    first = starts[0] + landmark.partition(".")[0] + "."
    return [(name, name.removeprefix(starts[0])) for name in names if name.startswith(first)]
