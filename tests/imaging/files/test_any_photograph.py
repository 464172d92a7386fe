"""Any photograph that is written in its own format comes back as it was."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference_server.imaging.files import reading, writing
from inference_server.imaging.files.photograph import Format, Photograph

from ...picture_files import GREY_PROFILE, IPTC, PROFILE, XMP, exif, exif_fields, picture, written

LOSSLESS = (Format.PNG, Format.TIFF, Format.WEBP)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_photograph_comes_back_unchanged(tmp_path, data):
    def draw(*choices: object) -> object:
        return data.draw(st.sampled_from(choices))

    format = draw(*LOSSLESS)
    depths = {Format.WEBP: [np.uint8], Format.PNG: [np.uint8, np.uint16]}
    dtype = draw(*depths.get(format, [np.uint8, np.uint16, np.float32]))
    is_grey = format != Format.WEBP and draw(True, False)
    pixels = picture(draw(3, 4), dtype, data.draw(st.integers(0, 99)), (draw(1, 7, 300), draw(1, 9)))
    if is_grey:
        pixels[..., 1] = pixels[..., 2] = pixels[..., 0]
    orientation = draw(*range(1, 9))
    size = pixels.shape[1::-1]
    photo = Photograph(
        pixels=reading.turned(pixels, orientation),
        format=format,
        profile=draw(None, GREY_PROFILE if is_grey else PROFILE),
        is_grey=is_grey,
        orientation=orientation,
        exif=exif(orientation, draw("<", ">"), size, thumbnail=False),
        xmp=draw(None, XMP % orientation),
        iptc=draw(None, IPTC) if format == Format.TIFF else None,
        texts=draw((), (("Comment", "hello"), ("Title", "Grüße 照片"))) if format == Format.PNG else (),
        resolution=300,
        bits=pixels.dtype.itemsize * 8,
    )
    assert not writing.losses(format, photo)
    again = written(tmp_path / "a", photo, format)
    assert again.pixels.dtype == dtype and (again.pixels == photo.pixels).all()
    for field in ("format", "profile", "is_grey", "orientation", "xmp", "iptc", "texts", "resolution", "bits", "notes"):
        assert getattr(again, field) == getattr(photo, field), field
    assert exif_fields(again.exif) == exif_fields(photo.exif)
    if format != Format.TIFF:
        assert again.exif == photo.exif


def test_every_sample_is_written_again(shared, tmp_path):
    for file in sorted((shared / "data" / "files").iterdir()):
        if file.name == "cut_photo.png":
            continue
        photo = reading.read(file)
        format = photo.format
        again = written(tmp_path / "a", photo, format)
        if format == Format.JPEG:
            assert np.abs(again.pixels.astype(int) - photo.pixels).mean() < (3 if photo.notes else 1), file.name
        else:
            assert (again.pixels == photo.pixels).all(), file.name
        for field in ("profile", "is_grey", "orientation", "xmp", "iptc", "texts", "resolution", "jpeg", "bits"):
            if field != "jpeg" or not (photo.jpeg and "CMYK" in "".join(photo.notes)):
                assert getattr(again, field) == getattr(photo, field), (file.name, field)
