"""Photos in other colour spaces on the command line: what a person sees stays, and each file keeps its profile."""

import numpy as np
import pytest

from inference_server.imaging.colour import ColourSpace
from inference_server.imaging.files import reading, writing
from inference_server.imaging.files.photograph import Format, Photograph

from .. import profiles
from .pictures import save, scene

PROPHOTO, ADOBE = profiles.rgb(profiles.PROPHOTO, 1.8), profiles.rgb(profiles.ADOBE, 2.2)
BLUE = (0x30 / 255, 0x60 / 255, 0xA0 / 255)


@pytest.fixture
def wide(tmp_path):
    """A photo of 16 bits in ProPhoto's values, and its mask."""
    photo, mask = scene()
    pixels = ColourSpace(PROPHOTO).from_srgb(photo.astype(np.uint16) * np.uint16(257))
    write(tmp_path / "wide.tif", Photograph(pixels=pixels, format=Format.TIFF, profile=PROPHOTO, bits=16))
    save(tmp_path / "mask.png", mask)
    return tmp_path


def write(path, photograph: Photograph) -> None:
    path.touch()
    writing.write(path, photograph, photograph.format)


def looks(photograph: Photograph) -> np.ndarray:
    """What is seen of it, sRGB (H, W, 3), 0 to 1."""
    white = np.iinfo(photograph.pixels.dtype).max
    return ColourSpace(photograph.profile).to_srgb(photograph.pixels) / white


def replaced(run, folder, *options: object) -> Photograph:
    photo, out = folder / "wide.tif", folder / "out.tif"
    status, printed = run("replace", photo, "--mask", folder / "mask.png", "--no-shadow", *options, "-o", out)
    assert status == 0, printed
    before, after = reading.read(photo), reading.read(out)
    assert after.profile == PROPHOTO and after.pixels.dtype == np.uint16
    assert (after.pixels[66:84, 91:109] == before.pixels[66:84, 91:109]).all(), "the object is not as it was"
    return after


def test_a_colour_behind_looks_as_it_was_written(run, wide):
    result = replaced(run, wide, "--colour", "#3060a0")
    assert looks(result)[5, 5] == pytest.approx(BLUE, abs=0.006)
    assert np.abs(result.pixels[5, 5] / 65535 - BLUE).max() > 0.05, "in ProPhoto it has other values"


def test_a_photo_behind_looks_as_in_its_own_file(run, wide):
    plain = np.tile(np.uint8((60, 120, 180)), (75, 100, 1))
    write(wide / "sky.png", Photograph(pixels=plain, format=Format.PNG, profile=ADOBE))
    seen = looks(reading.read(wide / "sky.png"))[0, 0]
    result = replaced(run, wide, "--background-photo", wide / "sky.png")
    assert looks(result)[5, 5] == pytest.approx(seen, abs=0.006)


def test_an_object_is_found_and_removed_in_what_is_seen(run, wide, tmp_path):
    """The same clicks on the same picture, in sRGB and in ProPhoto, give the same mask."""
    photo, _ = scene()
    save(tmp_path / "plain.png", photo)
    for name in ("wide.tif", "plain.png"):
        assert run("segment", tmp_path / name, "--click", "100,75", "-o", tmp_path / f"{name}-mask.png")[0] == 0
    one, other = (
        reading.read(tmp_path / f"{name}-mask.png").pixels[..., 0] > 127 for name in ("wide.tif", "plain.png")
    )
    assert (one != other).mean() < 0.002
    assert run("remove", tmp_path / "wide.tif", "--click", "100,75", "-o", tmp_path / "clean.tif")[0] == 0
    before, after = reading.read(tmp_path / "wide.tif"), reading.read(tmp_path / "clean.tif")
    assert (after.pixels[:20] == before.pixels[:20]).all() and after.profile == PROPHOTO
    assert looks(after)[75, 100, 0] < 0.75 * looks(before)[75, 100, 0], "the square is still red"
