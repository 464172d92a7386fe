import numpy as np
import pytest

from inference_server.select import shadow_edges

SIZE = 160, 200


def item() -> np.ndarray:
    """(160, 200) bool: the object."""
    found = np.zeros(SIZE, bool)
    found[20:80, 90:110] = True
    return found


def shape(x: int = 110, y: int = 80) -> np.ndarray:
    """(160, 200) bool: what may be its shadow."""
    found = np.zeros(SIZE, bool)
    found[y : y + 30, x : x + 50] = True
    return found


def ground(noise: float, seed: int = 0) -> np.ndarray:
    """Grey ground (160, 200, 3) float32 with noise in each pixel, a share of its light."""
    grain = np.random.default_rng(seed).normal(0, noise, SIZE).astype(np.float32)
    return np.float32(140) * np.exp(grain)[..., None].repeat(3, axis=2)


def shaded(picture: np.ndarray, where: np.ndarray, left: tuple[float, float, float]) -> np.ndarray:
    """The picture (h, w, 3) uint8 with this much of its red, green and blue left where `where` is true."""
    return np.clip(np.where(where[..., None], picture * np.float32(left), picture), 0, 255).round().astype(np.uint8)


def edge(pixels: np.ndarray, where: np.ndarray) -> shadow_edges.EdgeSigns:
    found = shadow_edges.edge_signs(shadow_edges.lighting_around(pixels, item(), item()), where)
    assert found is not None
    return found


def test_a_shadow_falls_by_one_factor_all_along_its_edge():
    found = edge(shaded(ground(0.03), shape(), (0.6, 0.6, 0.63)), shape())
    assert found.support > 0.95
    assert np.exp(found.fall) == pytest.approx(-np.log(0.6), abs=0.13), "a little less, as the light is smoothed"
    assert found.step == pytest.approx(-np.log(0.6), abs=0.13)
    assert found.spread < 0.02


def test_where_nothing_falls_half_of_the_points_speak_against_it():
    assert edge(shaded(ground(0.03), shape(), (1, 1, 1)), shape()).support < 0.6


def test_a_fall_says_less_where_the_ground_varies_as_much():
    calm, rough = (edge(shaded(ground(noise), shape(), (0.8, 0.8, 0.8)), shape()) for noise in (0.02, 0.6))
    assert calm.support > 0.95
    assert rough.support < 0.8


def test_a_thing_of_another_colour_falls_differently_in_each_channel():
    shadow, thing = (edge(shaded(ground(0.03), shape(), left), shape()) for left in ((0.6, 0.6, 0.63), (0.8, 0.3, 0.5)))
    assert thing.red > 3 * shadow.red
    assert thing.green > 3 * shadow.green


def test_a_few_points_on_another_ground_do_not_move_the_fall():
    picture = ground(0.03)
    picture[:, 150:] *= 0.1  # where the far end of the shadow lies
    found = edge(shaded(picture, shape(), (0.6, 0.6, 0.6)), shape())
    assert np.exp(found.fall) == pytest.approx(-np.log(0.6), abs=0.15)


def test_colours_say_nothing_in_a_grey_picture():
    """There all of them stay the same, whatever it shows."""
    found = edge(shaded(ground(0.03), shape(), (0.6, 0.6, 0.6)), shape())
    assert (found.red, found.green) == pytest.approx((1, 1))


def test_a_bluer_shadow_is_still_a_shadow():
    """Skylight is blue."""
    noise = np.random.default_rng(1).normal(0, 0.02, (*SIZE, 3)).astype(np.float32)
    grey, bluer, green = (
        edge(shaded(ground(0.03) * np.exp(noise), shape(), left), shape())
        for left in ((0.6, 0.6, 0.6), (0.54, 0.6, 0.66), (0.6, 0.8, 0.6))
    )
    assert bluer.red < 1.5 * grey.red
    assert green.green > 2 * grey.green


def test_what_cannot_be_compared_has_no_edge():
    pixels = shaded(ground(0.03), shape(), (0.6, 0.6, 0.6))
    near = shadow_edges.lighting_around(pixels, item(), item())
    nothing = np.zeros(SIZE, bool)
    assert shadow_edges.edge_signs(near, nothing) is None
    assert shadow_edges.edge_signs(near, item()) is None, "the object itself"
    assert shadow_edges.edge_signs(near, np.ones(SIZE, bool)) is None, "nothing is left to compare it with"


def test_a_longer_edge_tells_more():
    small, large = np.zeros(SIZE, bool), shape()
    small[85:95, 120:130] = True
    pixels = shaded(ground(0.03), large, (0.6, 0.6, 0.6))
    assert edge(pixels, large).length > edge(pixels, small).length + 0.5
