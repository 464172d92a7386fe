"""Where a photo lies in the view: properties of zooming, panning, boxes and the windows to fetch."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_server.shared.geometry import Window

sys.path.append(str(Path(__file__).parents[2] / "gimp_plugin"))
from inpaint_anything.photo_view import viewport

edges = st.integers(1, 20_000)
sizes = st.tuples(st.integers(1, 4000), st.integers(1, 3000))
points = st.tuples(*[st.floats(-5000, 25_000)] * 2)
margins = st.integers(0, 20)


@st.composite
def views(draw):
    """A view that somebody has zoomed and panned."""
    view = viewport.fit(draw(st.tuples(edges, edges)), draw(sizes), draw(margins))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.tuples(st.floats(0, view.size[0]), st.floats(0, view.size[1])))
        view = viewport.zoomed(view, draw(st.floats(0.01, 40)), at)
        view = viewport.panned(view, draw(st.floats(-9000, 9000)), draw(st.floats(-9000, 9000)))
    return view


@given(st.tuples(edges, edges), sizes, margins)
def test_fitting_shows_the_whole_photo_in_the_middle_and_enlarges_it_fourfold_at_most(photo, size, margin):
    view = viewport.fit(photo, size, margin)
    assert view.zoom <= viewport.MAX_FIT_ZOOM
    for whole, edge, middle in zip(photo, size, view.middle, strict=True):
        assert middle == whole / 2
        assert whole * view.zoom <= max(1, edge - 2 * margin) * (1 + 1e-9)
    fills = [whole * view.zoom / max(1, edge - 2 * margin) for whole, edge in zip(photo, size, strict=True)]
    assert view.zoom == viewport.MAX_FIT_ZOOM or max(fills) == pytest.approx(1)


@given(views(), points)
def test_a_point_is_drawn_where_it_is_found_to_half_a_pixel(view, point):
    drawn = view.to_screen(*point)
    back = view.to_photo(*drawn)
    for was, now in zip(point, back, strict=True):
        assert abs(was - now) * view.zoom <= 0.5 + 1e-6 * max(1, abs(was) * view.zoom)


@given(views())
def test_no_more_is_seen_beyond_the_photos_edge_than_the_margin_or_than_is_needed(view):
    for origin, whole, edge in zip(view.origin, view.photo, view.size, strict=True):
        before, after = origin, edge - origin - whole * view.zoom
        if whole * view.zoom >= edge - 2 * view.margin:
            assert max(before, after) <= view.margin + 1 + 1e-6
        else:
            assert abs(before - after) <= 1 + 1e-6  # in the middle


@given(views(), st.floats(0.01, 40), st.floats(0, 1), st.floats(0, 1))
def test_zooming_keeps_what_is_under_the_pointer_unless_an_edge_is_in_the_way(view, zoom, across, down):
    about = view.size[0] * across, view.size[1] * down
    point = view.to_photo(*about)
    now = viewport.zoomed(view, zoom, about)
    again = now.to_photo(*about)
    for axis in range(2):
        half = max(0, now.size[axis] / 2 - now.margin) / now.zoom
        free = half + 1e-6 < now.middle[axis] < now.photo[axis] - half - 1e-6
        if free and now.photo[axis] > 2 * half:
            assert again[axis] == pytest.approx(point[axis], rel=1e-6, abs=1e-3)


@given(views(), st.floats(0.0001, 1000))
def test_zoom_stays_between_the_whole_photo_and_large_pixels(view, zoom):
    now = viewport.zoomed(view, zoom, (0, 0)).zoom
    whole = viewport.fit(view.photo, view.size, view.margin).zoom
    assert min(whole, 1) <= now <= max(whole, viewport.MAX_ZOOM)
    assert now == zoom or zoom < min(whole, 1) or zoom > viewport.MAX_ZOOM


@given(views(), sizes)
def test_another_size_keeps_the_middle_unless_an_edge_is_in_the_way(view, size):
    now = viewport.resized(view, size)
    assert now.size == size
    for axis in range(2):
        half = max(0, size[axis] / 2 - now.margin) / now.zoom
        if half < view.middle[axis] < view.photo[axis] - half:
            assert now.middle[axis] == pytest.approx(view.middle[axis])


@given(views(), st.floats(0, 1), st.floats(0, 1), st.floats(0, 30))
def test_following_brings_a_point_into_sight_and_moves_nothing_for_one_that_is(view, across, down, inside):
    point = view.photo[0] * across, view.photo[1] * down
    now = viewport.following(view, *point, inside)
    for at, edge in zip(now.to_screen(*point), now.size, strict=True):
        assert -1 - 1e-6 <= at <= edge + 1 + 1e-6
    again = viewport.following(now, *point, inside)
    for was, moved in zip(now.middle, again.middle, strict=True):
        assert abs(was - moved) * view.zoom < 1e-6


@pytest.mark.parametrize(
    ("zoom", "steps", "expected"),
    [(1, 1, 2**0.5), (1, -1, 2**-0.5), (0.9, 1, 1), (1.1, -1, 1), (2**0.5, -1, 1), (0.26, -1, 0.25), (4, 2, 8)],
)
def test_the_keys_zooms_are_halves_of_powers_of_two(zoom, steps, expected):
    assert viewport.stepped(zoom, steps) == pytest.approx(expected)


@given(st.floats(0.01, 32))
def test_a_step_changes_the_zoom_in_its_direction_by_half_a_doubling_at_most(zoom):
    assert 1 < viewport.stepped(zoom, 1) / zoom <= 2**0.5 * (1 + 1e-5)
    assert 1 > viewport.stepped(zoom, -1) / zoom >= 2**-0.5 * (1 - 1e-5)


@given(st.tuples(edges, edges), points, points)
def test_a_box_is_ordered_and_on_the_photo_and_the_same_from_any_corner(photo, one, other):
    box = viewport.box_between(photo, one, other)
    assert box == viewport.box_between(photo, other, one)
    assert box == viewport.box_between(photo, (one[0], other[1]), (other[0], one[1]))
    if box:
        x0, y0, x1, y1 = box
        assert 0 <= x0 < x1 <= photo[0] and 0 <= y0 < y1 <= photo[1]
        middle = (x0 + x1) / 2, (y0 + y1) / 2
        for at, a, b in zip(middle, one, other, strict=True):
            assert min(a, b) <= at <= max(a, b)
    else:
        assert any(max(a, b) <= 0 or min(a, b) >= edge or a == b for a, b, edge in zip(one, other, photo, strict=True))


@given(views())
def test_what_is_needed_covers_what_is_seen_and_no_more_than_a_pixel_beyond(view):
    (x, y, w, h), scale = viewport.needed(view)
    assert scale == min(1, view.zoom)
    assert w > 0 and h > 0 and x >= 0 and y >= 0
    left, top, right, bottom = view.visible()
    for first, count, low, high, origin, whole in (
        (x, w, left, right, view.origin[0], view.photo[0]),
        (y, h, top, bottom, view.origin[1], view.photo[1]),
    ):
        most = max(1, int(whole * scale + 1e-6))
        assert first + count <= most
        per = view.zoom / scale
        seen_from, seen_to = (low - origin) / per, (high - origin) / per
        assert first <= seen_from + 1e-3 or first == most - 1
        assert first + count >= min(seen_to, most) - 1e-3
        assert first >= min(seen_from, most - 1) - 1 - 1e-3
        assert first + count <= max(seen_to, seen_from) + 1 + 1e-3 or count == 1


windows = st.builds(Window, st.integers(-40, 40), st.integers(-40, 40), st.integers(1, 40), st.integers(1, 40))


def pixels(window: Window) -> set[tuple[int, int]]:
    x, y, w, h = window
    return {(column, row) for column in range(x, x + w) for row in range(y, y + h)}


@given(windows, windows)
def test_what_lies_beside_a_window_is_all_the_rest_each_pixel_once(window, there):
    parts = viewport.beside(window, there)
    assert sum(w * h for _, _, w, h in parts) == len(pixels(window) - pixels(there))
    assert set().union(*map(pixels, parts)) == pixels(window) - pixels(there)


@given(windows, st.integers(1, 500))
def test_pieces_are_the_whole_window_and_none_is_large(window, most):
    parts = viewport.pieces(window, most)
    assert [pixel for part in parts for pixel in sorted(pixels(part), key=lambda p: p[::-1])] == sorted(
        pixels(window), key=lambda p: p[::-1]
    )
    assert all(w * h <= max(most, window[2]) for _, _, w, h in parts)
