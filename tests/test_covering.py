"""Where a photo lies behind another one."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gimp_plugin"))
from inpaint_anything.covering import LARGEST, Covering

SIDES = st.integers(1, 9000)
SIZES = st.tuples(SIDES, SIDES)
SHARES = st.floats(-1, 1)
COVERINGS = st.builds(Covering, st.floats(1, LARGEST), SHARES, SHARES, st.booleans())
FAR = st.floats(-20_000, 20_000)
WIDE, TALL = (600, 400), (400, 600)


@pytest.mark.parametrize(
    ("covering", "behind", "part"),
    [
        (Covering(), (300, 200), (0, 0, 300, 200)),
        (Covering(), TALL, (0, 300 - 400 / 3, 400, 300 + 400 / 3)),
        (Covering(down=-1), TALL, (0, 0, 400, 800 / 3)),
        (Covering(down=1, across=1), TALL, (0, 600 - 800 / 3, 400, 600)),
        (Covering(scale=2), WIDE, (150, 100, 450, 300)),
        (Covering(scale=2, across=-1, down=1, flipped=True), WIDE, (0, 200, 300, 400)),
    ],
)
def test_the_part_that_is_seen(covering, behind, part):
    assert covering.part(WIDE, behind) == pytest.approx(part)


@given(COVERINGS, SIZES, SIZES)
def test_it_always_covers_in_its_own_proportions(covering, photo, behind):
    x0, y0, x1, y1 = covering.part(photo, behind)
    assert -1e-6 <= x0 < x1 <= behind[0] + 1e-6 and -1e-6 <= y0 < y1 <= behind[1] + 1e-6
    assert (x1 - x0) * photo[1] == pytest.approx((y1 - y0) * photo[0])


@given(COVERINGS, SIZES, SIZES, FAR, FAR)
def test_it_is_moved_as_far_as_the_pointer_unless_it_would_no_longer_cover(covering, photo, behind, dx, dy):
    moved = covering.moved(photo, behind, dx, dy)
    assert (moved.scale, moved.flipped) == (covering.scale, covering.flipped)
    before, after = covering.part(photo, behind), moved.part(photo, behind)
    factor = photo[0] / (before[2] - before[0])
    for k, step in ((0, dx), (1, dy)):
        went = (before[k] - after[k]) * factor
        at_edge = min(after[k], behind[k] - after[k + 2]) <= 1e-3 * behind[k]
        assert went == pytest.approx(step, rel=1e-3, abs=0.01 * factor) or at_edge


@given(COVERINGS, SIZES, SIZES, st.floats(0.1, 10), st.floats(0, 1), st.floats(0, 1))
def test_it_is_scaled_about_the_pointer_unless_it_would_no_longer_cover(covering, photo, behind, factor, x, y):
    about = x * photo[0], y * photo[1]
    scaled = covering.scaled(photo, behind, factor, about)
    assert 1 <= scaled.scale <= LARGEST
    before, after = covering.part(photo, behind), scaled.part(photo, behind)
    for k, share in ((0, x), (1, y)):
        point, now = (part[k] + share * (part[k + 2] - part[k]) for part in (before, after))
        at_edge = min(after[k], behind[k] - after[k + 2]) <= 1e-3 * behind[k]
        assert now == pytest.approx(point, rel=1e-3, abs=1e-3 * behind[k]) or at_edge


@given(COVERINGS, SIZES, SIZES)
def test_flipped_twice_it_is_as_before_and_shows_the_same(covering, photo, behind):
    flipped = covering.mirrored()
    assert flipped.mirrored() == covering
    x0, _, x1, _ = covering.part(photo, behind)
    left, _, right, _ = flipped.part(photo, behind)
    assert (behind[0] - right, behind[0] - left) == pytest.approx((x0, x1), abs=1e-3)
