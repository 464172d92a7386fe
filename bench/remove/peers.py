"""What else can be installed that fills a hole, beside ours."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from inference_server import Engine

Method = Callable[[np.ndarray, np.ndarray], np.ndarray]  # an image (H, W, 3) uint8 RGB, and its mask, 0 or 255
OURS = "ours"


def read(file: Path) -> np.ndarray:
    return np.ascontiguousarray(cv2.imread(str(file))[..., ::-1])


def methods() -> dict[str, Method]:
    """What is installed here, by name; says what is not."""
    engine = Engine()
    found: dict[str, Method] = {"OpenCV Telea, radius 5": lambda *c: cv2.inpaint(*c, 5, cv2.INPAINT_TELEA)}
    if find_spec("patchmatch"):
        import patchmatch

        found["PyPatchMatch as it comes"] = patchmatch.inpaint
        found["PyPatchMatch, patch_size 5"] = lambda *case: patchmatch.inpaint(*case, patch_size=5)
    else:
        print("PyPatchMatch is not installed: left out")
    if shutil.which("gmic"):
        found["G'MIC inpaint_matchpatch"] = gmic
    else:
        print("G'MIC is not installed: left out")
    found[OURS] = lambda *case: engine.remove(*case, grow=0, feather=0)
    return found


def gmic(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    with tempfile.TemporaryDirectory() as scratch:
        files = [str(Path(scratch) / name) for name in ("image.png", "mask.png", "result.png")]
        for file, pixels in zip(files, (image[..., ::-1], mask), strict=False):
            cv2.imwrite(file, pixels, [cv2.IMWRITE_PNG_COMPRESSION, 0])
        command = ["gmic", *files[:2], "inpaint_matchpatch[0]", "[1]", "output[0]", files[2]]
        subprocess.run(command, check=True, capture_output=True)
        return read(Path(files[2]))
