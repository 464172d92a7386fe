"""FLUX.2 [klein], which changes a picture that it sees: a small one of the real architecture."""

import inspect

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers", reason="diffusers is not installed (the extra `full`)")

from inference_server import Engine, UserError  # noqa: E402
from inference_server.cli import parser  # noqa: E402
from inference_server.fill import diffusion, filling, prompts  # noqa: E402
from inference_server.fill.diffusion import families  # noqa: E402
from inference_server.fill.diffusion.painter import Painter, Sampling  # noqa: E402
from inference_server.fill.painting import Sampler  # noqa: E402
from inference_server.fill.prompts import Prompt  # noqa: E402
from inference_server.imaging.files import reading, writing  # noqa: E402
from inference_server.imaging.files.photograph import Format, Photograph  # noqa: E402
from inference_server.models.store import Store  # noqa: E402
from inference_server.serve import dispatch  # noqa: E402
from inference_server.shared.geometry import Window  # noqa: E402
from inference_server.shared.messages import ImageRef, Inpaint, Job, PaintOptions, Quality, Target  # noqa: E402
from inference_server.shared.monitor import UNWATCHED  # noqa: E402
from inference_server.shared.wire import ProtocolError  # noqa: E402

from .. import small_pipelines  # noqa: E402
from ..small_models import picture  # noqa: E402
from .test_pipelines import at_a_quarter  # noqa: E402

TEDDY = Prompt("a teddy bear")


@pytest.fixture(scope="module", autouse=True)
def small():
    """The family at a quarter of its side, at which it is quick: the pipeline's own side is not the files'."""
    with pytest.MonkeyPatch.context() as patched:
        at_a_quarter(patched, "flux2")
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small_pipelines.flux2(tmp_path_factory.mktemp("klein") / "flux2-klein")


@pytest.fixture(scope="module")
def painter(folder, tmp_path_factory) -> Painter:
    return Painter(folder, families.family_of(folder), Store(tmp_path_factory.mktemp("none")))


@pytest.fixture
def given(painter, monkeypatch) -> list[dict]:
    """What the pipeline is called with, each time."""
    calls, call = [], type(painter._pipeline).__call__

    def spied(self, **inputs):
        calls.append(inputs)
        return call(self, **inputs)

    monkeypatch.setattr(type(painter._pipeline), "__call__", spied)
    spied.__signature__ = inspect.signature(call)
    return calls


def test_it_is_known_by_its_files_and_read_as_what_paints_into_a_hole(painter):
    assert painter.family.title == families.FLUX2.title and painter.edits
    assert type(painter._pipeline).__name__ == "Flux2KleinInpaintPipeline" and painter._pipeline.config.is_distilled
    assert painter.cell == 2 * painter._pipeline.vae_scale_factor


def test_it_paints_as_the_pipeline_of_diffusers_does(painter, holed, given):
    """The hole that the pipeline is told is whole cells; what comes out is the pipeline's own picture."""
    pixels, hole = holed
    seen = []
    painted = painter.paint(pixels, hole, Sampling(TEDDY, 7, Quality.FAST), on_step=seen.append)
    (inputs,) = given
    assert inputs["num_inference_steps"] == 4 and inputs["guidance_scale"] == 1 and inputs["strength"] == 1
    expected = painter._pipeline(
        prompt=TEDDY.positive,
        image=torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None],
        mask_image=inputs["mask_image"],
        strength=1.0,
        num_inference_steps=4,
        guidance_scale=1.0,
        generator=torch.Generator("cpu").manual_seed(7),
        output_type="pt",
    ).images[0]
    assert np.abs(painted - expected.permute(1, 2, 0).float().numpy()).max() < 1e-5
    assert len(seen) == 4 and seen[-1].preview.shape[:2] == (32, 48), "of latents, two pixels a side each"


def test_the_preview_unpacks_and_scales_latents_as_the_pipeline_packs_them(painter, holed):
    pipeline, pixels = painter._pipeline, torch.from_numpy(holed[0].transpose(2, 0, 1).copy())[None]
    given = (pixels * 2 - 1).to(pipeline.vae.dtype)
    with torch.no_grad():
        latents = pipeline.vae.encode(given).latent_dist.mode().float()
        packed = pipeline._pack_latents(pipeline._encode_vae_image(given, torch.Generator()))
    assert (painter._preview._unpacked(packed, 96, 64) - latents).abs().max() < 0.02 * latents.abs().max()


def test_a_prompt_that_is_too_long_is_said(painter, holed):
    painter.paint(*holed, Sampling(Prompt("bear " * 200), 1, Quality.FAST))
    assert any("too long" in str(remark) for remark in painter.remarks)
    painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST))
    assert not painter.remarks


def test_it_sees_what_it_is_to_change_and_is_given_no_tiles(painter, given):
    image = picture(300, 200)
    hole = np.zeros((200, 300), bool)
    hole[60:140, 90:200] = True
    sampler = Sampler(painter, TEDDY, 1, Quality.FAST)
    painted = filling.fill(image, hole, sampler, UNWATCHED, continued=lambda *_: pytest.fail("it sees the picture"))
    assert painted.shape == (80, 110, 3) and len(given) == 1
    shown = given[0]["image"][0].permute(1, 2, 0).numpy()
    content = filling.canvas(300, 200, painter.side, painter.multiple).content
    expected = filling.resize(image.astype(np.float32) / 255, content)
    assert np.abs(shown[: content[1], : content[0]] - expected).mean() < 0.02


@pytest.mark.parametrize("size", [(4000, 2600), (1000, 1000), (900, 4000), (8000, 300)])
def test_no_picture_is_so_large_that_the_pipeline_would_reduce_it(size):
    side = round(1024 * families.FLUX2.share)
    width, height = filling.canvas(*size, side, 16).size
    assert width * height <= 1024**2


def test_words_are_left_as_they_are_and_an_empty_prompt_removes():
    grey = np.full((64, 64, 3), 128, np.uint8)
    grey[..., 0] = 140
    preset = families.FLUX2.presets[Quality.BALANCED]
    own = prompts.expand(PaintOptions(prompt="turn the dog into a cat"), families.FLUX2, preset, grey)
    assert own.positive == "turn the dog into a cat" and not own.negative
    assert prompts.expand(PaintOptions(), families.FLUX2, preset, grey).positive.startswith("Remove what is")


# -- a picture as the prompt


def a_hole() -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros((80, 120), np.uint8)
    mask[25:50, 40:80] = 255
    return picture(120, 80), mask


def test_a_picture_says_what_it_is_to_look_like(folder, tmp_path):
    engine, (image, mask) = Engine(Store(tmp_path)), a_hole()
    asked = {"prompt": "like this", "quality": "fast", "model": str(folder), "grow": 0, "feather": 0}
    plain = engine.fill(image, mask, **asked)
    red = engine.fill(image, mask, reference=np.full((40, 60, 3), (250, 10, 10), np.uint8), **asked)
    blue = engine.fill(image, mask, reference=np.full((40, 60, 3), (10, 10, 250), np.uint16), **asked)
    for one, other in ((plain, red), (red, blue)):
        assert (one[mask > 0] != other[mask > 0]).any() and (one[mask == 0] == other[mask == 0]).all()


def test_the_pipeline_gets_the_picture_small_and_whole(painter, holed, given):
    like = np.random.default_rng(1).random((64, 32, 3)).astype(np.float32)
    painter.paint(*holed, Sampling(TEDDY, 1, Quality.FAST, reference=like))
    assert (given[0]["image_reference"][0].permute(1, 2, 0).numpy() == like).all()


def test_a_model_that_is_told_by_words_alone_says_so_before_it_is_loaded(small_models, tmp_path, monkeypatch):
    image, mask = a_hole()
    monkeypatch.setattr(diffusion, "load", lambda *_: pytest.fail("it was loaded"))
    with pytest.raises(UserError, match="by words alone") as caught:
        Engine(Store(tmp_path)).fill(image, mask, "a cat", model=str(small_models / "sd15"), reference=image)
    assert "flux2-klein" in str(caught.value.remedy)


def test_on_the_command_line_it_is_a_file(folder, tmp_path, home):
    image, mask = a_hole()
    for name, pixels in (("photo", image), ("like", image[::-1, :50]), ("mask", mask[..., None].repeat(3, axis=2))):
        file = tmp_path / f"{name}.png"
        file.touch()
        writing.write(file, Photograph(pixels=np.ascontiguousarray(pixels), format=Format.PNG), Format.PNG, None)
    command = ["fill", "photo.png", "--mask", "mask.png", "--model", str(folder), "--prompt", "x", "-q", "-o"]
    command = [str(tmp_path / part) if part.endswith(".png") else part for part in command]
    for out, more in (("a", []), ("b", ["--reference", str(tmp_path / "like.png")])):
        assert parser.main([*command, str(tmp_path / f"{out}.png"), "--quality", "fast", *more]) == 0
    a, b = (reading.read(tmp_path / f"{out}.png").pixels for out in "ab")
    assert (a != b).any()
    assert parser.main([*command, str(tmp_path / "c.png"), "--reference", str(tmp_path / "none.png")]) == 1


@pytest.mark.parametrize(
    ("channels", "side", "says"), [(3, 8, None), (4, 8, "small picture"), (3, 1025, "small picture")]
)
def test_it_travels_as_a_small_picture(channels, side, says):
    pixels = np.zeros((1, side, channels), np.uint8)
    frames: list[bytes] = []
    raster = dispatch._attach_pixels(pixels, frames)
    size = {"width": 4, "height": 4}
    message = Inpaint(
        job=Job.FILL,
        image=ImageRef(**size, key="x"),
        target=Target(),
        window=Window(0, 0, 4, 4),
        pixels=raster,
        reference=raster,
    )
    if says:
        with pytest.raises(ProtocolError, match=says):
            dispatch._reference(message, frames)
    else:
        assert np.array_equal(dispatch._reference(message, frames), pixels)
