import numpy as np
import pytest

from inference_server.select import contours


def test_points_lie_on_the_outline_and_normals_point_out_of_it():
    y, x = np.mgrid[:80, :80]
    disc = ((x - 40) ** 2 + (y - 40) ** 2 <= 25**2).astype(np.uint8)
    contour = contours.trace(disc, 64, 2.0)
    out = contour.points - 40
    assert np.linalg.norm(out, axis=1) == pytest.approx(np.full(64, 25), abs=1)
    assert (contour.normals * out).sum(axis=1) / 25 == pytest.approx(np.ones(64), abs=0.08)
    assert 2 * np.pi * 25 * 0.8 < contour.length < 2 * np.pi * 25


def test_a_single_pixel_has_an_outline_too():
    dot = np.zeros((20, 20), np.uint8)
    dot[7, 9] = 1
    contour = contours.trace(dot, 8, 2.0)
    assert (contour.points == (9, 7)).all()
    assert np.isfinite(contour.normals).all()


def test_values_between_pixels_are_interpolated_and_there_are_none_outside():
    slope = np.arange(10, dtype=np.float32)[None].repeat(4, axis=0)
    places = np.array([[(2.5, 1), (9, 3), (40, 1), (-3, 2)]], np.float32)
    assert contours.values_at(slope, places)[0] == pytest.approx([2.5, 9, 0, 0])
