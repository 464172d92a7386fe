"""What a .gguf file holds, from its head alone: a diffusion model's transformer, quantised.  Standard library only.

The format is that of ggml's docs/gguf.md, version 2 and 3: numbers are little-endian; after the counts come settings,
then each tensor's name, shape, kind and place, then the data.  A file that ends before its last tensor is refused.
"""

import math
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ...shared.errors import ErrorCode, UserError
from ...shared.text import tr

MAGIC, VERSIONS = b"GGUF", (2, 3)
MOST_TENSORS, MOST_DIMENSIONS, LONGEST_TEXT = 1 << 16, 4, 1 << 24
ALIGNMENT = "general.alignment"  # of the data, in bytes; 32 where it is not said
# Bytes of a setting's value, by its type; texts and lists are longer.
NUMBERS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
UNSIGNED, TEXT, LIST = 4, 8, 9


class Kind(NamedTuple):
    """How weights are kept: `length` bytes for each `block` of them along a row."""

    name: str
    block: int
    length: int


# Those that diffusers 0.42 reads, by their numbers in the format.
KINDS = {
    0: Kind("F32", 1, 4),
    1: Kind("F16", 1, 2),
    2: Kind("Q4_0", 32, 18),
    3: Kind("Q4_1", 32, 20),
    6: Kind("Q5_0", 32, 22),
    7: Kind("Q5_1", 32, 24),
    8: Kind("Q8_0", 32, 34),
    10: Kind("Q2_K", 256, 84),
    11: Kind("Q3_K", 256, 110),
    12: Kind("Q4_K", 256, 144),
    13: Kind("Q5_K", 256, 176),
    14: Kind("Q6_K", 256, 210),
    20: Kind("IQ4_NL", 32, 18),
    23: Kind("IQ4_XS", 256, 136),
    30: Kind("BF16", 1, 2),
}


class Tensor(NamedTuple):
    """shape: as PyTorch has it, outermost first; size: bytes in the file, which are those in memory, about."""

    shape: list[int]
    size: int


def tensors(place: Path) -> dict[str, Tensor]:
    """The tensors of a .gguf file by name.  Raises UserError where it is none, is cut off, or cannot be read here."""
    try:
        length = place.stat().st_size
        with place.open("rb") as file:
            found, end = _Head(file, length, place.name).read()
    except (OSError, ValueError, struct.error):
        sentence = tr("{file} is damaged, or no .gguf file.", file=place.name)
        raise UserError(ErrorCode.MODEL_CORRUPT, sentence) from None
    if end > length:
        sizes = {"here": length // 1_000_000, "whole": -(-end // 1_000_000)}
        sentence = tr("{file} is cut off: {here} of {whole} MB are here.", file=place.name, **sizes)
        raise UserError(ErrorCode.MODEL_CORRUPT, sentence, "Download or copy it again.")
    return found


def size(place: Path) -> int:
    """Bytes of memory that the weights in a .gguf file take.  Raises UserError as `tensors` does."""
    return sum(tensor.size for tensor in tensors(place).values())


class _Head:
    """The head of a file, read from its beginning.  Raises ValueError where it is none."""

    def __init__(self, file: BinaryIO, length: int, name: str) -> None:
        self._file, self._length, self._name = file, length, name

    def read(self) -> tuple[dict[str, Tensor], int]:
        """The tensors by name, and the byte after the last one."""
        if self._take(4) != MAGIC or self._number("<I") not in VERSIONS:
            raise ValueError("no GGUF")
        count, settings = self._number("<Q"), self._number("<Q")
        if count > MOST_TENSORS:
            raise ValueError("too many tensors")
        alignment = 32
        for _ in range(settings):
            key, kind = self._text(), self._number("<I")
            if key == ALIGNMENT and kind == UNSIGNED:
                alignment = self._number("<I")
            else:
                self._pass(kind)
        if not 0 < alignment <= LONGEST_TEXT:
            raise ValueError("no alignment")
        found, end = {}, 0
        for _ in range(count):
            name, tensor, offset = self._tensor()
            found[name], end = tensor, max(end, offset + tensor.size)
        start = -(-self._file.tell() // alignment) * alignment
        return found, start + end

    def _tensor(self) -> tuple[str, Tensor, int]:
        name, dimensions = self._text(), self._number("<I")
        if not 0 < dimensions <= MOST_DIMENSIONS:
            raise ValueError("no shape")
        shape = [self._number("<Q") for _ in range(dimensions)][::-1]
        number, offset = self._number("<I"), self._number("<Q")
        kind = KINDS.get(number)
        if kind is None:
            raise UserError(
                ErrorCode.MODEL_CORRUPT,
                tr("{file} has weights of a kind that is not read here, number {kind}.", file=self._name, kind=number),
                tr("Choose a file of one of these kinds: {kinds}.", kinds=", ".join(k.name for k in KINDS.values())),
            )
        if shape[-1] % kind.block:
            raise ValueError("rows of no whole blocks")
        return name, Tensor(shape, math.prod(shape) // kind.block * kind.length), offset

    def _pass(self, kind: int) -> None:
        """Go on after a setting's value."""
        if kind == TEXT:
            self._text()
        elif kind == LIST:
            inner, count = self._number("<I"), self._number("<Q")
            if inner == TEXT:
                for _ in range(count):
                    self._text()
            else:
                self._skip(count * NUMBERS.get(inner, self._length))
        else:
            self._skip(NUMBERS.get(kind, self._length))

    def _skip(self, length: int) -> None:
        if self._file.tell() + length > self._length:
            raise ValueError("no end")
        self._file.seek(length, 1)

    def _take(self, length: int) -> bytes:
        taken = self._file.read(length) if length <= LONGEST_TEXT else b""
        if len(taken) != length:
            raise ValueError("no end")
        return taken

    def _number(self, form: str) -> int:
        (number,) = struct.unpack(form, self._take(struct.calcsize(form)))
        return int(number)

    def _text(self) -> str:
        return self._take(self._number("<Q")).decode("utf-8")
