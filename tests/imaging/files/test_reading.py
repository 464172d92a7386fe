"""Photographs and masks from files of every kind: read right, or refused in one sentence that names the file."""

import contextlib
import io
import logging
import os
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import pyvips
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference_server.imaging.files import memory, metadata, reading
from inference_server.imaging.files.photograph import Format
from inference_server.shared.errors import ErrorCode, UserError

from ...picture_files import (
    DEEP_HEIC,
    IPTC,
    TURNED_HEIC,
    XMP,
    encoded,
    exif,
    jpeg,
    picture,
    png,
    soft,
    tiff,
    tiff_pages,
)

DEPTHS = (np.uint8, np.uint16, np.float32)


def refusal(content: bytes, name: str = "a picture.xyz") -> str:
    with pytest.raises(UserError) as refused:
        reading.read(content, name)
    sentence = str(refused.value.sentence)
    assert name in sentence and sentence.count(".") - name.count(".") == 1
    return str(refused.value)


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("big", [False, True])
def test_tiff_of_any_depth(dtype, channels, order, big):
    pixels = picture(channels, dtype)
    more = {338: ("H", [2])} if channels in (2, 4) else {}
    photo = reading.read(tiff(pixels, more, order, big=big), "a.tif")
    assert photo.pixels.dtype == dtype and photo.is_grey == (channels < 3) and not photo.notes
    assert photo.bits == pixels.dtype.itemsize * 8 and photo.lossless
    wanted = pixels[..., {1: [0, 0, 0], 2: [0, 0, 0, 1]}.get(channels, list(range(channels)))]
    assert (photo.pixels == wanted).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_any_depth(dtype, channels):
    pixels = picture(channels, dtype)
    photo = reading.read(png(pixels), "a.png")
    assert photo.pixels.dtype == dtype and photo.is_grey == (channels < 3) and photo.format == Format.PNG
    assert (photo.pixels[..., -1] == pixels[..., -1]).all() and (photo.pixels[..., 0] == pixels[..., 0]).all()


def test_planes_are_put_together():
    pixels = picture(3, np.uint16)
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    size = planes[0].nbytes
    # One strip a plane, whose places are only known once the file is made.
    more = {284: ("H", [2]), 273: ("I", [0] * 3), 279: ("I", [size] * 3), 262: ("H", [2])}
    more |= {258: ("H", [16] * 3), 277: ("H", [3])}
    data = tiff(planes.tobytes(), more)
    start = len(data) - 3 * size
    data = tiff(planes.tobytes(), more | {273: ("I", [start, start + size, start + 2 * size])})
    assert (reading.read(data).pixels == pixels).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_zero(dtype):
    pixels = picture(1, dtype)
    photo = reading.read(tiff(pixels, {262: ("H", [0])}))
    assert (photo.pixels == np.iinfo(dtype).max - pixels).all()


def test_half_floats_are_read():
    pixels = picture(3, np.float32).astype(np.float16)
    photo = reading.read(tiff(pixels))
    assert photo.pixels.dtype == np.float32 and (photo.pixels == pixels).all()


def test_numbers_of_32_bits_are_rounded_and_it_is_said():
    photo = reading.read(tiff(picture(3, np.uint32)), "a.tif")
    assert photo.pixels.dtype == np.uint16 and photo.bits == 16
    assert np.abs(photo.pixels / 65535 - picture(3, np.uint32) / 0xFFFFFFFF).max() < 1e-5
    assert "a.tif has 32-bit whole numbers" in photo.notes[0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_associated_alpha_becomes_straight(dtype):
    straight, white = picture(4, dtype), np.iinfo(dtype).max
    straight[..., 3] = np.maximum(straight[..., 3], white // 2)
    opacity = straight[..., 3:] / white
    multiplied = np.rint(np.concatenate([straight[..., :3] * opacity, straight[..., 3:]], axis=2)).astype(dtype)
    photo = reading.read(tiff(multiplied, {338: ("H", [1])}))
    assert (photo.pixels[..., 3] == straight[..., 3]).all()
    assert np.abs(photo.pixels[..., :3].astype(int) - straight[..., :3]).max() <= 3


def test_more_channels_are_left_out_and_it_is_said():
    pixels = picture(5)
    photo = reading.read(tiff(pixels, {338: ("H", [2, 0])}), "a.tif")
    assert (photo.pixels == pixels[..., :4]).all() and "1 more channel" in photo.notes[0]


def test_cmyk_is_converted_and_it_is_said():
    ink = np.zeros((20, 30, 4), np.uint8)
    ink[:10, :, 1:3] = 255  # magenta and yellow
    for content in (tiff(ink, {262: ("H", [5])}), cmyk_jpeg(ink)):
        photo = reading.read(content, "a")
        assert photo.pixels.shape == (20, 30, 3) and photo.profile is None
        assert (photo.pixels[15, 5] > 240).all()
        red, green, blue = photo.pixels[5, 5]
        assert red > 180 and green < 80 and blue < 80
        assert photo.notes == ("a is CMYK and was converted to sRGB.",)


def cmyk_jpeg(ink: np.ndarray) -> bytes:
    stream = io.BytesIO()
    PIL.Image.frombytes("CMYK", ink.shape[1::-1], ink.tobytes()).save(stream, "JPEG", quality=98)
    return stream.getvalue()


def test_palettes_bits_and_a_transparent_colour():
    pixels = soft()
    stream = io.BytesIO()
    flat = PIL.Image.fromarray(pixels).quantize(16)
    flat.save(stream, "PNG")
    assert (reading.read(stream.getvalue()).pixels == np.array(flat.convert("RGB"))).all()
    stream = io.BytesIO()
    flat.save(stream, "PNG", transparency=bytes(range(16)))
    assert reading.read(stream.getvalue()).pixels.shape[2] == 4
    stream = io.BytesIO()
    PIL.Image.fromarray(pixels[..., 0] > 128).save(stream, "PNG")
    assert set(np.unique(reading.read(stream.getvalue()).pixels)) == {0, 255}
    key = struct.pack(">3H", *pixels[0, 0])
    photo = reading.read(png(pixels, [(b"tRNS", key)]))
    assert photo.pixels[0, 0, 3] == 0 and (photo.pixels[..., :3] == pixels).all()


def test_the_largest_page_that_is_no_smaller_version_is_taken():
    small, large, mask = picture(3, size=(10, 15)), picture(3, np.uint16), picture(1, size=(40, 60))
    photo = reading.read(tiff_pages([(small, {254: ("I", [1])}), (large, {}), (mask, {254: ("I", [4])})]), "a.tif")
    assert (photo.pixels == large).all() and not photo.notes
    photo = reading.read(tiff_pages([(large, {}), (large, {}), (large, {})]), "a.tif")
    assert photo.notes == ("a.tif has 3 pictures; one was taken, and 2 left out.",)


def test_animations_give_their_first_picture():
    first, second = PIL.Image.fromarray(soft()), PIL.Image.fromarray(255 - soft())
    for kind in ("WEBP", "PNG", "AVIF"):
        stream = io.BytesIO()
        first.save(stream, kind, save_all=True, append_images=[second], lossless=True, quality=100)
        photo = reading.read(stream.getvalue(), "a")
        assert np.abs(photo.pixels.astype(int) - soft()).mean() < 3
        assert len(photo.notes) == 1 and "one" in photo.notes[0] and "left out" in photo.notes[0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_is_shown_the_right_way_up(orientation):
    pixels, data = soft(), exif(orientation)
    with PIL.Image.open(io.BytesIO(png(pixels, [(b"eXIf", data)]))) as opened:
        wanted = np.array(PIL.ImageOps.exif_transpose(opened))
    files = [png(pixels, [(b"eXIf", data)]), tiff(pixels, {274: ("H", [orientation])})]
    files.append(encoded(pixels, "WEBP", lossless=True, exif=data))
    for content in files:
        photo = reading.read(content)
        assert photo.orientation == orientation and (photo.pixels == wanted).all()
    photo = reading.read(jpeg(pixels, [(0xE1, b"Exif\0\0" + data)], quality=95))
    assert photo.orientation == orientation and np.abs(photo.pixels.astype(int) - wanted).mean() < 3


def test_what_a_jpeg_holds_beside_its_pixels():
    profile = bytes(16) + b"RGB " + bytes(range(200)) * 400
    parts = [profile[k : k + 65000] for k in range(0, len(profile), 65000)]
    segments = [(0xE2, b"ICC_PROFILE\0" + bytes([k + 1, len(parts)]) + part) for k, part in enumerate(parts)][::-1]
    segments += [(0xE1, b"Exif\0\0" + exif()), (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP % 6)]
    segments += [(0xED, metadata.photoshop(IPTC)), (0xFE, "Grüße".encode())]
    content = jpeg(soft(), segments, quality=91, subsampling=1, dpi=(240, 240), progressive=True)
    photo = reading.read(content)
    assert (photo.profile, photo.exif, photo.xmp, photo.iptc) == (profile, exif(), XMP % 6, IPTC)
    assert photo.texts == (("Comment", "Grüße"),) and photo.resolution == 240 and not photo.lossless
    with PIL.Image.open(io.BytesIO(content)) as opened:
        tables = tuple(tuple(opened.quantization[k]) for k in (0, 1))
    assert photo.jpeg is not None and photo.jpeg.tables == tables
    assert photo.jpeg.sampling == 1 and photo.jpeg.progressive


def test_what_a_tiff_holds_beside_its_pixels():
    profile = bytes(16) + b"RGB " + bytes(300)
    more = {271: ("s", b"NIKON\0"), 282: ("R", [118, 1]), 296: ("H", [3]), 274: ("H", [8])}
    more |= {34675: ("U", profile), 700: ("B", XMP % 8), 33723: ("U", IPTC)}
    photo = reading.read(tiff(picture(), more, ">"))
    assert (photo.profile, photo.xmp, photo.iptc, photo.orientation) == (profile, XMP % 8, IPTC, 8)
    assert photo.resolution == pytest.approx(118 * 2.54)
    assert photo.exif is not None and b"NIKON\0" in photo.exif and metadata.orientation(photo.exif) == 8


def test_a_profile_that_does_not_fit_is_left_out():
    grey = bytes(16) + b"GRAY" + bytes(300)
    assert reading.read(tiff(picture(1), {34675: ("U", grey)})).profile == grey
    photo = reading.read(tiff(picture(3), {34675: ("U", grey)}), "a.tif")
    assert photo.profile is None and "a.tif has a colour profile for another kind" in photo.notes[0]


def test_colours_that_a_png_states_without_a_profile():
    adobe = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
    stated = [(b"gAMA", struct.pack(">I", 45455)), (b"cHRM", adobe)]
    made = reading.read(png(picture(), stated)).profile
    assert made is not None and made[16:20] == b"RGB "
    assert reading.read(png(picture(), [*stated, (b"sRGB", b"\0")])).profile is None
    assert reading.read(png(picture(), stated[:1])).profile is None
    assert reading.read(png(picture(), [(b"cICP", bytes([12, 13, 0, 1]))])).profile
    pq = reading.read(png(picture(), [(b"cICP", bytes([9, 16, 0, 1]))]), "a.png")
    assert pq.profile is None and "a.png has colours (PQ)" in pq.notes[0]
    profile = bytes(16) + b"RGB " + bytes(300)
    assert reading.read(png(picture(), [(b"iCCP", b"x\0\0" + zlib.compress(profile)), *stated])).profile == profile


@pytest.mark.parametrize("bits", [10, 12])
def test_white_is_white_in_deep_avif(bits):
    pixels = np.full((32, 32, 3), 65535, np.uint16)
    image = pyvips.Image.new_from_array(pixels, interpretation="rgb16")
    photo = reading.read(image.heifsave_buffer(compression="av1", bitdepth=bits, Q=100, subsample_mode="off"))
    assert photo.pixels.dtype == np.uint16 and photo.bits == bits and photo.pixels.min() > 65000
    assert photo.pixels.max() == 65535


def test_heic_of_8_and_10_bits_is_turned_once():
    photo = reading.read(TURNED_HEIC, "a.heic")
    assert (photo.format, photo.pixels.dtype, photo.bits, photo.orientation) == (Format.HEIC, np.uint8, 8, 1)
    assert photo.pixels.shape == (16, 8, 3) and not photo.lossless and not photo.notes
    deep = reading.read(DEEP_HEIC, "a.heic")
    assert (deep.pixels.dtype, deep.bits, deep.pixels.shape) == (np.uint16, 10, (8, 16, 3))
    for red, blue in ((photo.pixels[2, 4], photo.pixels[13, 4]), (deep.pixels[4, 2] // 257, deep.pixels[4, 13] // 257)):
        assert np.abs(red.astype(int) - (200, 40, 40)).max() < 30
        assert np.abs(blue.astype(int) - (30, 60, 220)).max() < 30
    assert "is cut off" in refusal(TURNED_HEIC[:-50])
    assert mask(TURNED_HEIC, (8, 16)).shape == (16, 8)


# What is cut off, damaged or something else


def test_cut_files_are_refused():
    pixels = picture(size=(60, 80))
    whole = [png(pixels), tiff(pixels), jpeg(pixels), encoded(pixels, "WEBP"), encoded(pixels, "AVIF")]
    whole += [tiff(pixels, big=True), jpeg(pixels, progressive=True)]
    for content in whole:
        reading.read(content)
        for share in (0.95, 0.6):
            assert "is cut off" in refusal(content[: int(len(content) * share)])


def test_no_python_runs_in_the_threads_of_libvips(monkeypatch):
    """Garbage that was collected there aborted the process."""
    said: list[str] = []
    monkeypatch.setattr(logging.getLogger("pyvips"), "log", lambda _level, text: said.append(text))
    reading.read(jpeg(picture(size=(600, 400))))
    assert not said


def test_a_jpeg_without_its_end_marker_is_whole():
    for options in ({"quality": 95}, {"progressive": True}):
        content = jpeg(soft(), **options)
        wanted = reading.read(content).pixels
        photo = reading.read(content[:-2], "a.jpg")
        assert (photo.pixels == wanted).all()
        assert photo.notes == ("a.jpg lacks its end marker, but its picture is whole.",)
    content = jpeg(picture(), quality=95)
    assert "is cut off" in refusal(content[:-8])
    progressive = jpeg(picture(), progressive=True)
    last = progressive.rfind(b"\xff\xda")
    last = progressive.rfind(b"\xff\xc4", 0, last) if progressive.rfind(b"\xff\xc4", 0, last) > last - 100 else last
    assert "is cut off" in refusal(progressive[:last])


def test_data_behind_a_jpeg_is_no_part_of_it():
    content = jpeg(soft(), [(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b'<a GCamera:MotionPhoto="1"/>')])
    wanted = reading.read(content).pixels
    for behind, words in (
        (b"\0\0\0\x18ftypmp42" + bytes(5000), "a.jpg has a video behind its picture, left out."),
        (jpeg(soft()) + b"\0", "a.jpg has further pictures behind its picture, left out."),
        (b"\0" * 100, None),
    ):
        photo = reading.read(content + behind, "a.jpg")
        assert (photo.pixels == wanted).all() and photo.notes == ((words,) if words else ())
        promises = b'MotionPhoto="1"' in (photo.xmp or b"")
        assert promises == (words is None or "video" not in words)
    with_index = jpeg(soft(), [(0xE2, b"MPF\0" + bytes(60))]) + jpeg(soft())
    assert "further pictures" in reading.read(with_index).notes[0]


def test_what_no_decoder_here_knows_is_refused():
    pixels = picture()
    assert "compressed with ZSTD" in refusal(tiff(pixels, {259: ("H", [50000])}))
    assert "64 bits a channel" in refusal(tiff(picture(3, np.float32).astype(np.float64)))
    assert "Lab colours of 8 bits" in refusal(tiff(pixels, {262: ("H", [8])}))
    assert "this program cannot read" in refusal(tiff(pixels, {259: ("H", [34676])}))


def test_raw_files_are_to_be_developed_first():
    pixels = picture()
    dng = tiff_pages([(pixels, {254: ("I", [1]), 50706: ("B", bytes([1, 4, 0, 0]))})])
    mosaic = tiff_pages([(pixels, {254: ("I", [1])}), (picture(1, np.uint16), {262: ("H", [32803])})])
    cr2 = b"II*\0\x10\0\0\0CR\2\0" + bytes(50)
    cr3 = b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(50)
    for content in (dng, mosaic, cr2, cr3, b"FUJIFILMCCD-RAW 0201" + bytes(50), b"IIRO\x08\0\0\0" + bytes(50)):
        assert "darktable" in refusal(content)
    assert "is a RAW file" in refusal(tiff(pixels), "photo.NEF")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"some text\n", "is not a picture"),
        (b"GIF89a" + bytes(50), "is a GIF picture"),
        (b"<svg xmlns='x'/>", "is an SVG drawing"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><svg/>', "is an XML document"),
        (b"%PDF-1.7", "is a PDF document"),
        (b"8BPS\0\1" + bytes(50), "is a Photoshop document"),
        (b"\xff\x0a" + bytes(50), "is a JPEG XL picture"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "is a JPEG XL picture"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(50), "is a video"),
        (b"gimp xcf v011\0", "is a GIMP image"),
        (b"\x89PNG\r\n\x1a\n", "is cut off"),
        (b"\xff\xd8\xff\xe0", "this program cannot read|is cut off"),
    ],
)
def test_other_files_are_named(content, words):
    assert re.search(words, refusal(content))


def test_paths_that_are_no_files(tmp_path):
    with pytest.raises(UserError, match="is a folder"):
        reading.read(tmp_path)
    with pytest.raises(UserError, match="cannot be read: No such file"):
        reading.read(tmp_path / "nothing.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo") or os.geteuid() == 0, reason="needs a user without all rights")
def test_a_file_without_permission(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(png(picture()))
    file.chmod(0)
    with pytest.raises(UserError, match="Permission denied"):
        reading.read(file)


@pytest.mark.parametrize("name", ["a[1].png", "ä 照片.png", "a.jpg[Q=1]", "no suffix"])
def test_names_of_any_kind(tmp_path, name):
    file = tmp_path / name
    file.write_bytes(png(picture()))
    assert (reading.read(file).pixels == picture()).all()
    file.write_bytes(png(picture(seed=2)))  # the same name: nothing is remembered
    assert (reading.read(file).pixels == picture(seed=2)).all()


def test_a_picture_that_does_not_fit_into_memory_is_refused(monkeypatch):
    bomb = png(picture())
    head = bomb[12:16] + struct.pack(">II", 200_000, 200_000) + bomb[24:29]
    bomb = bomb[:12] + head + struct.pack(">I", zlib.crc32(head)) + bomb[33:]
    with pytest.raises(UserError, match="not enough memory for a picture") as refused:
        reading.read(bomb, "a picture")
    assert refused.value.code == ErrorCode.NO_MEMORY
    monkeypatch.setattr(memory, "available", lambda: 1000)
    with pytest.raises(UserError, match="not enough memory"):
        reading.read(png(picture()))


def test_nothing_is_printed(tmp_path, capfd):
    odd = png(picture(), [(b"iCCP", b"bad\0\0" + zlib.compress(b"no profile"))])
    for content in (odd, jpeg(picture())[:-30], tiff(picture(), {65000: ("H", [1]), 282: ("R", [0, 0])})):
        (tmp_path / "a").write_bytes(content)
        with contextlib.suppress(UserError):
            reading.read(tmp_path / "a")
    assert capfd.readouterr() == ("", "")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_gives_a_picture_or_a_sentence(data):
    kind = data.draw(st.sampled_from(["png", "tiff", "jpeg", "webp", "avif"]))
    small = picture(size=(9, 12))
    whole = {"png": png(small, [(b"eXIf", exif())]), "tiff": tiff(small), "jpeg": jpeg(small)}
    content = bytearray(whole.get(kind) or encoded(small, kind.upper()))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        photo = reading.read(bytes(content[: data.draw(st.integers(0, len(content)))]), "a")
        assert photo.pixels.ndim == 3 and photo.pixels.shape[2] in (3, 4)
    except UserError as error:
        assert error.code in (ErrorCode.WRONG_INPUT, ErrorCode.NO_MEMORY)


# Masks

SHAPE = np.zeros((20, 30), np.uint8)
SHAPE[5:15, 8:20] = 255


def mask(content: bytes, size: tuple[int, int] = (30, 20)) -> np.ndarray:
    return reading.read_mask(content, size, "m")[0]


@pytest.mark.parametrize("largest", [1, 100, 255])
def test_a_grey_mask_is_taken_as_it_is_but_0_and_1_are_stretched(largest):
    values = SHAPE // 255 * np.uint8(largest)
    found, notes = reading.read_mask(png(values[..., None]), (30, 20))
    assert found.dtype == np.uint8 and found.flags.c_contiguous and not notes
    assert (found == (SHAPE if largest == 1 else values)).all()


def test_masks_of_other_depths_are_scaled():
    for values in (SHAPE.astype(np.uint16) * 257, SHAPE.astype(np.uint16), (SHAPE // 255).astype(np.uint16)):
        assert (mask(png(values[..., None])) == SHAPE).all()
    for values in (SHAPE / 255, SHAPE.astype(float)):
        assert (mask(tiff(values[..., None].astype(np.float32))) == SHAPE).all()
    half = np.where(SHAPE > 0, np.uint16(32896), np.uint16(0))
    assert set(np.unique(mask(png(half[..., None])))) == {0, 128}


def test_a_coloured_mask_is_its_brightest_channel():
    values = np.zeros((20, 30, 3), np.uint8)
    values[..., 2] = SHAPE
    assert (mask(png(values)) == SHAPE).all()
    stream = io.BytesIO()
    PIL.Image.fromarray(values).quantize(2).save(stream, "PNG")
    assert (mask(stream.getvalue()) == SHAPE).all()
    stream = io.BytesIO()
    PIL.Image.fromarray(SHAPE > 0).save(stream, "PNG")
    assert (mask(stream.getvalue()) == SHAPE).all()


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (200, 30, 30)])
def test_a_shape_on_a_transparent_ground_is_the_object(colour):
    values = np.dstack([np.full((20, 30, 3), colour, np.uint8), SHAPE])
    found, notes = reading.read_mask(png(values), (30, 20), "m.png")
    assert (found == SHAPE).all() and notes == (
        "m.png has a shape on a transparent ground; the shape was taken for the object.",
    )


def test_a_photo_with_a_hole_and_one_that_is_cut_out():
    for photo in (picture(), np.repeat(picture(1), 3, axis=2)):
        erased, notes = reading.read_mask(png(np.dstack([photo, 255 - SHAPE])), (30, 20))
        assert (erased == SHAPE).all() and "the hole was taken for the object" in notes[0]
        cut_out, notes = reading.read_mask(png(np.dstack([photo, SHAPE])), (30, 20))
        assert (cut_out == SHAPE).all() and "what is opaque was taken" in notes[0]


def test_black_and_white_with_transparent_parts():
    opacity = np.full((20, 30), 255, np.uint8)
    opacity[:, :10] = 0
    found, notes = reading.read_mask(png(np.dstack([SHAPE, opacity])), (30, 20))
    assert (found == np.minimum(SHAPE, opacity)).all() and "taken for the background" in notes[0]


def test_an_opaque_alpha_channel_says_nothing():
    assert (mask(png(np.dstack([SHAPE, np.full_like(SHAPE, 255)]))) == SHAPE).all()


def test_a_mask_is_turned_and_scaled():
    assert (mask(png(SHAPE[..., None], [(b"eXIf", exif(6))]), (20, 30)) == np.rot90(SHAPE, -1)).all()
    found, notes = reading.read_mask(png(SHAPE[..., None]), (60, 40), "m.png")
    assert found.shape == (40, 60) and found[20, 28] == 255 and found[0, 0] == 0
    assert notes == ("m.png is 30 x 20 and was scaled to the photo's 60 x 40.",)
    assert reading.read_mask(png(SHAPE[..., None]), (15, 10))[0].shape == (10, 15)
    with pytest.raises(UserError, match=r"The mask m\.png is 30 x 20, the photo 20 x 30"):
        reading.read_mask(png(SHAPE[..., None]), (20, 30), "m.png")


# The developers' own files

REFUSED = {"cut_photo.png": "is cut off"}
FIGURES = {  # height, width, channels, and the depth that independent programs find
    "rgb16_planar.tif": (240, 320, 3, np.uint16),
    "minwhite16.tif": (240, 320, 3, np.uint16),
    "thumb_first.tif": (240, 320, 3, np.uint8),
    "float32.tif": (240, 320, 3, np.float32),
    "orient6.jpg": (240, 320, 3, np.uint8),
    "grey_alpha.png": (240, 320, 4, np.uint8),
    "wide20000.png": (16, 20000, 3, np.uint8),
}


def test_every_sample_is_read_or_refused(shared):
    for file in sorted((shared / "data" / "files").iterdir()):
        try:
            photo = reading.read(file)
        except UserError as error:
            assert str(file) in str(error) and REFUSED[file.name] in str(error)
            continue
        assert file.name not in REFUSED
        *shape, dtype = FIGURES.get(file.name, (*photo.pixels.shape, photo.pixels.dtype))
        assert photo.pixels.shape == tuple(shape) and photo.pixels.dtype == dtype


def test_samples_have_the_pixels_that_pillow_finds(shared):
    folder = shared / "data" / "files"
    for name in ("photo.png", "icc.png", "icc.tif", "palette.png", "grey_icc.png", "multipage.tif", "motion0.jpg"):
        with PIL.Image.open(folder / name) as opened:
            wanted = np.array(opened.convert("RGB"))
        found = reading.read(folder / name).pixels
        assert np.abs(found.astype(int) - wanted).max() <= (0 if Path(name).suffix != ".jpg" else 4), name
    sixteen = reading.read(folder / "rgb16.png").pixels
    assert (sixteen == reading.read(folder / "rgb16_planar.tif").pixels).all()


def test_sample_masks(shared):
    folder = shared / "data" / "files"
    wanted = mask((folder / "mask.png").read_bytes(), (320, 240))
    assert set(np.unique(wanted)) == {0, 255}
    for name in ("mask_01.png", "mask_white_on_transparent.png"):
        assert ((mask((folder / name).read_bytes(), (320, 240)) > 127) == (wanted > 127)).all(), name
    assert mask((folder / "mask_127.png").read_bytes(), (320, 240)).max() == 127
