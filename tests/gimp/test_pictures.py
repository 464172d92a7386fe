"""The pixels themselves, in a real GIMP: what is replaced, what is not, and whether the seam shows."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from ..test_shadows import cast, ground, standing, taken
from .conftest import IN_GIMP

pytestmark = IN_GIMP


def save(path: Path, photo: np.ndarray, profile: bytes | None = None) -> Path:
    """An RGB photo as a PNG, with a colour profile in it."""
    kinds, chunks = ([cv2.IMAGE_METADATA_ICCP], [np.frombuffer(profile, np.uint8)]) if profile else ([], [])
    cv2.imencodeWithMetadata(".png", photo[..., ::-1], kinds, chunks)[1].tofile(path)
    return path


def over_the_photo(file: Path, seen: dict) -> np.ndarray:
    """A mask of the window, (H, W) uint8 as large as the photo."""
    x, y, width, height = seen["window"]
    whole = np.zeros(seen["size"][::-1], np.uint8)
    whole[y : y + height, x : x + width] = np.fromfile(file, np.uint8).reshape(height, width)
    return whole


@pytest.mark.parametrize("include_shadow", [False, True])
def test_a_shadow_goes_along_where_that_is_asked_for(gimp, tmp_path, include_shadow):
    light, shadow = cast(standing())
    photo = save(tmp_path / "photo.png", taken(ground(8) * light, standing()))
    settings = {"include-shadow": True} if include_shadow else {}
    seen = gimp("pictures", photo=str(photo), folder=str(tmp_path), click=(170, 140), settings=settings)
    assert seen["answer"]["status"] == "success"
    assert seen["parasite"]["settings"]["include_shadow"] == include_shadow
    mask = over_the_photo(tmp_path / "mask", seen)
    assert (np.count_nonzero(mask[shadow]) > 0.8 * np.count_nonzero(shadow)) == include_shadow
    before, after = (np.fromfile(tmp_path / name, np.uint8).reshape(300, 400, 3) for name in ("before", "after"))
    assert (after[shadow].mean() > 0.95 * ground()[shadow].mean()) == include_shadow
    untouched = over_the_photo(tmp_path / "alpha", seen) == 0
    assert (after[untouched] == before[untouched]).all()
