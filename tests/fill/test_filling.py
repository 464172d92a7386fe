"""Windows, canvases and tiles for any photo and any hole; and pixels, painted by a small real model."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference_server.fill import filling, painting, tiles
from inference_server.fill.diffusion import families
from inference_server.fill.windows import LEAST_WINDOW, LONGEST, MOST_ASPECT, canvas, whole_cells, window
from inference_server.imaging import focus, masks, pixels, windows
from inference_server.shared.geometry import Window
from inference_server.shared.messages import Quality
from inference_server.shared.monitor import UNWATCHED, Monitor

from ..property import examples

SIDES = ((512, 64), (1024, 32), (1024, 16), (64, 4))  # and multiples, of the models there are, and of a small one


@st.composite
def objects(draw, widest=6000, highest=4000):
    """The size of a photo, and bounds of an object in it."""
    width, height = draw(st.integers(1, widest)), draw(st.integers(1, highest))
    x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return width, height, Window(x, y, draw(st.integers(1, width - x)), draw(st.integers(1, height - y)))


def as_grown(bounds: Window, width: int, height: int) -> Window:
    grow = masks.default_grow(width, height)
    return bounds.grown(grow + masks.default_feather(grow), grow + masks.default_feather(grow), width, height)


@settings(max_examples=examples(500))
@given(objects())
def test_there_is_context_on_both_axes_as_far_as_the_photo_goes(given):
    width, height, bounds = given
    seen = window(bounds, as_grown(bounds, width, height), width, height)
    assert seen.inside(width, height)
    for start, size, seen_start, seen_size, whole in zip(
        bounds[:2], bounds[2:], seen[:2], seen[2:], (width, height), strict=True
    ):
        assert seen_start == 0 or start - seen_start >= size / 2
        assert seen_start + seen_size == whole or seen_start + seen_size - start - size >= size / 2
        assert seen_size >= min(whole, LEAST_WINDOW)
    # Never a thinner strip than the photo makes it.
    assert seen.width == width or seen.width * MOST_ASPECT >= seen.height - 1
    assert seen.height == height or seen.height * MOST_ASPECT >= seen.width - 1


@settings(max_examples=examples(500))
@given(objects(), st.sampled_from(SIDES))
def test_the_canvas_keeps_the_aspect_and_suits_the_model(given, model):
    (width, height, _), (side, multiple) = given, model
    content, size = canvas(width, height, side, multiple)
    for length, padded in zip(content, size, strict=True):
        assert 1 <= length <= padded and padded % multiple == 0 and padded >= side // 2
        assert padded - length < max(multiple, side // 2 + multiple)
    assert content[0] * content[1] <= side * side * 1.1 + max(content)
    assert max(content) <= LONGEST * side
    scale = max(content) / max(width, height)
    assert abs(min(content) - min(width, height) * scale) <= 1, "to the pixel"


@given(objects(), st.sampled_from((families.KONTEXT_SIZES, families.QWEN_SIZES)))
def test_the_canvas_of_a_model_of_certain_sizes_is_one_of_them(given, sizes):
    width, height, _ = given
    content, size = canvas(width, height, 1024, 16, sizes)
    assert size in sizes and all(1 <= length <= padded for length, padded in zip(content, size, strict=True))
    assert abs(min(content) - min(width, height) * max(content) / max(width, height)) <= 1, "to the pixel"
    if 1 / 2 <= width / height <= 2:
        assert min(content[0] / size[0], content[1] / size[1]) > 0.92, "little is padded"


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from((1, 2, 8)), st.integers(0, 99))
def test_a_cell_is_in_the_hole_if_any_of_it_is(width, height, side, seed):
    hole = np.random.default_rng(seed).random((height, width)) < 0.03
    cells = whole_cells(hole, side)
    assert cells.shape == hole.shape and cells[hole].all()
    for y in range(0, height, side):
        for x in range(0, width, side):
            there = slice(y, y + side), slice(x, x + side)
            assert (cells[there] == hole[there].any()).all()


class Sized:
    """All that tiles are cut by."""

    edits, sizes = False, ()

    def __init__(self, side: int, multiple: int):
        self.side, self.multiple = side, multiple


@settings(max_examples=examples(200))
@given(objects(1500, 1000), st.sampled_from(SIDES[:1] + SIDES[-1:]))
def test_tiles_cover_the_hole_and_overlap(given, model):
    width, height, bounds = given
    hole = np.zeros((height, width), bool)
    hole[bounds.slices] = True
    side, _ = model
    near, size, cut = tiles.plan(hole, Sized(*model))
    assert len(cut) <= tiles.MOST_TILES
    if not cut:
        assert max(width, height) <= tiles.WORTH_REFINING * max(canvas(width, height, *model).content) * 1.01 or (
            tiles._count(bounds, 1.0, side) > tiles.MOST_TILES
        )
        return
    assert near.inside(width, height) and near.union(bounds) == near
    covered = np.zeros(size[::-1], bool)
    for tile in cut:
        assert tile.inside(*size) and tile.width <= side and tile.height <= side
        covered[tile.slices] = True
    there = bounds.seen_from(near)
    scale = size[0] / near.width, size[1] / near.height
    rows = slice(math.floor(there.y * scale[1]), math.ceil((there.y + there.height) * scale[1]))
    columns = slice(math.floor(there.x * scale[0]), math.ceil((there.x + there.width) * scale[0]))
    assert covered[rows, columns].all()


def test_the_paper_s_failure_is_a_window_like_any_other():
    """1500 x 170 at the bottom of 1920 x 1080, where the published code raises ValueError."""
    bounds = Window(210, 910, 1500, 170)
    assert window(bounds, as_grown(bounds, 1920, 1080), 1920, 1080) == Window(0, 120, 1920, 960)


# -- pixels


@pytest.fixture(scope="module")
def sampler(small_models, tmp_path_factory):
    """Paints with the small SD 1.5, in two steps and in one at a second look: what happens around it is tested here."""
    from inference_server.fill.diffusion import families
    from inference_server.fill.diffusion.painter import Painter
    from inference_server.fill.prompts import Prompt
    from inference_server.models.store import Store

    painter = Painter(small_models / "sd15", "sd15", Store(tmp_path_factory.mktemp("models")))
    painter.family = families.SD15._replace(presets={Quality.FAST: families.Preset(2, 1.0, "dpm")})
    return painting.Sampler(painter, Prompt("a cat"), 1, Quality.FAST)


@st.composite
def photos(draw):
    """A photo of any kind, and a hole in it that is not empty."""
    width, height, bounds = draw(objects(260, 200))
    depth, channels = draw(st.sampled_from((np.uint8, np.uint16, np.float32))), draw(st.sampled_from((3, 4)))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    image = rng.random((height, width, channels))
    image = image.astype(np.float32) if depth == np.float32 else (image * np.iinfo(depth).max).astype(depth)
    hole = np.zeros((height, width), bool)
    hole[bounds.slices] = draw(st.booleans()) or rng.random((bounds.height, bounds.width)) < 0.5
    hole[bounds.y, bounds.x] = True
    if depth == np.float32 and draw(st.booleans()):
        image[rng.random((height, width)) < 0.1] = draw(st.sampled_from((np.nan, np.inf, 7.5)))
    return image, hole


@settings(max_examples=examples(500), suppress_health_check=list(HealthCheck))
@given(photos())
def test_any_photo_and_any_hole_is_painted(sampler, given):
    image, hole = given
    before = image.copy()
    bounds = windows.bounds(hole)
    painted = filling.fill(image, hole, sampler, UNWATCHED)
    assert painted.shape == (bounds.height, bounds.width, image.shape[2]) and painted.dtype == image.dtype
    assert np.isfinite(painted).all()
    assert np.array_equal(image, before, equal_nan=True)
    if image.shape[2] == 4:
        assert (painted[..., 3] == (1 if image.dtype == np.float32 else np.iinfo(image.dtype).max)).all()


def test_what_is_painted_meets_the_photo_in_its_colours():
    """A picture whose colours have drifted, by one value everywhere or slowly from left to right."""
    y, x = np.mgrid[:60, :80].astype(np.float32)
    picture = np.stack((x / 100, y / 80, 0 * x + 0.4), axis=-1)
    hole = np.zeros((60, 80), bool)
    hole[20:40, 30:60] = True
    for drift in (np.float32((0.05, -0.03, 0.02)), (0.08 * np.sin(x / 25))[..., None]):
        painted = picture - drift
        painted[30:35, 40:50] = 1  # what the model has put there
        corrected = painted + painting.rim_error(picture, painted, hole, 512)
        rim = hole & ~cv2.erode(hole.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        assert np.abs(corrected - picture)[rim].max() < 0.15 * np.abs(drift).max()
        assert np.ptp(corrected[31:34, 41:49], axis=(0, 1)).max() < 0.02, "its own edges stay"


def test_where_the_surroundings_go_on_the_model_begins_with_them(sampler, monkeypatch):
    """The completion lies in the hole that the pipeline is given, and not all of the noise is laid over it."""
    image = np.full((60, 80, 3), 120, np.uint8)
    hole = np.zeros((60, 80), bool)
    hole[20:40, 30:60] = True
    given, begun = [], []
    inputs = sampler.painter._inputs

    def watched(picture, *more):
        given.append(picture)
        made = inputs(picture, *more)
        begun.append(made["strength"])
        return made

    monkeypatch.setattr(sampler.painter, "_inputs", watched)

    def continued(picture, unknown, monitor):
        assert picture.dtype == np.float32 and unknown.shape == picture.shape[:2]
        return np.where(unknown[..., None], np.float32((0.9, 0.1, 0.3)), picture)

    shares = []
    monitor = Monitor(on_progress=lambda share, message: shares.append(share))
    filling.fill(image, hole, sampler, monitor, continued)
    inside = given[0][25 * len(given[0]) // 60, 45 * given[0].shape[1] // 80]
    assert inside == pytest.approx([0.9, 0.1, 0.3], abs=1e-6) and begun[0] < 1
    assert shares == sorted(shares)
    filling.fill(image, hole, sampler, UNWATCHED)
    assert begun[-1] == 1


def test_a_bright_sky_does_not_darken_what_the_model_sees(sampler, monkeypatch):
    """A twentieth of a float photo is as bright as the sun."""
    image = np.full((60, 80, 3), 0.5, np.float32)
    image[:3] = 20
    hole = np.zeros((60, 80), bool)
    hole[20:40, 30:60] = True
    seen, paint = [], sampler.painter.paint
    monkeypatch.setattr(
        sampler.painter, "paint", lambda picture, *given, **more: seen.append(picture) or paint(picture, *given, **more)
    )
    painted = filling.fill(image, hole, sampler, UNWATCHED)
    assert np.median(seen[0]) == pytest.approx(0.5, abs=0.01)
    assert painted.max() <= 20 * pixels.HEADROOM


class Casting(Sized):
    """Stands for a model that goes on as the surroundings do, but for its colours: those of an autoencoder."""

    cell, remarks = 2, ()

    def __init__(self, cast, side=64, *, edits=False):
        super().__init__(side, 4)
        self.cast, self.edits = cast, edits

    def count(self, quality, *, refine=False):
        return 1

    def paint(self, picture, hole, sampling, *, on_step, check):
        y, x = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
        return picture + self.cast(x / picture.shape[1], y / picture.shape[0])[..., None]


CASTS = {  # over a whole picture, and over each tile anew
    "none": lambda x, y: 0 * x,
    "a constant": lambda x, y: 0 * x + np.float32(0.1),
    "a slope": lambda x, y: np.float32(0.1) * (x - y),
    "a wave": lambda x, y: np.float32(0.05) * np.sin(4 * x + 3 * y),
}


@pytest.mark.parametrize("cast", CASTS.values(), ids=CASTS)
@pytest.mark.parametrize("place", [Window(120, 90, 30, 24), Window(60, 50, 240, 170)], ids=["small", "in tiles"])
@pytest.mark.parametrize("edits", [False, True], ids=["fills", "edits"])
def test_no_model_s_colours_leave_a_step_at_the_rim_or_between_tiles(cast, place, edits):
    pytest.importorskip("diffusers", reason="diffusers is not installed (the extra `full`)")
    from inference_server.fill.prompts import Prompt

    photo = np.full((300, 400, 3), (0.3, 0.45, 0.6), np.float32)  # what is in the hole follows from what is around it
    hole = np.zeros((300, 400), bool)
    hole[place.slices] = True
    seen = window(place, place, 400, 300).slices
    sampler = painting.Sampler(Casting(cast, edits=edits), Prompt("the scene"), 1, Quality.FAST)
    filled = photo.copy()
    filled[place.slices] = filling.fill(photo[seen], hole[seen], sampler, UNWATCHED)
    off = 255 * (filled - photo)
    steps = [np.abs(np.diff(off, axis=axis)).max() for axis in (0, 1)]
    assert max(steps) < 1, steps


@pytest.mark.parametrize("cast", CASTS.values(), ids=CASTS)
@pytest.mark.parametrize("place", [Window(0, 60, 120, 150), Window(250, 150, 150, 150)], ids=["border", "corner"])
def test_nor_where_the_photo_ends_as_it_is_laid_over_it(cast, place):
    """There the colours around the hole are known on one side alone; the feather takes what is left, of up to 1.5."""
    pytest.importorskip("diffusers", reason="diffusers is not installed (the extra `full`)")
    from inference_server.fill.prompts import Prompt

    photo = np.full((300, 400, 3), (0.3, 0.45, 0.6), np.float32)
    mask = np.zeros((300, 400), np.uint8)
    mask[place.slices] = 255
    grow = masks.default_grow(400, 300)
    alpha = masks.grow_and_feather(mask, grow, masks.default_feather(grow))
    bounds = windows.bounds(alpha > 0)
    seen = window(place, bounds, 400, 300).slices
    sampler = painting.Sampler(Casting(cast, 128), Prompt("the scene"), 1, Quality.FAST)
    off = np.zeros((300, 400, 3), np.float32)
    off[bounds.slices] = filling.fill(photo[seen], alpha[seen] > 0, sampler, UNWATCHED) - photo[bounds.slices]
    off *= alpha[..., None]  # of 255 levels
    steps = [np.abs(np.diff(off, axis=axis)).max() for axis in (0, 1)]
    assert max(steps) < 1, steps


class Showing(Sized):
    """Stands for a model that paints a picture (h, w, 3) float32, whatever it is given."""

    cell, remarks = 2, ()

    def __init__(self, picture):
        super().__init__(512, 4)
        self.picture = picture

    def count(self, quality, *, refine=False):
        return 1

    def paint(self, picture, hole, sampling, *, on_step, check):
        return cv2.resize(self.picture, picture.shape[1::-1], interpolation=cv2.INTER_AREA)


def edges(radius: float) -> np.ndarray:
    """Squares (256, 256, 3) float32 of two colours over a slope, out of focus by discs of this radius."""
    y, x = np.mgrid[:256, :256]
    light = 0.3 + 0.001 * x + 0.2 * ((x // 24 + y // 24) % 2)
    made = np.repeat(light.astype(np.float32)[..., None], 3, axis=2)
    return np.sqrt(focus.blurred(np.square(made), np.full((256, 256), radius, np.float32)))


@pytest.mark.parametrize("continued", [None, lambda picture, unknown, monitor: picture], ids=["new", "goes on"])
def test_what_is_painted_is_as_much_out_of_focus_as_the_photo(continued):
    pytest.importorskip("diffusers", reason="diffusers is not installed (the extra `full`)")
    from inference_server.fill.prompts import Prompt

    hole = np.zeros((256, 256), bool)
    hole[64:192, 64:192] = True
    rows = np.s_[20:108, 20:108]  # well inside of it

    def filled(photo, **more):
        sampler = painting.Sampler(Showing(edges(0)), Prompt("squares"), 1, Quality.FAST)
        return filling.fill(photo, hole, sampler, UNWATCHED, continued, **more).astype(np.float32)

    soft, sharp = (np.rint(255 * edges(radius)).astype(np.uint8) for radius in (5.0, 0.0))
    as_painted, matched = filled(soft), filled(soft, match_focus=True)
    off = [np.abs(each - 255 * edges(5.0)[64:192, 64:192])[rows].mean() for each in (as_painted, matched)]
    assert off[1] < 0.2 * off[0]
    rim = np.ones((128, 128), bool)
    rim[1:-1, 1:-1] = False
    assert np.abs(matched - as_painted)[rim].max() < 8, "nothing from beyond comes in"
    assert np.array_equal(filled(sharp), filled(sharp, match_focus=True))
    # What stood there was sharp: so is what comes in its place, but not what goes on as the surroundings do.
    stood = np.where(hole[..., None], sharp, soft)
    assert np.array_equal(filled(stood, match_focus=True), as_painted) == (continued is None)
    smooth = np.full_like(soft, 100)
    assert np.array_equal(filled(smooth, match_focus=True), filled(smooth)), "nothing tells"


def test_a_large_hole_has_detail_of_the_photo_s_own_size(sampler):
    """What the sketch cannot hold, the second look adds; and what it holds, it keeps."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (400, 500, 3), np.uint8)
    hole = np.zeros((400, 500), bool)
    hole[100:300, 120:380] = True
    seen = []
    monitor = Monitor(on_progress=lambda share, message: seen.append((share, message)))
    painted = filling.fill(image, hole, sampler, monitor).astype(np.float32)
    blurred = cv2.GaussianBlur(painted, (0, 0), sampler.painter.side / 8)
    fine = painted - cv2.GaussianBlur(painted, (0, 0), 1.5)
    assert fine.std() > 2, "what is finer than the sketch's pixels, 7 of the photo's"
    assert blurred.std() > 0
    shares = [share for share, _ in seen]
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1)
    assert seen[0][1] == "Painting, step 1 of 2" and "Adding detail, part 2 of" in seen[3][1]


def test_no_seam_shows_where_tiles_meet(sampler):
    """Steps along the lines where tiles begin and end are no larger than elsewhere."""
    image = np.full((500, 500, 3), 120, np.uint8)
    hole = np.zeros((500, 500), bool)
    hole[100:400, 100:400] = True
    plan = tiles.plan(hole, sampler.painter)
    painted = filling.fill(image, hole, sampler, UNWATCHED).astype(np.float32)
    steps = np.abs(np.diff(painted, axis=1)).mean(axis=(0, 2))
    left = {tile.x + plan.near.x - 100 for tile in plan.tiles} | {
        tile.x + tile.width + plan.near.x - 100 for tile in plan.tiles
    }
    at_lines = [steps[x - 1] for x in left if 1 <= x < len(steps)]
    assert len(at_lines) > 4
    assert np.mean(at_lines) < 1.3 * np.mean(steps)


def test_what_is_painted_too_smoothly_gets_the_photo_s_grain():
    rng = np.random.default_rng(3)
    hole = np.zeros((300, 400), bool)
    hole[100:220, 120:300] = True
    bounds, whole = windows.bounds(hole), Window(0, 0, 400, 300)
    grainy = np.full((300, 400, 3), 128.0) + rng.normal(scale=2.5, size=(300, 400, 1))
    photo = np.rint(grainy).astype(np.uint8)
    smooth = np.full((300, 400, 3), 0.5, np.float32)
    scene = painting.Scene(photo, hole, ~hole, 255.0)
    noise = filling._missing_grain(scene, smooth, bounds, whole)
    fine = photo[:90].astype(np.float32) - cv2.GaussianBlur(photo[:90].astype(np.float32), (0, 0), 1)
    assert 255 * noise.std() == pytest.approx(fine.std(), rel=0.2)
    # What has it already gets no more, and a photo without any gives none.
    has_it = (grainy / 255).astype(np.float32)
    assert 255 * filling._missing_grain(scene, has_it, bounds, whole).std() < 0.5 * fine.std()
    assert not filling._missing_grain(scene._replace(image=np.full_like(photo, 128)), smooth, bounds, whole).any()


@settings(max_examples=examples(100))
@given(st.data())
def test_a_part_is_shown_where_it_lies(data):
    """A part of a smooth picture, put into the picture's own overview, changes nothing that one would see."""
    width, height = data.draw(st.integers(300, 900)), data.draw(st.integers(300, 900))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    picture = np.stack((x / width, y / height, 0 * x + 0.5), axis=-1)
    shown = painting.overview(picture)
    near = Window(20, 30, width - 50, height - 60)
    scale = data.draw(st.floats(0.5, 1))
    size = round(near.width * scale), round(near.height * scale)
    close = cv2.resize(picture[near.slices], size, interpolation=cv2.INTER_AREA)
    left, top = data.draw(st.integers(0, size[0] - 64)), data.draw(st.integers(0, size[1] - 64))
    tile = Window(left, top, 64, 64)
    place = tiles._place(tile, tiles.Tiles(near, size, ()), Window(0, 0, width, height), shown.shape)
    changed = painting.with_part(shown, close[tile.slices], np.ones((64, 64), bool), place)
    a_pixel = 255 / min(shown.shape[:2])  # it lies on whole ones
    assert np.abs(changed.astype(int) - shown).max() <= a_pixel + 1
    assert (painting.with_part(shown, 1 - close[tile.slices], np.ones((64, 64), bool), place) != shown).any()
