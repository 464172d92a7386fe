"""What is written is read again, by this program and by others, and what a format cannot hold is said."""

import errno
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest

from inference_server.imaging.files import memory, metadata, profiles, reading, writing
from inference_server.imaging.files.photograph import Format, JpegCoding, Photograph
from inference_server.shared.errors import ErrorCode, UserError

from ...picture_files import GREY_PROFILE, IPTC, PROFILE, XMP, exif, exif_fields, jpeg, picture, soft, written

LOSSLESS = (Format.PNG, Format.TIFF, Format.WEBP)
WRITTEN = (*LOSSLESS, Format.JPEG, Format.AVIF)


def turned_photo(format: Format, orientation: int, **more: object) -> Photograph:
    """A photograph as it is read from a file in which it lies turned."""
    more = {"pixels": soft(), "exif": exif(orientation), "xmp": XMP % orientation} | more
    pixels = reading.turned(more.pop("pixels"), orientation)
    return Photograph(pixels=pixels, format=format, orientation=orientation, **more)


def test_formats_by_their_suffix():
    assert [writing.format_of(Path(name)) for name in ("a.PNG", "a.tif", "a.TIFF", "a.jpg", "a.jpeg")] == [
        *(Format.PNG, Format.TIFF, Format.TIFF, Format.JPEG, Format.JPEG)
    ]
    assert [writing.format_of(Path(name)) for name in ("a.webp", "a.avif", "a.heic", "a.xyz", "a")] == [
        *(Format.WEBP, Format.AVIF, None, None, None)
    ]


@pytest.mark.parametrize("format", [Format.PNG, Format.TIFF, Format.JPEG, Format.WEBP])
@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_a_turned_photo_stays_turned_in_its_own_format_and_is_upright_in_another(tmp_path, format, orientation):
    photo = turned_photo(format, orientation)
    again = written(tmp_path / "a", photo, format, 95)
    with PIL.Image.open(tmp_path / "a") as opened:
        assert opened.getexif().get(274, 1) == orientation
        if format != Format.TIFF:  # Pillow turns these by itself
            assert opened.size == (64, 48)
        upright = np.array(PIL.ImageOps.exif_transpose(opened).convert("RGB"))
    other = Format.PNG if format == Format.TIFF else Format.TIFF
    shown = written(tmp_path / "b", photo, other)
    for pixels in (again.pixels, upright):
        assert np.abs(pixels.astype(int) - photo.pixels).mean() < 4
    assert (shown.pixels == photo.pixels).all() and shown.orientation == 1
    assert metadata.orientation(shown.exif) == 1 and shown.xmp == XMP % 1 and again.xmp == XMP % orientation
    assert struct.pack("<HHII", 40962, 4, 1, shown.pixels.shape[1]) in (shown.exif or b"")


@pytest.mark.parametrize("contiguous", [True, False])
def test_new_pixels_of_a_turned_photo_need_not_be_a_turned_view(tmp_path, contiguous):
    photo = turned_photo(Format.PNG, 6)
    pixels = np.ascontiguousarray(photo.pixels) if contiguous else np.asfortranarray(photo.pixels)[:, ::1]
    for format in (Format.PNG, Format.TIFF):
        assert (written(tmp_path / "a", replace(photo, pixels=pixels), format).pixels == pixels).all()


def test_a_jpeg_is_written_at_its_own_quality(tmp_path):
    for options in ({"quality": 91, "subsampling": 1}, {"quality": 98, "subsampling": 0, "progressive": True}):
        source = reading.read(jpeg(soft(), **options))
        again = written(tmp_path / "a", source, Format.JPEG)
        assert again.jpeg == source.jpeg
        assert np.abs(again.pixels.astype(int) - source.pixels).mean() < 0.5
        assert written(tmp_path / "a", source, Format.JPEG, 50).jpeg != source.jpeg
    grey = reading.read(jpeg(soft(1), quality=93))
    again = written(tmp_path / "a", grey, Format.JPEG)
    assert again.is_grey and again.jpeg == grey.jpeg


def test_a_very_large_jpeg_is_written_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "FOR_PILLOW", 1)
    for sampling in (0, 2):
        source = reading.read(jpeg(soft(), quality=91, subsampling=sampling))
        assert source.jpeg is not None and writing.nearest_quality(source.jpeg) == 91
        photo = replace(source, exif=exif(1), xmp=XMP % 1, iptc=IPTC, profile=PROFILE, resolution=240)
        again = written(tmp_path / "a", photo, Format.JPEG)
        assert again.jpeg == source.jpeg and (again.xmp, again.iptc, again.profile) == (XMP % 1, IPTC, PROFILE)
        assert again.resolution == 240 and again.exif == metadata.exif_for(exif(1), 1, (64, 48))


def test_metadata_in_a_jpeg_as_pillow_sees_it(tmp_path):
    photo = turned_photo(Format.PNG, 6, iptc=IPTC, profile=PROFILE * 200, texts=(("Comment", "ä"),), resolution=240)
    written(tmp_path / "a", photo, Format.JPEG)
    with PIL.Image.open(tmp_path / "a") as opened:
        assert opened.info["icc_profile"] == PROFILE * 200 and opened.info["dpi"] == (240, 240)
        assert opened.getexif()[271] == "NIKON" and opened.getexif()[274] == 1
        assert opened.info["comment"] == "ä".encode() and opened.info["xmp"] == XMP % 1
        assert b"THUMBNAIL" not in (tmp_path / "a").read_bytes()


@pytest.mark.parametrize("format", WRITTEN)
def test_nothing_is_invented(tmp_path, format):
    again = written(tmp_path / "a", Photograph(pixels=soft(), format=Format.PNG), format)
    assert (again.exif, again.xmp, again.iptc, again.profile, again.texts, again.resolution) == (*[None] * 4, (), None)


def test_what_was_not_lossy_is_not_in_webp_either_unless_a_quality_is_wanted(tmp_path):
    photo = Photograph(pixels=soft(), format=Format.PNG)
    again = written(tmp_path / "a", photo, Format.WEBP)
    assert again.lossless and (again.pixels == photo.pixels).all()
    (tmp_path / "b").touch()
    writing.write(tmp_path / "b", photo, Format.WEBP, 80)
    assert not reading.read(tmp_path / "b").lossless


@pytest.mark.parametrize("format", [Format.WEBP, Format.AVIF])
def test_metadata_in_webp_and_avif(tmp_path, format):
    photo = turned_photo(Format.JPEG, 6, profile=PROFILE, lossless=False)
    again = written(tmp_path / "a", photo, format)
    assert again.profile == PROFILE and again.xmp == XMP % 1 and not again.lossless
    assert exif_fields(again.exif) == exif_fields(metadata.exif_for(exif(6), 1, (48, 64)))
    assert np.abs(again.pixels.astype(int) - photo.pixels).mean() < 3


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_deep_avif_keeps_its_bits_and_its_metadata(tmp_path, bits):
    pixels = soft().astype(np.uint16) * 257
    profile = profiles.of_chromaticities(profiles.D65, profiles.P3, None)  # libvips looks into it
    photo = Photograph(pixels=pixels, format=Format.AVIF, bits=bits, exif=exif(1), xmp=XMP % 1, profile=profile)
    again = written(tmp_path / "a", photo, Format.AVIF)
    assert again.bits == min(bits, 12 if bits == 12 else 10) and again.pixels.dtype == np.uint16
    assert np.abs(again.pixels.astype(int) - pixels).mean() < 500
    assert again.profile == profile and again.xmp == XMP % 1 and b"NIKON" in (again.exif or b"")


def test_deep_pixels_are_rounded_into_8_bits(tmp_path):
    deep = picture(4, np.uint16)
    photo = Photograph(pixels=deep, format=Format.WEBP, bits=16)
    again = written(tmp_path / "a", photo, Format.WEBP)
    assert (again.pixels == np.rint(deep / 257)).all()
    floats = picture(3, np.float32)
    floats[0, :6, 0] = [np.nan, np.inf, -np.inf, 2, -1, 1]
    photo = Photograph(pixels=floats, format=Format.TIFF, bits=32)
    again = written(tmp_path / "a", photo, Format.PNG)
    wanted = np.rint(np.clip(np.nan_to_num(floats), 0, 1) * np.float64(65535))
    assert np.abs(again.pixels - wanted).max() <= 1 and (again.pixels[0, :6, 0] == wanted[0, :6, 0]).all()
    assert written(tmp_path / "a", photo, Format.JPEG).pixels.dtype == np.uint8


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_grey_stays_grey_even_if_new_pixels_are_not(tmp_path, dtype):
    pixels = picture(4, dtype)
    photo = Photograph(pixels=pixels, format=Format.TIFF, is_grey=True, profile=GREY_PROFILE)
    again = written(tmp_path / "a", photo, Format.TIFF)
    assert again.is_grey and (again.pixels[..., 3] == pixels[..., 3]).all() and again.profile == GREY_PROFILE
    luminance = pixels[..., :3].astype(float) @ [0.2126, 0.7152, 0.0722]
    assert np.abs(again.pixels[..., 0] - luminance).max() <= (1e-4 if dtype == np.float32 else 0.51)


def test_a_grey_photo_with_a_profile_for_rgb_is_written_as_rgb(tmp_path):
    photo = Photograph(pixels=np.repeat(picture(1), 3, axis=2), format=Format.TIFF, is_grey=True, profile=PROFILE)
    again = written(tmp_path / "a", photo, Format.PNG)
    assert again.profile == PROFILE and not again.is_grey and (again.pixels == photo.pixels).all()


def test_what_a_format_cannot_hold_is_refused_before_any_work():
    photo = Photograph(pixels=soft(), format=Format.PNG)
    clear = Photograph(pixels=np.zeros((4, 4, 4), np.uint8), format=Format.PNG)
    opaque = Photograph(pixels=np.full((4, 4, 4), 1, np.float32), format=Format.PNG)
    wide = Photograph(pixels=np.zeros((1, 70000, 3), np.uint8), format=Format.PNG)
    for format in WRITTEN:
        writing.check("a", format, photo)
    writing.check("a.jpg", Format.JPEG, opaque)
    for format, wrong, words in (
        (Format.HEIC, photo, "HEIC is only read"),
        (Format.JPEG, clear, "transparent in places"),
        (Format.JPEG, wide, "at most 65500 pixels a side, and the photo has 70000 x 1"),
        (Format.WEBP, wide, "at most 16383"),
        (Format.AVIF, wide, "at most 65536"),
    ):
        with pytest.raises(UserError, match=words) as refused:
            writing.check("my.file", format, wrong)
        assert str(refused.value).startswith("my.file cannot be written")
    writing.check("a.png", Format.PNG, wide)


def test_what_is_lost_is_said():
    deep = Photograph(pixels=picture(3, np.uint16), format=Format.TIFF, bits=16, iptc=IPTC, texts=(("a", "b"),))
    assert not writing.losses(Format.TIFF, replace(deep, texts=()))
    assert writing.losses(Format.JPEG, deep) == ("JPEG holds 8 bits a channel: the photo's 16 are rounded.",)
    assert len(writing.losses(Format.WEBP, deep)) == 3 and "10 bits" in writing.losses(Format.AVIF, deep)[0]
    assert writing.losses(Format.PNG, deep) == ("PNG holds no IPTC data: it is left out.",)
    floats = Photograph(pixels=picture(3, np.float32), format=Format.TIFF, bits=32)
    assert "beyond white" in writing.losses(Format.PNG, floats)[0]
    large = Photograph(pixels=soft(), format=Format.PNG, xmp=bytes(70000))
    assert writing.losses(Format.JPEG, large) == ("JPEG cannot hold this much XMP data: it is left out.",)


def test_what_is_too_much_for_a_jpeg_is_left_out(tmp_path):
    photo = Photograph(pixels=soft(), format=Format.PNG, xmp=bytes(70000), iptc=bytes(70000), exif=exif(1))
    again = written(tmp_path / "a", photo, Format.JPEG)
    assert again.xmp is None and again.iptc is None and again.exif


@pytest.mark.parametrize("format", WRITTEN)
def test_masks_are_written_grey(tmp_path, format):
    mask = np.zeros((40, 60), np.uint8)
    mask[10:30, 20:50] = 255
    file = tmp_path / "mask"
    writing.write_mask(file, mask, format)
    found, notes = reading.read_mask(file, (60, 40))
    assert not notes and np.abs(found.astype(int) - mask).max() <= (0 if format in LOSSLESS else 12)
    if format in (Format.PNG, Format.TIFF, Format.JPEG):
        with PIL.Image.open(file) as opened:
            assert opened.mode == "L"


@pytest.mark.parametrize("format", WRITTEN)
def test_a_full_disk_is_an_os_error(tmp_path, format):
    """Beyond the limit on a file's size writing fails as on a full disk."""
    photo = Photograph(pixels=picture(size=(300, 400)), format=Format.PNG)
    resource = pytest.importorskip("resource", reason="only Unix limits the size of files")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as failed:
            writing.write(tmp_path / "a", photo, format)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert failed.value.errno == errno.EFBIG


def test_too_little_memory_is_a_sentence(tmp_path, monkeypatch):
    def fail(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(writing, "_for_pillow", fail)
    with pytest.raises(UserError, match=r"not enough memory for a\.jpg") as refused:
        writing.write(tmp_path / "a.jpg", Photograph(pixels=soft(), format=Format.PNG), Format.JPEG)
    assert refused.value.code == ErrorCode.NO_MEMORY
    assert memory.available() is None or memory.available() > 0


def test_a_large_tiff_is_a_big_one(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "CLASSIC", 100)
    photo = turned_photo(Format.TIFF, 6, iptc=IPTC, profile=PROFILE, resolution=300)
    again = written(tmp_path / "a", photo, Format.TIFF)
    assert (tmp_path / "a").read_bytes()[:4] == b"II+\0"
    assert (again.iptc, again.profile, again.xmp, again.resolution) == (IPTC, PROFILE, XMP % 6, 300)
    assert (
        exif_fields(again.exif) == exif_fields(metadata.exif_for(exif(6), 6, (64, 48)))
        and (again.pixels == photo.pixels).all()
    )


def test_the_nearest_quality_of_a_foreign_table():
    assert writing.nearest_quality(JpegCoding(tables=((2,) * 64,), sampling=0, progressive=False)) > 90
