"""Embeddings on disk, where a person wants that: a photo that was encoded once is not encoded again after a restart.

One file an image, in NumPy's .npz: arrays alone, nothing is pickled, and each has a checksum.  A file is named by a
digest of the image's key, the model's files and this program's version, so that what another model or version has made
is never found; those that were used longest ago make room for others.  A file that cannot be read counts as none.  The
photo is not in it, but who can read it learns roughly what the photo shows: it is this user's alone (0600).
"""

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .. import __version__
from ..shared import paths
from ..shared.atomic import write_atomically
from .segmenters import Embedding, Segmenter

SIZE, CELLS, NBYTES = "of the image: size", "of the image: cells", "of the image: nbytes"  # beside the features' names


class KeptEmbeddings:
    """The embeddings in one folder, which processes may share."""

    def __init__(self, limit: int, folder: Path | None = None) -> None:
        """limit: bytes that the files may take together; folder: by default the one in this user's private folder."""
        self._limit, self._folder = limit, folder or paths.home() / paths.EMBEDDINGS

    def find(self, name: str, segmenter: Segmenter) -> Embedding | None:
        """The embedding that was kept under a name; None where there is none that can be read."""
        file = self._folder / name
        try:
            with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as kept:
                arrays = {key: kept[key] for key in kept.files}
            (width, height), (cx, cy) = arrays.pop(SIZE).tolist(), arrays.pop(CELLS).tolist()
            nbytes = int(arrays.pop(NBYTES))
            embedding = Embedding(segmenter.from_arrays(arrays), (width, height), (cx, cy), nbytes)
            os.utime(file)
        except Exception:  # of many kinds: whatever is wrong with a file, the image can be encoded
            return None
        return embedding

    def keep(self, name: str, embedding: Embedding, segmenter: Segmenter) -> None:
        """Keep an embedding under a name; on a disk that is full or cannot be written none is."""
        content = io.BytesIO()
        own = {SIZE: embedding.size, CELLS: embedding.cells, NBYTES: embedding.nbytes}
        np.savez(content, **{**segmenter.to_arrays(embedding.features), **own})  # type: ignore[arg-type]
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._make_room(len(content.getbuffer()))
            if len(content.getbuffer()) <= self._limit:
                write_atomically(self._folder / name, content.getvalue(), private=True)

    def _make_room(self, needed: int) -> None:
        """Remove what was used longest ago, be it half-written by a process that was killed.  Raises OSError."""
        states = [(file.stat(), file) for file in self._folder.iterdir()]
        total = sum(state.st_size for state, _ in states)
        for state, file in sorted(states, key=lambda each: each[0].st_mtime_ns):
            if total + needed <= self._limit:
                return
            file.unlink(missing_ok=True)
            total -= state.st_size


def name_for(key: str, model: str, digests: Mapping[str, str]) -> str:
    """What the embedding of an image is kept under.

    key: `messages.image_key`; model, digests: the name of the model, and the digests of its files by name.
    """
    what = json.dumps([__version__, model, dict(digests), key], sort_keys=True)
    return f"{hashlib.sha256(what.encode()).hexdigest()}.npz"
