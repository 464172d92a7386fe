"""Fill and Replace with small real models, the product's whole way: in Engine, as jobs, and over a real socket."""

import shutil
import threading

import numpy as np
import pytest

pytest.importorskip("diffusers", reason="diffusers is not installed (the extra `full`)")

from inference_server import Engine, UserError
from inference_server.fill import diffusion
from inference_server.fill.diffusion import memory
from inference_server.imaging import masks
from inference_server.imaging.pixels import to_proxy
from inference_server.models import devices
from inference_server.models.store import Store
from inference_server.replace.backgrounds import Gradient
from inference_server.serve.dispatch import perform
from inference_server.shared import client, messages, paths
from inference_server.shared.geometry import Window
from inference_server.shared.messages import (
    ExpandPrompt,
    ImageRef,
    Inpaint,
    Inpainted,
    Job,
    Locate,
    MaskOptions,
    ObjectPrompt,
    PaintOptions,
    Preview,
    Progress,
    Quality,
    Target,
)
from inference_server.shared.monitor import UNWATCHED, Monitor
from inference_server.shared.wire import ProtocolError, attach, extract

from ..conftest import CLICK, new_home
from ..servers import SERVE, stopped, wait_until
from ..small_models import picture
from .test_pipelines import in_the_catalogue

WIDTH, HEIGHT = 120, 80  # of the photo: a few tiles of the small models
AT = Window(40, 27, 33, 20)  # the object
DEPTHS = {"8 bits": (np.uint8, 1), "16 bits": (np.uint16, 257), "float": (np.float32, 1 / 255)}
KINDS = ("sd15", "sdxl", "flux")
GIVEN_UP = "Inpaint refused: cancelled"  # in the log of a server
PAIRS = [*(("sd15", depth) for depth in DEPTHS), ("sdxl", "16 bits"), ("flux", "float")]


@pytest.fixture(scope="module")
def painting(models) -> Engine:
    return Engine(Store(models))


@pytest.fixture(scope="module")
def scene():
    """A photo (HEIGHT, WIDTH, 3) uint8 and an object's mask."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[AT.slices] = 255
    return picture(WIDTH, HEIGHT), mask


def test_without_a_prompt_the_model_begins_with_what_is_around(painting, small_models, scene, monkeypatch):
    """And with one it does not; the seed gives the same again."""
    image, mask = scene
    begun = []
    continued = Engine._continued

    def watched(self, picture, hole, monitor):
        begun.append((picture[~hole], continued(self, picture, hole, monitor)))
        return begun[-1][1]

    monkeypatch.setattr(Engine, "_continued", watched)
    first, again = (painting.fill(image, mask, model=str(small_models / "sd15"), quality="fast") for _ in range(2))
    assert len(begun) == 2 and (first == again).all() and np.isfinite(begun[0][1]).all()
    painting.fill(image, mask, "a bear", model=str(small_models / "sd15"), quality="fast")
    assert len(begun) == 2


def test_what_takes_memory_leaves_where_a_model_cannot_be_read(models, small_models, scene, monkeypatch):
    """And it is read once more."""
    engine = Engine(Store(models))
    load, asked = diffusion.load, []

    def short(*given):
        asked.append(engine._inpainter)
        if len(asked) == 1:
            raise memory.lacking()
        return load(*given)

    monkeypatch.setattr(diffusion, "load", short)
    engine._inpainter = held = object()
    filled = engine.fill(*scene, "a cat", model=str(small_models / "sd15"), quality="fast")
    assert asked == [held, None] and (filled != scene[0]).any()


def deep(image: np.ndarray, depth: str) -> np.ndarray:
    kind, factor = DEPTHS[depth]
    return (image * kind(factor)).astype(kind)


@pytest.mark.parametrize(("kind", "depth"), PAIRS)
def test_outside_the_mask_a_fill_changes_nothing(painting, small_models, scene, kind, depth):
    image, mask = deep(scene[0], depth), scene[1]
    before = image.copy()
    filled = painting.fill(image, mask, "a teddy bear", model=str(small_models / kind), quality="fast", seed=5)
    grow = masks.default_grow(WIDTH, HEIGHT)
    alpha = masks.grow_and_feather(mask, grow, masks.default_feather(grow))
    assert filled.dtype == image.dtype and (image == before).all()
    assert (filled == image)[alpha == 0].all()
    assert (filled != image).any(axis=2)[alpha == 255].mean() > 0.9


def test_a_seed_gives_its_picture_again_and_another_gives_another(painting, small_models, scene):
    model = str(small_models / "sd15")
    first, again, other = (painting.fill(*scene, "a cat", model=model, quality="fast", seed=seed) for seed in (5, 5, 6))
    assert (again == first).all() and (other != first).any()
    first, again = (painting.replace(*scene, "an office", model=model, quality="fast", seed=5) for _ in range(2))
    assert (again == first).all()


def test_more_than_8_bits_come_back_as_more(painting, small_models, scene):
    image = deep(scene[0], "16 bits")
    filled = painting.fill(image, scene[1], "a cat", model=str(small_models / "sd15"), quality="fast")
    assert len(np.unique(filled[AT.slices] % 257)) > 50


@pytest.mark.parametrize(("kind", "depth"), PAIRS)
def test_a_replace_keeps_the_object_bit_for_bit(painting, small_models, scene, kind, depth):
    image, mask = deep(scene[0], depth), scene[1].copy()
    mask[AT.y, AT.x : AT.x + AT.width] = 120  # a soft edge
    before = image.copy()
    new = painting.replace(image, mask, "in an office", model=str(small_models / kind), quality="fast", seed=5)
    assert new.dtype == image.dtype
    assert (image == before).all() and (new == image)[mask == 255].all()
    assert (new != image).any(axis=2)[mask == 0].mean() > 0.9


def test_the_mask_s_edge_is_no_wider_than_its_feather(painting, small_models, scene):
    """Of what is mixed, apart from what is old or new: along a row through the object, at its right side."""
    image, mask = scene
    paint = PaintOptions(prompt="a cat", quality=Quality.FAST, model=str(small_models / "sd15"))
    for feather in (0, 3, 9):
        patch, _ = painting.fill_patch(image, mask, paint, MaskOptions(grow=4, feather=feather))
        row = patch.alpha[patch.alpha.shape[0] // 2]
        assert np.count_nonzero((row > 0) & (row < 255)) <= 2 * feather
        kept, _ = painting.replace_patch(image, mask, Gradient((0, 0, 0), (1, 1, 1)), MaskOptions(feather=feather))
        row = kept.alpha[AT.y + AT.height // 2]
        assert np.count_nonzero((row > 0) & (row < 255)) <= 2 * feather


def test_an_empty_prompt_goes_on_as_the_surroundings_do(painting, small_models, scene):
    told = painting.expand_prompt(Job.FILL, scene[0], PaintOptions(model=str(small_models / "sd15")))
    assert "same place" in told.positive and "blurry" in told.negative
    painting.fill(*scene, model=str(small_models / "sd15"), quality="fast")
    plain = painting.expand_prompt(
        Job.FILL, scene[0], PaintOptions(prompt="a cat", help_prompt=False, model=str(small_models / "sd15"))
    )
    assert plain == ("a cat", "")


def test_wrong_wishes_get_one_sentence(painting, small_models, scene):
    image, mask = scene
    model, nothing, everything = str(small_models / "sd15"), np.zeros_like(mask), np.full_like(mask, 255)
    for job, given, settings, says in (
        ("fill", nothing, {}, "The mask is empty"),
        ("replace", nothing, {"prompt": "x"}, "The mask is empty"),
        ("fill", everything, {}, "covers everything: there is nothing to go on from"),
        ("replace", everything, {"prompt": "x"}, "no background to replace"),
        ("replace", mask, {}, "Nothing says what should be around"),
        ("fill", mask, {"quality": "superb"}, "quality must be one of fast, balanced, best"),
        ("fill", mask, {"seed": -1}, "seed must be"),
        ("fill", mask, {"grow": -1}, "cannot be negative"),
        ("fill", mask, {"model": "/nowhere"}, "There is no model /nowhere"),
        ("fill", mask[:-1], {}, "mask must be"),
    ):
        with pytest.raises(UserError, match=says):
            getattr(painting, job)(image, given, **{"model": model, **settings})


def test_everything_can_be_filled_from_a_prompt(painting, small_models, scene):
    image, mask = scene
    filled = painting.fill(image, np.full_like(mask, 255), "a sea", model=str(small_models / "sd15"), quality="fast")
    assert (filled != image).any(axis=2).mean() > 0.9


@pytest.mark.parametrize("bounds", [(0, 0, 120, 80), (0, 0, 120, 14), (67, 73, 53, 7), (0, 0, 1, 1), (119, 79, 1, 1)])
def test_objects_at_the_edges(painting, small_models, scene, bounds):
    mask = np.zeros_like(scene[1])
    mask[Window(*bounds).slices] = 255
    filled = painting.fill(scene[0], mask, "a cat", model=str(small_models / "sd15"), quality="fast")
    assert filled.shape == scene[0].shape


def test_progress_is_true_and_the_picture_is_seen_forming(painting, small_models, scene):
    words, shown = [], []
    model = str(small_models / "sd15")
    painting.fill(*scene, "a cat", model=model, progress=lambda *said: words.append(said), preview=shown.append)
    shares = [share for share, _ in words]
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1)
    sketch = [word for _, word in words if word.startswith("Painting")]
    assert sketch == [f"Painting, step {k} of 20" for k in range(1, 21)]
    parts = [word for _, word in words if word.startswith("Adding detail")]
    count = int(parts[-1].split(" of ")[1].split(",")[0])
    assert parts == [
        f"Adding detail, part {n} of {count}, step {k} of 8" for n in range(1, count + 1) for k in range(1, 9)
    ]
    assert len(shown) == 20 + len(parts)
    assert {(each.dtype.name, each.shape) for each in shown} == {("uint8", shown[0].shape)}
    assert (shown[0] != shown[19]).any() and (shown[19] != shown[-1]).any()


@pytest.mark.parametrize("kind", [*KINDS, None])
def test_the_progress_of_a_replacement_only_rises_and_ends_at_1(painting, small_models, scene, kind):
    how = (
        {"prompt": "a sea", "model": str(small_models / kind)} if kind else {"backdrop": Gradient((0, 0, 0), (1, 1, 1))}
    )
    shares = []
    painting.replace(*scene, quality="fast", progress=lambda share, _: shares.append(share), **how)
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1) and len(shares) > 3


def test_cancelled_after_a_step_the_next_is_not_finished(painting, small_models, scene):
    heard = []
    with pytest.raises(UserError, match="Cancelled"):
        painting.fill(
            *scene,
            "a cat",
            model=str(small_models / "sd15"),
            progress=lambda share, word: heard.append(word),
            cancelled=lambda: any("step 4 of" in word for word in heard),
        )
    assert [word for word in heard if "step" in word] == [f"Painting, step {k} of 20" for k in (1, 2, 3, 4)]


def test_what_is_not_in_use_leaves_the_device(models, small_models, photo, rocket, scene, monkeypatch):
    """With a figure of free memory that is always too small for two."""
    engine = Engine(Store(models))
    engine.segment(photo, [CLICK], [1])
    assert engine._selector._segmenter is not None
    monkeypatch.setattr(devices, "free", lambda device: 200 << 20)
    engine.fill(*scene, "a cat", model=str(small_models / "sd15"), quality="fast")
    assert engine._selector._segmenter is None, "the finder made room for the painter"
    assert engine._painter._plan is not None
    engine.segment(np.roll(photo, 5, axis=1), [(CLICK[0] + 5, CLICK[1])], [1])
    assert engine._painter._plan is None, "and the painter for the finder"
    engine.fill(*scene, "a cat", model=str(small_models / "sdxl"), quality="fast")
    assert engine._painter.family.title == "Stable Diffusion XL"


def test_the_next_picture_is_painted_with_the_best_that_is_there(tmp_path, small_models, scene, monkeypatch):
    """Without a GPU that is the model that needs least."""
    monkeypatch.setattr(devices, "total", lambda device: 0)
    for kind in ("sdxl", "sd15"):
        shutil.copytree(small_models / kind, tmp_path / f"{kind}-inpainting")
        in_the_catalogue(monkeypatch, tmp_path / f"{kind}-inpainting")
    away = (tmp_path / "sd15-inpainting").rename(tmp_path / "away")
    store = Store(tmp_path)
    engine = Engine(store)

    def title() -> str:
        engine.fill(*scene, "a cat", quality="fast")
        return engine._painter.family.title

    assert title() == "Stable Diffusion XL"
    first = engine._painter
    assert title() == "Stable Diffusion XL" and engine._painter is first, "it is kept"
    away.rename(tmp_path / "sd15-inpainting")
    assert title() == "Stable Diffusion"
    store.remove("sd15-inpainting")
    assert title() == "Stable Diffusion XL"


# -- as jobs


def request(image: np.ndarray, mask: np.ndarray, job: Job = Job.FILL, **more) -> tuple[Inpaint, list[bytes]]:
    frames: list[bytes] = []
    height, width, channels = image.shape
    pixels = attach(frames, width, height, channels, image.dtype.name, image.tobytes())
    drawn = attach(frames, width, height, 1, "uint8", mask.tobytes(), pack=True)
    described = ImageRef(width=width, height=height, key="")
    target = Target(mask=drawn)
    window = Window(0, 0, width, height)
    return Inpaint(job=job, image=described, target=target, window=window, pixels=pixels, **more), frames


def array(raster, frames) -> np.ndarray:
    return np.frombuffer(extract(raster, frames), raster.depth).reshape(raster.height, raster.width, -1)


def ask(engine, message, frames=()):
    """All the answers, and the pictures that formed."""
    sent = []
    last = perform(engine, message, frames, UNWATCHED, lambda *answer: sent.append(answer))
    results = [answer for answer in (*sent, last) if isinstance(answer[0], Inpainted)]
    return results or [last], [answer for answer in sent if isinstance(answer[0], Preview)]


def test_a_job_gives_what_the_engine_gives(painting, small_models, scene):
    image, mask = scene
    paint = PaintOptions(prompt="a cat", quality=Quality.FAST, model=str(small_models / "sd15"))
    message, frames = request(image, mask, paint=paint, seed=3)
    ((painted, answer),), previews = ask(painting, message, frames)
    patch, told = painting.fill_patch(image, mask, paint, MaskOptions(), seed=3)
    assert (array(painted.pixels, answer) == patch.pixels).all()
    assert (array(painted.alpha, answer)[..., 0] == patch.alpha).all()
    assert (painted.seed, painted.prompt, painted.negative, painted.more) == (3, *told, 0)
    assert previews and array(previews[0][0].picture, previews[0][1]).shape[2] == 3


def test_variations_come_one_by_one_each_with_its_seed(painting, small_models, scene):
    paint = PaintOptions(prompt="a cat", quality=Quality.FAST, model=str(small_models / "sd15"))
    message, frames = request(*scene, paint=paint, seed=7, variations=3)
    results, _ = ask(painting, message, frames)
    assert [(painted.seed, painted.more) for painted, _ in results] == [(7, 2), (8, 1), (9, 0)]
    pictures = [array(painted.pixels, answer) for painted, answer in results]
    assert (pictures[0] != pictures[1]).any() and (pictures[1] != pictures[2]).any()
    message, frames = request(*scene, paint=paint, seed=8)
    ((alone, answer),), _ = ask(painting, message, frames)
    assert (array(alone.pixels, answer) == pictures[1]).all()


def test_grey_photos_stay_grey(painting, small_models, scene):
    image, mask = scene
    paint = PaintOptions(prompt="a cat", quality=Quality.FAST, model=str(small_models / "sd15"))
    for channels in (1, 2):
        message, frames = request(np.ascontiguousarray(image[..., :channels]), mask, paint=paint)
        ((painted, _),), _ = ask(painting, message, frames)
        assert painted.pixels.channels == channels


def test_a_background_needs_no_model(painting, scene):
    image, mask = scene
    frames: list[bytes] = []
    sea = attach(frames, 4, 2, 3, "uint8", bytes(24))
    for background in (
        messages.Background(colours=((1.0, 0.0, 0.0),)),
        messages.Background(colours=((1.0, 0.0, 0.0), (0.0, 0.0, 1.0))),
        messages.Background(blur=0.5),
        messages.Background(picture=messages.Raster(**{**vars(sea), "frame": 2})),
    ):
        message, own = request(image, mask, Job.REPLACE, background=background)
        ((painted, answer),), _ = ask(painting, message, [*own, *frames])
        assert painted.window == (0, 0, WIDTH, HEIGHT)
        assert (array(painted.alpha, answer)[..., 0] == 255 - mask).all()


@pytest.mark.parametrize(
    "background",
    [
        messages.Background(),
        messages.Background(colours=((0.0, 0.0, 0.0),) * 3),
        messages.Background(colours=((0.0, 0.0, 0.0),), blur=0.5),
        messages.Background(picture=messages.Raster(4, 2, 3, "uint8", 9)),
    ],
)
def test_a_background_that_contradicts_itself_is_refused(painting, scene, background):
    message, frames = request(*scene, Job.REPLACE, background=background)
    with pytest.raises(ProtocolError):
        ask(painting, message, frames)


@pytest.mark.parametrize("variations", [0, -1, 17])
def test_too_many_variations_are_refused(painting, small_models, scene, variations):
    message, frames = request(
        *scene, paint=PaintOptions(prompt="x", model=str(small_models / "sd15")), variations=variations
    )
    with pytest.raises(ProtocolError):
        ask(painting, message, frames)


def test_a_fill_is_located_with_what_a_model_should_see(painting, small_models, photo, rocket):
    proxy = to_proxy(photo)
    frames: list[bytes] = []
    raster = attach(frames, 640, 427, 3, "uint8", proxy.tobytes())
    described = ImageRef(width=640, height=427, key=messages.image_key(640, 427, proxy.tobytes()), proxy=raster)
    target = Target(prompts=(ObjectPrompt(points=(CLICK,), labels=(1,)),))
    message = Locate(job=Job.FILL, image=described, target=target, model=str(small_models / "sd15"))
    ((located, _),), _ = ask(painting, message, frames)
    assert located.window[2] >= 512 and located.window[3] == 427
    ((suggested, _),), _ = ask(
        painting,
        ExpandPrompt(
            job=Job.FILL, image=described, paint=PaintOptions(prompt="a kite", model=str(small_models / "sd15"))
        ),
        frames,
    )
    assert "a kite" in suggested.prompt and suggested.negative
    with pytest.raises(UserError, match="needs the model"):
        ask(painting, Locate(job=Job.REPLACE, image=described, target=target), frames)
    unpainted = Locate(job=Job.REPLACE, image=described, target=target, paints=False)
    ((located, _),), _ = ask(painting, unpainted, frames)
    assert located.window == (0, 0, 640, 427)


# -- over a real socket


@pytest.fixture(scope="module")
def connection(tmp_path_factory, models):
    """A client of a server that these tests share: importing what it paints with takes longer than painting."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(paths.HOME_VARIABLE, str(new_home(tmp_path_factory, models)))
        with client.connect(SERVE) as connected:
            yield connected
        wait_until(stopped)


@pytest.mark.parametrize("kind", KINDS)
def test_over_the_socket_variations_and_previews_come_before_the_last_result(
    connection,
    painting,
    small_models,
    scene,
    kind,
):
    image, mask = scene
    paint = PaintOptions(prompt="a cat", quality=Quality.FAST, model=str(small_models / kind))
    message, frames = request(image, mask, paint=paint, seed=7, variations=2)
    came, words = [], []
    last, answer = connection.request(
        message,
        frames,
        monitor=Monitor(on_progress=lambda share, message: words.append(message)),
        partial=lambda reply, its: came.append((reply, its)),
    )
    kinds = [type(reply) for reply, _ in came]
    assert kinds.count(Inpainted) == 1 and Preview in kinds and Progress not in kinds
    (first, its), *_ = [(reply, its) for reply, its in came if isinstance(reply, Inpainted)]
    assert (first.seed, first.more, last.seed, last.more) == (7, 1, 8, 0)
    assert (array(first.pixels, its) != array(last.pixels, answer)).any()
    assert any("1 of 2: " in word for word in words)
    patch, _ = painting.fill_patch(image, mask, paint, MaskOptions(), seed=8)
    assert (array(last.pixels, answer) == patch.pixels).all(), "what another process makes of the same seed"


@pytest.mark.parametrize("kind", KINDS)
def test_over_the_socket_a_cancel_frees_the_server_within_a_step(connection, small_models, scene, kind):
    paint = PaintOptions(prompt="a cat", quality=Quality.BEST, model=str(small_models / kind))
    message, frames = request(*scene, paint=paint, variations=16)
    asked, formed, log = threading.Event(), [], paths.home() / "server.log"
    before = log.read_text().count(GIVEN_UP)
    with pytest.raises(UserError, match="Cancelled"):
        connection.request(
            message,
            frames,
            partial=lambda reply, its: formed.append(reply) or asked.set(),
            monitor=Monitor(is_cancelled=asked.is_set),
        )
    assert len(formed) < 16
    assert connection.hello().jobs_waiting == 0
    wait_until(lambda: log.read_text().count(GIVEN_UP) > before)  # and not done, after all its steps
