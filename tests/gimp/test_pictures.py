"""The pixels themselves, in a real GIMP: what is replaced, what is not, and whether the seam shows."""

import struct
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from ..conftest import CLICK
from ..select.test_shadows import cast, ground, standing, taken
from .conftest import IN_GIMP

pytestmark = IN_GIMP
CLOSE = 48  # as in the scenarios
SKY = 300  # rows of the rocket's photo that show nothing else around it


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


# -- fidelity


def deep(photo: np.ndarray) -> np.ndarray:
    """A photo of twice the size with a grain that only 16 bits hold: (H, W, 3) uint16."""
    large = cv2.resize(photo.astype(np.float32) * 257, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    large += np.random.default_rng(0).normal(0, 250, large.shape)
    return np.rint(large.clip(0, 65535)).astype(np.uint16)


def wide_gamut_profile() -> bytes:
    """A display profile with the primaries of Adobe RGB, in the profile's D50, and a gamma of 2.2."""

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))

    name = b"Wide gamut, gamma 2.2\0"
    gamma = b"curv\0\0\0\0" + struct.pack(">IH2x", 1, round(2.2 * 256))
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + bytes(78),
        b"cprt": b"text\0\0\0\0No copyright\0",
        b"wtpt": xyz(0.9642, 1, 0.8249),
        b"rXYZ": xyz(0.60974, 0.31111, 0.01947),
        b"gXYZ": xyz(0.20528, 0.62567, 0.06087),
        b"bXYZ": xyz(0.14919, 0.06322, 0.74457),
        **{curve: gamma for curve in (b"rTRC", b"gTRC", b"bTRC")},
    }
    at, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for tag, data in tags.items():
        table += tag + struct.pack(">2I", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4sI12s12x4s", at + len(body), b"\0\0\0\0", 0x02400000, b"mntrRGB XYZ ", b"acsp")
    white = struct.pack(">3i", *(round(value * 65536) for value in (0.9642, 1, 0.8249)))
    return (head + bytes(28) + white).ljust(128, b"\0") + table + body


class Removed(NamedTuple):
    """The rocket removed from a photo in GIMP.

    before, after: (H, W, 3) what is shown, in the photo's own samples; alpha: (H, W) uint8, the layer mask.  close: the
    surroundings (h, w, 3) uint8 as a screen shows them, close_alpha (h, w) the layer mask there; sky: rows of it.
    """

    seen: dict
    before: np.ndarray
    after: np.ndarray
    alpha: np.ndarray
    close: np.ndarray
    close_alpha: np.ndarray
    sky: slice


@pytest.fixture(scope="module", params=["16 bits, linear", "8 bits, a profile of its own"])
def removed(request, gimp, photo, tmp_path_factory) -> Removed:
    own = request.param.startswith("8")
    folder = tmp_path_factory.mktemp("removed")
    source = save(folder / "photo.png", photo if own else deep(photo), wide_gamut_profile() if own else None)
    k, preparation = (1, {}) if own else (2, {"precision": "u16 linear"})
    click = [k * CLICK[0], k * CLICK[1]]
    seen = gimp("pictures", photo=str(source), folder=str(folder), click=click, **preparation)
    width, height = seen["size"]
    before, after = (
        np.fromfile(folder / name, np.uint8 if own else np.uint16).reshape(height, width, 3)
        for name in ("before", "after")
    )
    alpha = over_the_photo(folder / "alpha", seen)
    close = cv2.imread(str(folder / "close-after.png"))
    x, y, w, h = seen["window"]
    left, top = max(0, x - CLOSE), max(0, y - CLOSE)
    close_alpha = alpha[top : y + h + CLOSE, left : x + w + CLOSE]
    return Removed(seen, before, after, alpha, close, close_alpha, slice(0, k * SKY - top))


def test_the_result_has_the_photos_precision_and_colours(removed):
    seen = removed.seen
    assert seen["answer"]["status"] == "success"
    assert seen["format of the result"] == seen["format"]
    assert seen["profile kept"]
    new = removed.after[removed.alpha == 255]
    if removed.after.dtype == np.uint16:
        assert seen["format"] == "RGB u16"
        assert len(np.unique(new)) > 1000, "it has no more than 8 bits"
    else:
        assert seen["format"].startswith("R'G'B' u8-space")
        assert seen["profile"] == "Wide gamut, gamma 2.2"


def test_what_the_layer_mask_hides_is_shown_bit_for_bit(removed):
    same = (removed.after == removed.before).all(axis=2)
    assert same[removed.alpha == 0].all()
    assert same[removed.alpha == 255].mean() < 0.05


def seam(picture: np.ndarray, alpha: np.ndarray) -> float:
    """How much more the picture (h, w, 3) changes from pixel to pixel along the edge of alpha (h, w) uint8 than a
    little away from it; grain is smoothed, which hides no step."""
    smooth = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 2)
    changes = [cv2.Sobel(smooth, cv2.CV_32F, *direction, ksize=3) for direction in ((1, 0), (0, 1))]
    change = np.sqrt(sum((each**2).sum(2) for each in changes))
    inside, outside = (
        cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, 5) for part in (alpha == 255, alpha == 0)
    )
    return change[(inside <= 2) & (outside <= 2)].mean() / change[(outside > 6) & (outside <= 20)].mean()


def test_no_seam_shows(removed):
    """Along all of the edge, and in the sky, where a step of two levels of 255 is enough to be seen."""
    picture, alpha, sky = removed.close, removed.close_alpha, removed.sky
    assert seam(picture, alpha) < 1.3
    assert seam(picture[sky], alpha[sky]) < 1.3
    stepped = picture + alpha[..., None] / 255.0 * 2
    assert seam(stepped[sky], alpha[sky]) > 1.3, "the measure does not see a step"


def test_no_line_shows_in_the_sky_that_was_filled(removed):
    """Where what is copied from the left meets what is copied from the right."""
    columns = removed.close[removed.sky].astype(float).mean(axis=(0, 2))
    steps = np.abs(columns[8:] - columns[:-8])
    filled = removed.close_alpha[removed.sky].any(axis=0)[4:-4]
    assert steps[filled].max() < 1.3 * steps[~filled].max()
