"""Pictures of many kinds, as GIMP opens them: what the plug-in makes of them, and what stays as it was."""

import pytest

from .conftest import IN_GIMP

pytestmark = IN_GIMP
# file: the image's type and precision
KINDS = {
    "float32.tif": ["rgb", "float-non-linear"],
    "grey16.png": ["gray", "u16-non-linear"],
    "grey_alpha.png": ["gray", "u8-non-linear"],
    "grey_icc.png": ["gray", "u8-non-linear"],
    "icc.jpg": ["rgb", "u8-non-linear"],
    "icc.png": ["rgb", "u8-non-linear"],
    "icc.tif": ["rgb", "u8-non-linear"],
    "minwhite16.tif": ["gray", "u16-non-linear"],
    "motion0.jpg": ["rgb", "u8-non-linear"],
    "orient6.jpg": ["rgb", "u8-non-linear"],
    "orient6.png": ["rgb", "u8-non-linear"],
    "q98_444.jpg": ["rgb", "u8-non-linear"],
    "rgb16.png": ["rgb", "u16-non-linear"],
    "rgb16.tif": ["rgb", "u16-non-linear"],
    "rgb16_planar.tif": ["rgb", "u16-non-linear"],
    "wide_gamut16.tif": ["rgb", "u16-non-linear"],
}


@pytest.fixture(scope="module")
def seen(gimp, shared):
    files = [str(shared / "data" / "files" / name) for name in KINDS]
    found = gimp("remove_from_files", files=files)
    return dict(zip(KINDS, found, strict=True))


@pytest.mark.parametrize("name", KINDS)
def test_depth_profile_and_everything_outside_stay(seen, name):
    photo = seen[name]
    assert photo["answer"]["status"] == "success", photo["answer"]
    assert photo["kind"] == KINDS[name]
    assert photo["kept"], "the layer, the precision or the profile changed"
    assert photo["outside"] == 0 and photo["changed pixels"] > 0.02 * photo["size"][0] * photo["size"][1]
