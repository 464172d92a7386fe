"""Passes of the starter model's encoder that the processes of a test run share.

Each server, worker and command that a test starts would encode the same photograph, for one to two seconds of processor
time.  A pass is pure: the same picture through the same file gives the same bits.  So the first of these processes
makes it, and leaves what came of it in a folder where the others find it.  Nothing else is shared, and nothing outlives
the run.

The environments for tests import this when their Python starts (`install.run_from_checkout`), where $FOLDER is set, as
`conftest.shared_encoder_passes` does for a module's tests.  What is imported here every process waits for.
"""

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from pathlib import Path
    from types import ModuleType

FOLDER = "INPAINT_ANYTHING_TEST_PASSES"  # the environment variable that names it
OF_RUN = "INPAINT_ANYTHING_TEST_RUN"  # names it to all lanes of a run, of which some tests set the former
MODULE = "inference_server.select.segmenters.onnx_pair"


class _Encoder:
    """In the place of the encoder's session.  file: its graph."""

    def __init__(self, session: Any, file: "Path") -> None:
        import hashlib

        import onnxruntime

        self._session = session
        self._key = hashlib.sha256(file.read_bytes() + onnxruntime.__version__.encode()).digest()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, names: None, feed: dict[str, Any], options: Any) -> list[Any]:
        import hashlib
        import tempfile
        from pathlib import Path

        import numpy as np

        (picture,) = feed.values()
        folder = Path(os.environ[FOLDER])
        key = hashlib.sha256(self._key + repr(picture.shape).encode() + picture.tobytes()).hexdigest()
        file = folder / f"{key}.npy"
        if not file.is_file():
            (features, *_) = self._session.run(names, feed, options)
            with tempfile.NamedTemporaryFile(dir=folder, delete=False) as made:
                np.save(made, features)
            Path(made.name).replace(file)
        return [np.load(file)]


class _Finder:
    """Finds `MODULE` as it is found without this, and has the encoders that it loads share their passes."""

    def find_spec(self, name: str, *_: object) -> "ModuleSpec | None":
        if name != MODULE:
            return None
        from importlib.util import find_spec

        sys.meta_path.remove(self)  # type: ignore[arg-type]
        spec = find_spec(name)
        assert spec and spec.loader
        spec.loader.exec_module = _sharing(spec.loader.exec_module)  # type: ignore[method-assign]
        return spec


def _sharing(execute: Any) -> Any:
    def executed(module: "ModuleType") -> None:
        execute(module)
        load = module.load

        def loaded(files: "dict[str, Path]") -> Any:
            pair = load(files)
            pair._encoder = _Encoder(pair._encoder, files["encoder.onnx"])
            return pair

        module.load = loaded  # type: ignore[attr-defined]

    return executed


if os.environ.get(FOLDER):
    sys.meta_path.insert(0, _Finder())  # type: ignore[arg-type]
