"""What is seen in the view of the live dialog: the photo, sharply; what was found; before and after."""

import math

import numpy as np
import pytest

from .view_window import SCREEN, WINDOW, view_windows

MIDDLE = WINDOW[0] // 2, WINDOW[1] // 2
RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128)
MAGENTA = (237, 33, 204)  # of masks


@pytest.fixture(scope="module")
def view():
    """A function that opens a window with a view of a photo of red and green stripes, and blue on the right."""
    yield from view_windows()


def on_photo(screen: np.ndarray, state: dict, x: float, y: float) -> np.ndarray:
    """The colour that is seen at a photo's point."""
    across, down = (int(at * state["zoom"] + start) for at, start in zip((x, y), state["origin"], strict=True))
    return screen[down, across]


def changed(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    return (before != now).any(-1)


# -- the photo


def test_the_photos_own_pixels_are_fetched_in_pieces_for_what_is_seen(view):
    window = view(size=(6000, 4000))
    window.forget()
    window.screen()
    assert not window.details(), "the small photo is enough for the whole"
    window.do("zoom_to_pixels")
    screen = window.screen()
    left = window.state()["origin"][0]
    for column in range(10, 480):
        assert tuple(screen[300, column]) == (RED, GREEN)[(column - left) % 2], column
    asked = window.details()
    assert sum(w * h for (_, _, w, h), _ in asked) == WINDOW[0] * WINDOW[1]
    assert all(scale == 1 and w * h <= 1_500_000 for (_, _, w, h), scale in asked)
    window.forget()
    window.drag((500, 400), (530, 430), (550, 460), button=2)
    screen = window.screen()
    asked = [part for part, _ in window.details()]
    assert asked and all(x + w <= 2500 or y + h <= 1625 for x, y, w, h in asked), "what was there is asked for again"
    left = window.state()["origin"][0]
    assert all(tuple(screen[5, column]) == (RED, GREEN)[(column - left) % 2] for column in range(10, 500))
    window.forget()
    for _ in range(7):
        window.do("zoom_in")
    screen, state = window.screen(), window.state()
    assert not window.details(), "larger, but nothing new is seen"
    assert state["zoom"] == pytest.approx(8 * math.sqrt(2))
    window.do("zoom_out")
    screen, state = window.screen(), window.state()
    assert tuple(on_photo(screen, state, 2950.1, 1940)) == RED, "pixels are squares from 4 x on"
    assert tuple(on_photo(screen, state, 2950.9, 1940)) == RED
    assert tuple(on_photo(screen, state, 2951.1, 1940)) == GREEN


def test_between_the_small_photo_and_its_own_pixels_it_is_fetched_scaled(view):
    window = view(size=(6000, 4000))
    window.forget()
    for _ in range(2):
        window.do("zoom_in")
    window.screen()
    zoom = window.state()["zoom"]
    assert 0.17 < zoom < 1
    ((x, y, w, h), scale) = window.details()[-1]
    assert scale == zoom and x >= 0 and y >= 0
    assert (w, h) == WINDOW


def test_on_a_screen_of_twice_the_density_pixels_are_the_screens(view):
    window = view(size=(3000, 2000), window=(500, 375), scale=2)
    screen, state = window.screen(), window.state()
    assert state["density"] == 2 and state["size"] == [1000, 750]
    assert state["zoom"] == pytest.approx(960 / 3000), "logical pixels of margin, screen pixels of zoom"
    window.do("zoom_to_pixels")
    screen, state = window.screen(), window.state()
    left = state["origin"][0]
    assert all(tuple(screen[300, column]) == (RED, GREEN)[(column - left) % 2] for column in range(10, 480))
    window.forget()
    window.mouse("mousemove", 600, 300, "click", 1)
    ((x, y, *_),) = window.heard("pointed")
    assert (x, y) == (state["middle"][0] + 100, state["middle"][1] - 75)
    before = window.screen()
    window.do("clicks", [[x, y]], [1])
    rows, columns = np.nonzero(changed(before, window.screen()))
    assert 36 <= np.ptp(rows) <= 42 and 36 <= np.ptp(columns) <= 42, "a mark has its size on any screen"


def test_what_is_transparent_shows_a_checkerboard(view):
    window = view(transparent=True)
    shades = {tuple(colour) for colour in window.screen()[100:600, MIDDLE[0] + 50 : 900].reshape(-1, 3)}
    assert shades == {(102, 102, 102), (153, 153, 153)}


def test_the_theme_is_seen_around_the_photo_and_not_on_it(view):
    window = view()
    light = window.screen()
    window.do("dark", True)
    dark = window.screen()
    assert dark[5, 500].max() < 100 < light[5, 500].min()
    assert (dark[100:600, 100:900] == light[100:600, 100:900]).all()


# -- what was found and pointed at


def test_what_is_found_is_covered_and_outlined_and_nothing_else_changes(view):
    window = view()
    before, state = window.screen(), window.state()
    window.do("shape", "shape", 1100, 500, 200)
    now = window.screen()
    assert on_photo(now, state, 1100, 500)[0] > 50, "no colour over the blue"
    assert on_photo(now, state, 1100, 500)[2] > 200, "the blue below is not to be seen"
    assert (on_photo(now, state, 1100, 500) == on_photo(now, state, 1200, 400)).all()
    rows, columns = np.nonzero(changed(before, now))
    radius = 200 * state["zoom"]
    assert abs(np.ptp(rows) - 2 * radius) <= 4 and abs(np.ptp(columns) - 2 * radius) <= 4
    # A step outwards from the middle every half degree: around the edge there is black as well as the colour.
    angles = np.radians(np.arange(0, 360, 0.5))
    x, y = (1100 * state["zoom"] + state["origin"][0], 500 * state["zoom"] + state["origin"][1])
    edge = now[np.round(y + radius * np.sin(angles)).astype(int), np.round(x + radius * np.cos(angles)).astype(int)]
    assert (edge.max(-1) < 90).sum() > 100 and (np.abs(edge - MAGENTA).max(-1) < 90).sum() > 100
    window.do("nothing", "shape")
    assert (window.screen() == before).all()


def test_masks_look_the_same_that_hardly_differ(view):
    window = view()
    disc, scale = [700, 500, 200], 1024 / 1500
    others = [disc, [701, 500, 200], [700, 500, 202], [700, 500, 210], [720, 500, 200], [1200, 500, 200], [9, 9, 3]]
    areas, alike = window.do("alike", disc, *others)
    assert alike == [True, True, True, False, False, False, False]
    assert abs(areas[0] - math.pi * (200 * scale) ** 2) < 0.01 * areas[0]


def test_what_a_click_would_take_is_brightened_less_than_what_is_chosen_is_covered(view):
    window = view()
    before, state = window.screen(), window.state()
    window.do("shape", "hover", 1100, 500, 200)
    now = window.screen()
    inside = on_photo(now, state, 1100, 500) - on_photo(before, state, 1100, 500)
    assert 20 < inside[:2].min() < 80, "not brighter"
    window.do("shape", "shape", 1100, 500, 200)
    window.do("nothing", "hover")
    covered = on_photo(window.screen(), state, 1100, 500) - on_photo(before, state, 1100, 500)
    assert abs(covered).sum() > abs(inside).sum()


def test_outlines_stay_on_the_photo_when_it_moves(view):
    window = view()
    window.do("shape", "shape", 1100, 500, 100)
    window.keys("1")
    window.drag((700, 400), (600, 400), (500, 380), button=2)
    now, state = window.screen(), window.state()
    assert tuple(on_photo(now, state, 1100 + 110, 500)) == BLUE
    assert on_photo(now, state, 1100 + 90, 500)[0] > 50


def test_this_and_not_this_differ_by_their_form(view):
    window = view()
    window.do("clicks", [[900, 300], [1200, 300]], [1, 0], [850, 200, 1300, 700])
    now, state = window.screen(), window.state()

    def white(x: float, y: float) -> np.ndarray:
        """Where a mark is white inside its ring."""
        across, down = (round(at * state["zoom"] + start) for at, start in zip((x, y), state["origin"], strict=True))
        return (now[down - 5 : down + 5, across - 5 : across + 5] == 255).all(-1)

    plus, minus = white(900, 300), white(1200, 300)
    assert plus.sum() == 28 and minus.sum() == 16
    assert plus[0:4].any() and not minus[0:4].any()
    assert (on_photo(now, state, 850, 450) == 255).all() and (on_photo(now, state, 1000, 200) == 255).all()


def test_a_preview_lies_over_its_window(view):
    window = view()
    window.do("shape", "shape", 1100, 500, 100)
    before, state = window.screen(), window.state()
    window.do("preview", [900, 300, 300, 300])
    now = window.screen()
    assert tuple(on_photo(now, state, 920, 320)) == tuple(on_photo(now, state, 1190, 590)) == (255, 255, 0)
    assert tuple(on_photo(now, state, 890, 400)) == tuple(on_photo(now, state, 1210, 400)) == BLUE
    window.do("show_preview", None)
    assert (window.screen() == before).all()


# -- before and after


def test_the_slider_lies_between_before_and_after_and_can_be_dragged(view):
    window = view()
    before, state = window.screen(), window.state()
    window.do("shape", "shape", 750, 500, 100)
    window.do("result")
    now = window.screen()
    assert (on_photo(now, state, 600, 420) == on_photo(before, state, 600, 420)).all(), "before is not on the left"
    assert tuple(on_photo(now, state, 900, 420)) == GREY
    window.forget()
    window.drag((MIDDLE[0], MIDDLE[1]), (400, 300), (300, 300))
    now = window.screen()
    assert tuple(on_photo(now, state, 600, 420)) == GREY
    assert (now[200, 300] == 255).all(), "the line is not where it was dragged to"
    assert not window.heard("pointed", "boxed", "hovered")
    window.do("nothing", "result")
    window.do("nothing", "shape")
    window.mouse("mousemove", SCREEN[0] - 1, 5)
    assert (window.screen() == before).all()


def test_the_keyboard_moves_the_slider(view):
    window = view()
    window.do("result")

    def line() -> int:
        """The column of the slider's line."""
        row = window.screen()[200]
        return int(((row == 255).all(-1)[20:-20]).argmax()) + 20

    begun = line()
    window.keys("Left", "Left")
    left = line()
    assert begun - left == pytest.approx(2 * 0.02 * 980, abs=2)
    window.keys("bracketright", "bracketright", "Right", "bracketleft", "Right")
    assert line() - begun == pytest.approx(0.02 * 980, abs=2)
    window.keys(*["Right"] * 60)
    assert line() == pytest.approx(990, abs=2)


def test_before_is_where_reading_begins(view):
    window = view()
    before, state = window.screen(), window.state()
    window.do("result")
    window.do("direction", True)
    now = window.screen()
    assert tuple(on_photo(now, state, 600, 420)) == GREY
    assert (on_photo(now, state, 900, 420) == on_photo(before, state, 900, 420)).all()


def test_the_result_is_as_sharp_as_the_photo(view):
    window = view(size=(6000, 4000))
    window.do("zoom_to_pixels")
    window.drag((500, 400), (700, 400), (900, 400), button=2)
    window.do("result")
    screen, state = window.screen(), window.state()
    window.keys(*["Left"] * 60)
    screen = window.screen()
    assert tuple(on_photo(screen, state, 2400, 1990)) == GREY
    window.drag((500, 100), (500, 500), (500, 749), button=2)  # up to where the result is the photo still
    for _ in range(3):
        window.drag((500, 100), (500, 500), (500, 749), button=2)
    screen, state = window.screen(), window.state()
    left = state["origin"][0]
    assert all(tuple(screen[400, column]) == (RED, GREEN)[(column - left) % 2] for column in range(20, 500))


# -- the rest


def test_it_says_what_it_is_and_what_the_keys_do(view):
    window = view()
    said = window.state()
    assert said["name"] and "Space" in said["description"]
    window.do("result")
    assert "slider" in window.state()["description"]


@pytest.mark.parametrize("zoom", [None, 1, 8])
def test_nothing_is_drawn_anew_where_nothing_has_moved(view, zoom):
    window = view(size=(6000, 4000))
    window.do("shape", "shape", 3000, 2000, 1500, 5000, 40)
    if zoom:
        window.do("zoom_to_pixels")
        for _ in range(round(2 * math.log2(zoom))):
            window.do("zoom_in")
    assert window.do("drawn_anew") == [["mask", "outlines", "photo"], [], ["mask", "outlines", "photo"]]


# -- the mask

ADDED = {"path": [300, 700, 60, 500, 700, 60], "adds": True}
ERASED = {"path": [300, 300, 60], "adds": False}


def tinted(before: np.ndarray, screen: np.ndarray, state: dict, x: float, y: float) -> bool:
    """Whether a photo's point is covered with the mask's colour, of which blue has most more than the left half."""
    return on_photo(screen, state, x, y)[2] > on_photo(before, state, x, y)[2] + 40


def test_several_objects_and_strokes_over_them_are_one_mask(view):
    window = view()
    before, state = window.screen(), window.state()
    window.do("discs", [[300, 300, 120], [380, 300, 120]], [ERASED, ADDED])
    screen = window.screen()
    meant = {(200, 300): True, (300, 300): False, (440, 300): True, (400, 700): True, (600, 700): False}
    assert {at: tinted(before, screen, state, *at) for at in meant} == meant
    both = on_photo(screen, state, 372, 380), on_photo(screen, state, 232, 380)
    assert all(abs(one[2] - other[2]) <= 2 for one, other in [both]), "where two overlap it is no darker"


def test_where_an_object_is_kept_its_surroundings_are_tinted(view):
    window = view()
    before, state = window.screen(), window.state()
    window.do("discs", [[300, 300, 120]], [ERASED], "overlay", True)
    screen = window.screen()
    meant = {(380, 300): False, (300, 300): True, (600, 700): True}
    assert {at: tinted(before, screen, state, *at) for at in meant} == meant
    window.do("discs", [], [], "overlay", True)
    assert not tinted(before, window.screen(), state, 600, 700), "nothing is kept yet"


def test_where_the_edge_is_found_anew_it_is_hatched_until_a_later_stroke_covers_it(view):
    window = view()
    state, at = window.state(), (400, 700)
    refined = {**ADDED, "refines": True}

    def seen(*strokes: dict, shown: str = "overlay") -> np.ndarray:
        window.do("discs", [[300, 300, 120]], strokes, shown)
        x, y = (int(place * state["zoom"] + start) for place, start in zip(at, state["origin"], strict=True))
        return window.screen()[y - 8 : y + 8, x - 8 : x + 8].astype(int)

    def is_hatched(patch: np.ndarray, plain: np.ndarray) -> bool:
        return bool((patch - plain).std(axis=(0, 1)).max() > 10)

    nothing, tint = seen(), seen(ADDED)
    assert is_hatched(seen(refined), nothing)
    assert is_hatched(seen(ADDED, refined), tint)
    assert (seen(refined, {**refined, "adds": False}) == nothing).all()
    assert (seen(refined, ADDED) == tint).all()
    assert is_hatched(seen(refined, shown="cutout"), seen(shown="cutout")), "it is seen however the mask is shown"


@pytest.mark.parametrize("shown", ["overlay", "mask", "cutout", "white"])
def test_once_the_alpha_is_found_it_is_seen_instead(view, shown):
    window = view()
    state, places = window.state(), ((400, 700), (470, 700), (320, 700))

    def seen(discs: list[list[int]], *strokes: dict, alpha: list[float] | None = None) -> np.ndarray:
        window.do("discs", [[300, 300, 120], *discs], strokes, shown, False, alpha)
        screen = window.screen()
        return np.array([on_photo(screen, state, *at) for at in places], float)

    nothing, everything = seen([]), seen([], ADDED)
    found = seen([[320, 700, 20]], {**ADDED, "refines": True}, alpha=[400, 700, 50, 0.5])
    wanted = [(nothing[0] + everything[0]) / 2, nothing[1], nothing[2]]
    assert np.abs(found - wanted).max() <= 3, "it is as opaque as alpha is, and nothing is where alpha is nothing"
    assert np.abs(everything - nothing).max(axis=1).min() > 20


def test_the_alpha_that_was_found_leaves_no_line_where_it_begins(view):
    window = view()
    pictures = []
    for strokes, alpha in (((), None), (({**ADDED, "refines": True},), [400, 700, 220, 1])):
        window.do("discs", [[400, 700, 220]], strokes, "mask", False, alpha)
        pictures.append(window.screen().astype(int))
    assert np.abs(pictures[0] - pictures[1]).max() <= 2


def test_the_masks_colour_and_how_much_it_covers_can_be_chosen(view):
    window = view()
    before, state = window.screen(), window.state()
    window.do("tint", [0, 1, 0], 0.8)
    window.do("discs", [[300, 300, 120]])
    screen = window.screen()
    seen, was = on_photo(screen, state, 300, 300), on_photo(before, state, 300, 300)
    assert np.abs(seen - (0.2 * was + np.array([0, 0.8 * 255, 0]))).max() <= 2
    rim = screen[changed(before, screen)]
    assert (rim == GREEN).all(-1).any() and (rim == 0).all(-1).any(), "the outline is dashed in the colour and black"


@pytest.mark.parametrize(
    ("kind", "inside", "outside"), [("mask", (255,) * 3, (0,) * 3), ("white", None, (255,) * 3), ("cutout", None, None)]
)
def test_the_mask_can_be_seen_alone_and_the_object_alone(view, kind, inside, outside):
    window = view()
    before, state = window.screen(), window.state()
    window.do("discs", [[300, 300, 120]], [], kind)
    screen = window.screen()
    within, beyond = on_photo(screen, state, 300, 300), on_photo(screen, state, 650, 700)
    assert tuple(within) == (inside or tuple(on_photo(before, state, 300, 300)))
    if outside:
        assert tuple(beyond) == outside
    else:
        assert len(set(beyond.tolist())) == 1 and 90 < beyond[0] < 170, "no checkerboard"


def test_what_is_painted_is_seen_while_it_is_painted(view):
    window = view()
    before, state = window.screen(), window.state()
    window.do("tool", "brush", 40)
    window.do("discs", [[300, 300, 120]])
    window.mouse("mousemove", 500, 600, "mousedown", 1, "mousemove", 560, 600)
    x, y = ((at - start) / state["zoom"] for at, start in zip((530, 600), state["origin"], strict=True))
    assert not window.heard("stroked")
    assert abs(window.screen()[600, 530] - before[600, 530]).max() > 40, f"nothing is seen at {x}, {y}"
    window.mouse("mouseup", 1)
    assert len(window.heard("stroked")) == 1


def test_the_photo_is_seen_alone_as_long_as_a_key_is_down(view):
    window = view()
    before = window.screen()
    window.do("discs", [[300, 300, 120]], [ADDED])
    masked = window.screen()
    assert changed(before, masked).mean() > 0.01
    window.mouse("keydown", "backslash")
    within = slice(20, 730), slice(20, 980)  # the ring that says where the keyboard is
    assert not changed(before, window.screen())[within].any()
    window.mouse("keyup", "backslash")
    assert not changed(masked, window.screen())[within].any()


# -- what comes behind


def test_colours_come_behind_the_object_from_top_to_bottom(view):
    window = view()
    before, state = window.screen(), window.state()
    window.do("behind", "colours", [1, 1, 0], [1, 0, 0])
    window.do("discs", [[300, 300, 120]], [ERASED], "behind", True)
    screen = window.screen()
    assert (on_photo(screen, state, 400, 300) == on_photo(before, state, 400, 300)).all(), "the object is not kept"
    for y in (250, 500, 900):
        assert np.abs(on_photo(screen, state, 1000, y) - (255, 255 * (1 - y / 1000), 0)).max() <= 2
    assert on_photo(screen, state, 300, 300)[2] < 5, "what is erased is kept"
    assert changed(before, screen)[30:60, 30:90].any(), "nothing says that it is a preview"
    window.do("behind", "colours", [0, 0, 1], [0, 0, 1])
    assert tuple(on_photo(window.screen(), state, 500, 900)) == BLUE


def test_until_something_is_meant_what_comes_behind_shines_through(view):
    window = view()
    before, state = window.screen(), window.state()
    window.do("behind", "colours", [1, 1, 0], [1, 1, 0])
    window.do("discs", [], [], "behind", True)
    expected = 0.6 * np.array((255, 255, 0)) + 0.4 * on_photo(before, state, 1000, 600)
    assert np.abs(on_photo(window.screen(), state, 1000, 600) - expected).max() <= 2


def test_a_blur_keeps_the_object_and_the_ground_it_stands_on_and_none_of_the_object_bleeds(view):
    window = view()
    before, state = window.screen(), window.state()
    window.do("behind", "blur", 1.0)
    window.do("discs", [[400, 600, 250]], [], "behind", True)
    screen = window.screen()
    # Beside where the blue begins: in the object's rows far above its foot, at its foot, and in the object.
    blurred, ground, kept = (735, 120), (735, 880), (500, 600)
    assert on_photo(before, state, *blurred)[2] < 5 and on_photo(screen, state, *blurred)[2] > 50
    for at in (ground, kept):
        assert (on_photo(screen, state, *at) == on_photo(before, state, *at)).all(), at
    window.do("behind", "blur", 0.0)
    assert (window.screen() == before)[100:].all(), "no blur changes the photo"


def test_where_depth_was_measured_a_blur_follows_it(view):
    """The object is on the left, which is as near as it is; the photo's blue begins on the right."""
    window = view()
    before, state = window.screen(), window.state()
    places = (735, 120), (735, 880)
    for left, right, is_blurred in ((200, 0, True), (0, 200, True), (200, 200, False)):
        window.do("behind", "measured blur", 1.0, left, right)
        window.do("discs", [[250, 600, 150]], [], "behind", True)
        screen = window.screen()
        for at in places:
            same = (on_photo(screen, state, *at) == on_photo(before, state, *at)).all()
            assert same != is_blurred, (left, right, at)
        assert (on_photo(screen, state, 100, 200) == on_photo(before, state, 100, 200)).all(), "as near as the object"
        assert (on_photo(screen, state, 250, 600) == on_photo(before, state, 250, 600)).all(), "the object"


def test_what_was_behind_the_object_is_filled_with_what_is_around_it(view):
    window = view()
    state = window.state()
    window.do("behind", "blur", 1.0)
    window.do("discs", [[1100, 300, 150]], [{"path": [1100, 300, 60], "adds": False, "filled": False}], "behind", True)
    assert np.abs(on_photo(window.screen(), state, 1100, 300) - BLUE).max() < 12


def test_a_photo_comes_behind_where_it_is_placed(view):
    window = view()
    state = window.state()
    red, yellow = RED, (255, 255, 0)
    for covering, left, right in (
        ([], red, yellow),
        ([1, 0, 0, True], yellow, red),
        ([2.5, -1, 0], red, red),
        ([2.5, 1, 0], yellow, yellow),
    ):
        window.do("behind", "photo", *covering)
        window.do("discs", [[750, 600, 50]], [], "behind", True)
        screen = window.screen()
        seen = tuple(on_photo(screen, state, 500, 500)), tuple(on_photo(screen, state, 1000, 500))
        assert seen == (left, right), covering
