"""EXIF, XMP and IPTC data: patched where they lie, and nothing else of them changes."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_server.imaging.files import metadata, profiles, tiff

from ...picture_files import IPTC, XMP, directory, exif


def entries(data: bytes) -> dict[int, bytes]:
    """The values of the first directory and those below it."""
    structure = tiff.Structure(io.BytesIO(data))
    first = structure.directory(structure.first)[0]
    found = {tag: structure.value(entry) for tag, entry in first.items()}
    for pointer in (tiff.EXIF, tiff.GPS):
        if pointer in first:
            below = structure.directory(structure.number(first, pointer))[0]
            found |= {tag: structure.value(entry) for tag, entry in below.items()}
    return found


@pytest.mark.parametrize("order", "<>")
def test_orientation_and_resolution_are_read(order):
    assert metadata.orientation(exif(8, order)) == 8
    assert metadata.exif_resolution(exif(8, order)) == 300


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("thumbnail", [True, False])
def test_exif_data_is_patched_in_place_and_loses_its_thumbnail(order, thumbnail):
    before = exif(6, order, thumbnail=thumbnail)
    after = metadata.exif_for(before, 1, (40, 50))
    assert b"THUMBNAIL" not in after
    changed = {k for k in range(len(after)) if after[k] != before[k]}
    assert len(changed) <= 1 + 2 + 4  # the orientation, two sizes, the link to the thumbnail
    assert metadata.orientation(after) == 1
    kept, was = entries(after), entries(before)
    assert {tag for tag in was if kept[tag] != was[tag]} == {tiff.ORIENTATION, tiff.PIXEL_WIDTH, tiff.PIXEL_HEIGHT}


def test_exif_data_loses_its_orientation_and_nothing_moves():
    before = exif(6, thumbnail=False)
    after = metadata.exif_for(before, None, (30, 20))
    assert len(after) == len(before) and after[:8] == before[:8]
    was = entries(before)
    del was[tiff.ORIENTATION]
    assert entries(after) == was


def test_a_thumbnail_before_other_data_is_blackened():
    small = b"\xff\xd8THUMB\xff\xd9"
    first = directory({271: ("s", b"Maker\0")}, 8)
    second_at = 8 + len(first)
    length = len(directory({513: ("I", [0]), 514: ("I", [0])}, second_at))
    second = directory({513: ("I", [second_at + length]), 514: ("I", [len(small)])}, second_at)
    first = directory({271: ("s", b"Maker\0")}, 8, following=second_at)
    data = metadata.exif_for(b"II*\0\x08\0\0\0" + first + second + small + b"something else", 1, (1, 1))
    assert b"THUMB" not in data and data.endswith(b"something else")


@given(st.data())
def test_damaged_exif_data_raises_nothing(data):
    content = bytearray(exif(6))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.integers(4, len(content)))])
    assert 1 <= metadata.orientation(damaged) <= 8
    metadata.exif_resolution(damaged)
    for turn in (1, None):
        metadata.exif_for(damaged, turn, (30, 20))
    metadata.tiff_fields(damaged, ">")


def test_exif_data_goes_into_a_tiff_of_the_other_byte_order():
    fields = metadata.tiff_fields(exif(6, ">"), "<")
    assert fields[271].value == b"NIKON\0"
    below = fields[tiff.EXIF].value
    assert isinstance(below, dict) and below[33434].value == b"\1\0\0\0\x7d\0\0\0"
    assert tiff.ORIENTATION not in fields and tiff.X_RESOLUTION not in fields


@pytest.mark.parametrize("form", [b'tiff:Orientation="%d"', b"<tiff:Orientation>%d</tiff:Orientation>"])
def test_xmp_follows_the_orientation_and_loses_thumbnails(form):
    packet = b"<a>" + form % 6 + b"<xmp:Thumbnails>\nold\n</xmp:Thumbnails></a>"
    assert metadata.xmp_for(packet, 1) == b"<a>" + form % 1 + b"</a>"
    assert metadata.xmp_for(XMP % 6, 6) == XMP % 6


def test_xmp_no_longer_promises_a_video():
    assert metadata.xmp_without_video(b'<a GCamera:MotionPhoto="1" b="1"/>') == b'<a GCamera:MotionPhoto="0" b="1"/>'


def test_iptc_data_is_found_with_and_without_photoshop_around_it():
    assert metadata.iim(IPTC) == metadata.iim(metadata.photoshop(IPTC)) == IPTC
    other = b"8BIM\x04\x0c\0\0\0\0\0\2ab"
    assert metadata.iim(metadata.PHOTOSHOP_HEAD + other + metadata.photoshop(IPTC)[14:]) == IPTC
    assert metadata.iim(b"nothing of it") is None


def test_primaries_and_gamma_become_a_profile():
    image_cms = pytest.importorskip("PIL.ImageCms")
    made = profiles.of_chromaticities(profiles.D65, profiles.P3, None)
    assert made is not None
    profile = image_cms.ImageCmsProfile(io.BytesIO(made)).profile
    assert profile.xcolor_space == "RGB "
    # Display P3 as Apple's profile has it
    assert [round(x, 3) for x in profile.red_colorant[0]] == [0.515, 0.241, -0.001]
    assert [round(x, 3) for x in profile.green_colorant[0]] == [0.292, 0.692, 0.042]
    grey = profiles.of_chromaticities(profiles.D65, profiles.BT709, 1.0, grey=True)
    assert grey is not None and image_cms.ImageCmsProfile(io.BytesIO(grey)).profile.xcolor_space == "GRAY"


def test_colours_by_number():
    assert profiles.of_numbers(1, 13) == profiles.of_numbers(2, 2) == (None, "")
    assert profiles.of_numbers(12, 13)[0] and not profiles.of_numbers(12, 13)[1]
    assert profiles.of_numbers(9, 16) == (None, "PQ")
    assert profiles.of_chromaticities(profiles.D65, profiles.BT709, 2.2) is None
    with pytest.raises(ValueError, match="no colours"):
        profiles.of_chromaticities((0.3, 0.3), ((0.1, 0.1), (0.1, 0.1), (0.1, 0.1)), 1.0)
