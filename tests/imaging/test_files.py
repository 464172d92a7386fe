"""Picture files: what is written is read again, and what cannot be read or written is explained."""

import errno
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference_server.imaging import files
from inference_server.shared.errors import ErrorCode, UserError

EXACT = [(".png", np.uint8), (".png", np.uint16), (".tif", np.uint8), (".tif", np.uint16), (".tif", np.float32)]


def picture(channels: int, dtype: type = np.uint8, seed: int = 1) -> np.ndarray:
    values = np.random.default_rng(seed).random((20, 30, channels), np.float32)
    return values if dtype == np.float32 else (values * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(("suffix", "dtype"), EXACT)
def test_a_picture_comes_back_as_it_was_written(tmp_path, suffix, dtype, channels):
    file, image = tmp_path / f"a{suffix}", picture(channels, dtype)
    files.write(file, image)
    again, profile = files.read(file)
    assert again.dtype == dtype and (again == image).all() and profile is None
    assert list(tmp_path.iterdir()) == [file]


def test_a_jpeg_has_no_alpha_and_is_close(tmp_path):
    image = cv2.GaussianBlur(picture(4), (0, 0), 4)
    files.write(tmp_path / "a.JPG", image)
    again, _ = files.read(tmp_path / "a.JPG")
    assert again.shape == (20, 30, 3) and np.abs(again.astype(int) - image[..., :3]).mean() < 4


def test_a_mask_is_written_grey_and_read_as_rgb(tmp_path):
    mask = (picture(1)[..., 0] > 127).astype(np.uint8) * 255
    files.write(tmp_path / "mask.png", mask)
    assert cv2.imread(str(tmp_path / "mask.png"), cv2.IMREAD_UNCHANGED).ndim == 2
    assert (files.read(tmp_path / "mask.png")[0] == mask[..., None]).all()


def test_folders_are_made_and_an_existing_file_is_replaced(tmp_path):
    file = tmp_path / "many" / "folders" / "ä 照片.png"
    for image in (picture(3), picture(3, seed=2)):
        files.write(file, image)
        assert (files.read(file)[0] == image).all()


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (errno.ENOSPC, ErrorCode.DISK_FULL, "There is no room left on the disk"),
        (errno.EACCES, ErrorCode.WRONG_INPUT, "cannot be written"),
    ],
)
def test_what_cannot_be_written_leaves_the_old_file_whole(tmp_path, monkeypatch, number, code, words):
    file = tmp_path / "a.png"
    files.write(file, picture(3))
    before = file.read_bytes()

    def fail(path: Path, data: bytes) -> None:
        path.touch()
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(UserError, match=words) as refused:
        files.write(file, picture(3, seed=2))
    assert refused.value.code == code
    assert file.read_bytes() == before and list(tmp_path.iterdir()) == [file]


def test_a_missing_file_is_explained(tmp_path):
    with pytest.raises(UserError, match="cannot be read: No such file"):
        files.read(tmp_path / "nothing.png")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(suffix=st.sampled_from([".png", ".jpg", ".tif", ".webp"]), data=st.data())
def test_a_damaged_file_gives_a_picture_or_a_sentence(tmp_path, suffix, data):
    file = tmp_path / f"a{suffix}"
    files.write(file, picture(3))
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        image, _ = files.read(file)
    except UserError as error:
        assert error.code == ErrorCode.WRONG_INPUT
    else:
        assert image.ndim == 3 and image.shape[2] in (3, 4)
