"""The view of the photo in the live dialog, by mouse and keyboard, in a window of its own."""

import math

import numpy as np
import pytest

from .view_window import SCREEN, WINDOW, view_windows

MIDDLE = WINDOW[0] // 2, WINDOW[1] // 2


@pytest.fixture(scope="module")
def view():
    """A function that opens a window with a view of a photo of red and green stripes, and blue on the right."""
    yield from view_windows()


def close(found, expected, within: float = 1e-6) -> bool:
    return all(abs(a - b) <= within for a, b in zip(found, expected, strict=True))


def is_blue(pixels: np.ndarray) -> np.ndarray:
    return (pixels[..., 2] > 200) & (pixels[..., :2].max(-1) < 60)


# -- pointing


def test_what_is_clicked_is_what_is_seen_there_and_the_button_says_whether_it_is_meant(view):
    window = view()
    border = int(is_blue(window.screen()[MIDDLE[1]]).argmax())  # where the photo's right half begins
    window.forget()
    window.mouse("mousemove", border, MIDDLE[1], "click", 1, "mousemove", border, 100, "click", 3)
    window.mouse("keydown", "ctrl", "click", 1, "keyup", "ctrl", "mousemove", 3, 3, "click", 1)
    pointed = window.heard("pointed")
    assert [this for _, _, this, _ in pointed] == [True, False, False], "one beside the photo is none"
    pixel = 1 / window.state()["zoom"]
    assert all(abs(x - 750) <= pixel for x, *_ in pointed)
    assert abs(pointed[0][1] - 500) <= pixel
    assert abs(pointed[0][1] - pointed[1][1] - (MIDDLE[1] - 100) * pixel) < 1e-6


def test_a_drag_makes_a_box_from_any_corner_clipped_to_the_photo(view):
    window = view()
    window.forget()
    window.drag((600, 500), (500, 400), (300, 200))
    window.drag((300, 200), (400, 300), (600, 500))
    window.drag((2, 2), (300, 200), (400, 300))
    first, second, clipped = window.heard("boxed")
    zoom = window.state()["zoom"]
    assert first == second
    assert close((first[2] - first[0], first[3] - first[1]), (300 / zoom, 300 / zoom))
    assert clipped[:2] == [0, 0] and clipped[2] < 750
    assert not window.heard("pointed")


def test_a_hand_that_trembles_clicks_and_a_drag_taken_back_is_none(view):
    window = view()
    window.forget()
    window.drag((300, 200), (304, 203))
    assert len(window.heard("pointed")) == 1
    window.drag((300, 200), (400, 300), (301, 201))
    window.drag((300, 200), (400, 300), button=3)
    assert len(window.heard("pointed")) == 1 and not window.heard("boxed")


def test_the_box_is_seen_while_it_is_drawn(view):
    window = view()
    before = window.screen()
    window.mouse("mousemove", 600, 200, "mousedown", 1, "mousemove", 700, 300, "mousemove", 800, 400)
    changed = (window.screen() != before).any(-1)
    window.mouse("mouseup", 1)
    rows, columns = np.nonzero(changed)
    assert close((rows.min(), rows.max(), columns.min(), columns.max()), (200, 400, 600, 800), 3)
    assert not changed[210:390, 610:790].any()
    assert (window.screen() == before).all(), "it stays when it is done"


def test_hovering_is_said_once_the_pointer_rests_and_when_that_is_over(view):
    window = view(window=(800, 600))
    window.forget()
    window.mouse("mousemove", 300, 300)
    ((x, y),) = window.heard("hovered")
    assert not window.heard("left")
    window.mouse("mousemove", 500, 300)
    _, (x_now, y_now) = window.heard("hovered")
    assert x_now > x and y_now == y and len(window.heard("left")) == 1
    window.mouse("mousedown", 1)
    assert len(window.heard("left")) == 2
    window.mouse("mouseup", 1, "mousemove", 505, 310)
    assert len(window.heard("hovered")) == 3
    window.mouse("mousemove", SCREEN[0] - 1, 300)
    assert len(window.heard("left")) == 3


# -- the keyboard


def test_the_keyboards_cross_points_and_hovers(view):
    window = view()
    before = window.screen()
    window.forget()
    window.keys("space")  # the first key only shows it
    ((x, y),) = window.heard("hovered")
    assert not window.heard("pointed") and close((x, y), (750, 500), 1)
    assert (window.screen() != before)[MIDDLE[1] - 20 : MIDDLE[1] + 20, MIDDLE[0] - 20 : MIDDLE[0] + 20].any()
    window.keys("Left", "Left", "shift+Up", "space", "shift+space", "ctrl+Return", "Return")
    zoom = window.state()["zoom"]
    pointed = window.heard("pointed")
    assert [this for *_, this, _ in pointed] == [True, False, False, True]
    assert all(close(at[:2], (x - 16 / zoom, y - 80 / zoom)) for at in pointed)
    window.mouse("mousemove", 300, 300)
    assert (window.screen() == before)[20:730, 350:980].all(), "the pointer does not put it away"
    window.keys("Return")
    assert len(window.heard("pointed")) == 4, "Enter without a cross is the dialog's"


def test_the_view_follows_the_cross_and_the_cross_stays_on_the_photo(view):
    window = view()
    window.keys("1", "space", *["shift+Left"] * 12)
    assert window.state()["middle"][0] < 500
    window.forget()
    window.keys("0", *["shift+Left"] * 10, *["shift+Up"] * 10, "space")
    assert window.heard("pointed") == [[0, 0, True, False]]
    window.keys("ctrl+Right", "ctrl+Down", "space")
    pixel = 1 / window.state()["zoom"]
    assert close(window.heard("pointed")[1][:2], (pixel, pixel)), "with Ctrl it moves by a pixel of the screen"


def test_keys_zoom(view):
    window = view()
    fits = window.state()["zoom"]
    for key, zoom in (
        ("1", 1),
        ("plus", math.sqrt(2)),
        ("86", 2),  # the keypad's plus, for which xdotool would sometimes press Alt too
        ("minus", math.sqrt(2)),
        ("equal", 2),
        ("0", fits),
    ):
        window.keys(key)
        assert window.state()["zoom"] == pytest.approx(zoom), key


def test_keys_without_a_name_are_not_the_views(view):
    window = view()
    for keyval in (0, 0x01FFFFFF):
        assert window.do("key", keyval) is False


# -- zooming, panning, size


def test_the_wheel_zooms_and_what_is_under_the_pointer_stays(view):
    window = view()
    border = int(is_blue(window.screen()[200]).argmax())
    window.mouse("mousemove", border, 200, *["click", 4] * 8)
    blue = is_blue(window.screen()[200])
    assert window.state()["zoom"] == pytest.approx(4 * 980 / 1500, rel=1e-3)
    assert abs(int(blue.argmax()) - border) <= 4, "the border of the photo's halves has moved"  # a photo pixel is 2.6
    window.mouse("keydown", "ctrl", *["click", 5] * 4, "keyup", "ctrl")
    assert window.state()["zoom"] == pytest.approx(2 * 980 / 1500, rel=1e-3)
    window.mouse(*["click", 5] * 9)
    assert window.state()["zoom"] == pytest.approx(980 / 1500), "smaller than the whole"


def test_the_middle_button_alt_and_shift_with_the_wheel_pan(view):
    window = view()
    window.keys("1")
    x, y = window.state()["middle"]
    window.drag((600, 400), (650, 420), (700, 440), button=2)
    assert close(window.state()["middle"], (x - 100, y - 40))
    window.mouse("keydown", "alt")
    window.drag((600, 400), (550, 390), (500, 360))
    window.mouse("keyup", "alt")
    assert close(window.state()["middle"], (x, y))
    window.mouse("keydown", "shift", "click", 5, "keyup", "shift")
    assert window.state()["middle"][0] > x and window.state()["zoom"] == 1
    window.drag((100, 400), (500, 400), (900, 400), button=2)
    assert window.state()["origin"][0] == 10, "further than the photo's edge"
    assert not window.heard("pointed", "boxed")


def test_another_size_keeps_the_middle_and_a_photo_that_fits_goes_on_fitting(view):
    window = view()
    window.do("resize", 600, 500)
    state = window.state()
    assert state["size"] == [600, 500] and state["zoom"] == pytest.approx(580 / 1500)
    window.do("zoom_to_pixels")
    window.drag((300, 200), (330, 210), (350, 220), button=2)
    middle = window.state()["middle"]
    window.do("resize", 900, 700)
    assert window.state()["size"] == [900, 700] and window.state()["middle"] == middle


def test_a_small_photo_is_enlarged_fourfold_at_most(view):
    assert view(size=(60, 40)).state()["zoom"] == 4


def test_the_pointer_says_what_it_does(view):
    window = view()
    assert window.do("cursor") == ["crosshair"]
    window.mouse("mousemove", 300, 300, "mousedown", 2)
    assert window.do("cursor") == ["grabbing"]
    window.mouse("mouseup", 2)
    assert window.do("cursor") == ["crosshair"]
    window.do("result")
    assert window.do("cursor") == ["ew-resize"]


# -- tools


def test_a_brush_paints_where_it_goes_and_the_other_button_erases(view):
    window = view()
    zoom = window.state()["zoom"]
    window.do("tool", "brush", 30)
    window.drag((300, 300), (340, 300), (400, 300))
    window.drag((300, 300), (340, 300), (400, 300), button=3)
    window.do("tool", "eraser", 20)
    window.drag((500, 300), (500, 340))
    (painted, adds, filled, _), (_, takes, *_), (erased, erases, *_) = window.heard("stroked")
    assert (adds, takes, erases, filled) == (True, False, False, False)
    xs, ys, radii = painted[0::3], painted[1::3], painted[2::3]
    assert set(radii) == {30} and set(erased[2::3]) == {20}
    assert xs == sorted(xs) and close((xs[-1] - xs[0],), (100 / zoom,), 1 / zoom) and max(ys) - min(ys) < 1 / zoom
    assert not window.heard("pointed", "boxed")


def test_one_touch_of_a_brush_is_a_dot(view):
    window = view()
    window.do("tool", "brush", 30)
    window.mouse("mousemove", 300, 300, "click", 1)
    ((path, adds, *_),) = window.heard("stroked")
    assert len(path) == 3 and adds


def test_one_can_paint_where_the_edge_is_to_be_refined_and_take_it_back(view):
    window = view()
    window.do("tool", "refine", 30)
    window.drag((300, 300), (340, 300))
    window.drag((300, 300), (340, 300), button=3)
    window.keys("space", "space")
    heard = window.heard("stroked")
    assert [(adds, filled, refines) for _, adds, filled, refines in heard] == [
        (True, False, True),
        (False, False, True),
        (True, False, True),
    ]
    assert all(set(path[2::3]) == {30} for path, *_ in heard)


def test_the_keyboard_paints_and_leaves_out_with_the_tool_at_hand(view):
    window = view()
    window.do("tool", "brush", 30)
    window.keys("space", "space", "shift+space")
    window.do("tool", "eraser", 30)
    window.keys("space")
    assert [(path[2], adds) for path, adds, *_ in window.heard("stroked")] == [(30, True), (30, False), (30, False)]
    window.do("tool", "exclude", 30)
    window.keys("space", "shift+space")
    assert [this for *_, this, _ in window.heard("pointed")] == [False, True]


def test_a_lasso_encloses_and_less_than_a_triangle_is_nothing(view):
    window = view()
    window.do("tool", "lasso", 30)
    window.drag((300, 300), (400, 300), (350, 400))
    window.mouse("mousemove", 300, 300, "click", 1)
    ((path, adds, filled, _),) = window.heard("stroked")
    assert filled and adds and len(path) >= 9


def test_a_brush_is_resized_by_keys_and_wheel_which_without_shift_zooms(view):
    window = view()
    window.do("tool", "brush", 30)
    zoom = window.state()["zoom"]
    window.mouse("mousemove", 300, 300)
    window.keys("bracketright", "bracketleft")
    window.mouse("keydown", "shift", "click", 4, "click", 5, "keyup", "shift")
    (wider,), (finer,), (up,), (down,) = window.heard("brush-resized")
    assert wider == up > 30 > finer == down
    assert window.state()["zoom"] == zoom
    window.mouse("click", 4)
    assert window.state()["zoom"] > zoom


def test_the_other_tools_leave_out_and_draw_boxes(view):
    window = view()
    window.do("tool", "exclude", 30)
    window.mouse("mousemove", 300, 300, "click", 1, "click", 3)
    window.do("tool", "box", 30)
    window.mouse("click", 1)
    window.drag((300, 200), (400, 300), (600, 500))
    assert [this for *_, this, _ in window.heard("pointed")] == [False, True]
    assert len(window.heard("boxed")) == 1


def test_with_shift_another_object_is_meant(view):
    window = view()
    window.mouse("mousemove", 300, 300, "keydown", "shift", "click", 1)
    window.drag((300, 200), (400, 300), (600, 500))
    window.mouse("keyup", "shift")
    window.mouse("click", 1)
    assert [another for *_, another in window.heard("pointed")] == [True, False]
    assert [another for *_, another in window.heard("boxed")] == [True]


def test_clicks_are_dragged_taken_away_and_taken_up_again(view):
    window = view()
    state = window.state()
    x, y = 400 / state["zoom"], 300 / state["zoom"]
    at = [int(edge * state["zoom"] + start) for edge, start in zip((x, y), state["origin"], strict=True)]
    window.do("clicks", [[100, 100], [x, y]], [1, 0])
    window.mouse("mousemove", *at, "click", 1, "click", 3)
    window.drag(tuple(at), (at[0] + 20, at[1]), (at[0] + 50, at[1]))
    assert window.heard("mark-chosen") == [[0, 1]] == window.heard("mark-removed")
    ((_, entry, to_x, to_y),) = window.heard("mark-moved")
    assert entry == 1 and close((to_x, to_y), (x + 50 / state["zoom"], y), 2 / state["zoom"])
    assert not window.heard("pointed", "boxed")


def test_a_click_that_is_dragged_goes_back_when_a_second_finger_begins_to_pinch(view):
    window = view()
    window.do("clicks", [[600, 400]], [1])
    state, before = window.state(), window.screen()
    at = [int(edge * state["zoom"] + start) for edge, start in zip((600, 400), state["origin"], strict=True)]
    window.mouse("mousemove", *at, "mousedown", 1, "mousemove", at[0] + 60, at[1], "mousemove", at[0] + 90, at[1])
    assert (window.screen() != before).any()
    window.do("pinch")
    assert (window.screen() == before).all()
    window.mouse("mouseup", 1)
    assert (window.screen() == before).all() and not window.heard("mark-moved", "mark-chosen", "mark-removed")


def test_what_comes_behind_is_dragged_scaled_and_put_back(view):
    window = view()
    window.do("tool", "place", 30)
    assert window.do("cursor") == ["grab"]
    zoom, origin = (window.state()[name] for name in ("zoom", "origin"))
    window.forget()
    window.drag((300, 200), (340, 220), (400, 190))
    moved = np.array(window.heard("behind-moved"))
    assert close(moved.sum(0), (100 / zoom, -10 / zoom)) and len(moved) > 1
    window.mouse("mousemove", 500, 300, "click", 4, "click", 5, "keydown", "ctrl", "click", 4, "keyup", "ctrl")
    larger, smaller = window.heard("behind-scaled")
    assert larger[0] > 1 and close([larger[0] * smaller[0]], [1])
    assert close(larger[1:], ((500 - origin[0]) / zoom, (300 - origin[1]) / zoom), 1)
    assert window.state()["zoom"] > zoom, "Ctrl and the wheel do not zoom"
    assert not window.heard("behind-fitted")
    window.mouse("click", "--repeat", 2, "--delay", 40, 1)
    assert len(window.heard("behind-fitted")) == 1
    assert not window.heard("pointed", "boxed", "stroked")
    window.do("lock", True)
    window.forget()
    window.drag((300, 200), (400, 190))
    window.mouse("click", 4)
    assert not window.heard("behind-moved", "behind-scaled")


def test_nothing_is_marked_while_the_photo_is_locked(view):
    window = view()
    window.do("lock", True)
    for tool in ("include", "brush", "lasso"):
        window.do("tool", tool, 30)
        window.mouse("mousemove", 300, 300, "click", 1)
        window.drag((300, 300), (400, 300), (350, 400))
    window.keys("space", "space")
    assert not window.heard("pointed", "boxed", "stroked", "hovered")
    assert window.do("cursor") == ["default"]
    window.do("lock", False)
    window.do("tool", "include", 30)
    window.mouse("mousemove", 310, 310, "click", 1)
    assert len(window.heard("pointed")) == 1
