"""FLUX.1 Kontext and Qwen-Image-Edit, which change a picture as they are told: small ones of their architectures."""

import importlib

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="torch is not installed (the extra `full`)")
diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed (the extra `full`)")

from inference_server import Engine, UserError  # noqa: E402
from inference_server.fill import diffusion, prompts  # noqa: E402
from inference_server.fill.diffusion import families  # noqa: E402
from inference_server.fill.diffusion.painter import Sampling  # noqa: E402
from inference_server.fill.prompts import Prompt  # noqa: E402
from inference_server.models import devices  # noqa: E402
from inference_server.models.store import Store  # noqa: E402
from inference_server.shared.messages import Job, PaintOptions, Quality  # noqa: E402

from .. import small_pipelines  # noqa: E402
from ..small_models import picture  # noqa: E402
from .test_pipelines import in_the_catalogue  # noqa: E402

NAMES = {"kontext": "flux1-kontext", "qwen_edit": "qwen-image-edit"}
LIBRARY = {
    "kontext": importlib.import_module("diffusers.pipelines.flux.pipeline_flux_kontext_inpaint"),
    "qwen_edit": importlib.import_module("diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_inpaint"),
}
DIMENSIONS = LIBRARY["qwen_edit"].calculate_dimensions
RESOLUTIONS = sorted(LIBRARY["kontext"].PREFERRED_KONTEXT_RESOLUTIONS)
SIZES = ((96, 64), (64, 96))
RED = Prompt("make it red")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Both, as models of the catalogue, with pictures of a hundredth of the size, at which they are quick."""
    folder = tmp_path_factory.mktemp("instructed")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(devices, "multiplies_bfloat16", lambda device: False)  # what is compared computes in 32 bits
        for kind, name in NAMES.items():
            getattr(small_pipelines, kind)(folder / name)
            in_the_catalogue(patched, folder / name)
            patched.setitem(families.FAMILIES, kind, families.FAMILIES[kind]._replace(sizes=SIZES))
        patched.setattr(LIBRARY["kontext"], "PREFERRED_KONTEXT_RESOLUTIONS", list(SIZES))
        small = lambda area, aspect: (*families.nearest_area(aspect, 78), None)  # noqa: E731
        patched.setattr(LIBRARY["qwen_edit"], "calculate_dimensions", small)
        yield Store(folder)


@pytest.fixture(scope="module")
def painters(store):
    return {kind: diffusion.load(store, Job.FILL, name) for kind, name in NAMES.items()}


@pytest.mark.parametrize("kind", NAMES)
def test_it_paints_as_the_pipeline_of_diffusers_does(store, painters, holed, kind):
    """From files to pixels: its makers' files name the pipeline that changes a whole picture."""
    photo, hole = (holed[0] * 255).round().astype(np.uint8), holed[1]
    painter, seen = painters[kind], []
    painted = painter.paint(photo.astype(np.float32) / 255, hole, Sampling(RED, 7, Quality.FAST), on_step=seen.append)
    plain = getattr(diffusers, families.FAMILIES[kind].pipelines[0]).from_pretrained(store.folder / NAMES[kind])
    plain.set_progress_bar_config(disable=True)
    told = {
        "kontext": {"guidance_scale": 2.5, "num_inference_steps": 14},
        "qwen_edit": {"true_cfg_scale": 4.0, "negative_prompt": " ", "num_inference_steps": 15},
    }[kind]
    cells = hole.reshape(8, 8, 12, 8).any(axis=(1, 3)) if kind == "qwen_edit" else hole  # edges of 2 pixels are cells
    expected = plain(
        prompt="make it red",
        image=PIL.Image.fromarray(photo),
        mask_image=PIL.Image.fromarray(cells.astype(np.uint8) * 255).resize((96, 64), PIL.Image.Resampling.NEAREST),
        strength=1.0,
        generator=torch.Generator("cpu").manual_seed(7),
        output_type="pt",
        **told,
    ).images[0]
    assert painter.edits and painter.cell == (8 if kind == "qwen_edit" else 2)
    assert np.abs(painted - expected.permute(1, 2, 0).float().numpy()).max() < 1e-5
    assert len(seen) == told["num_inference_steps"] and all(step.preview is not None for step in seen)
    assert (painted != painter.paint(holed[0], hole, Sampling(RED, 8, Quality.FAST))).any()


@pytest.mark.parametrize("kind", NAMES)
def test_a_fill_changes_nothing_outside_the_mask(store, kind):
    image, mask = picture(120, 80), np.zeros((80, 120), np.uint8)
    mask[25:50, 40:80] = 255
    asked = {"quality": "fast", "model": NAMES[kind], "grow": 0, "feather": 0}
    red = Engine(store).fill(image, mask, "make it red", **asked)
    assert (red[mask == 0] == image[mask == 0]).all() and (red[mask > 0] != image[mask > 0]).any(axis=1).mean() > 0.9
    blue = Engine(store).fill(image, mask, "make it blue", **asked)
    assert (red != blue).any()


def test_a_picture_says_what_it_is_to_look_like_where_the_pipeline_takes_one(store):
    image, mask = picture(120, 80), np.zeros((80, 120), np.uint8)
    mask[25:50, 40:80] = 255
    asked = {"prompt": "like this", "quality": "fast", "grow": 0, "feather": 0}
    engine = Engine(store)
    first, other = (
        engine.fill(image, mask, model="flux1-kontext", reference=np.full((40, 60, 3), colour, np.uint8), **asked)
        for colour in ((250, 10, 10), (10, 10, 250))
    )
    assert (first != other).any()
    with pytest.raises(UserError, match="by words alone"):
        engine.fill(image, mask, model="qwen-image-edit", reference=image, **asked)


@pytest.mark.parametrize("kind", [*NAMES, "flux2"])
def test_the_model_is_told_the_person_s_words_and_no_others(kind):
    dark = np.full((64, 64, 3), (30, 20, 10), np.uint8)
    family = families.FAMILIES[kind]
    for quality in Quality:
        told = prompts.expand(PaintOptions(prompt="make it red"), family, family.presets[quality], dark)
        assert told == ("make it red", "")
    unwanted = PaintOptions(prompt="make it red", negative="blurry")
    told = prompts.expand(unwanted, family, family.presets[Quality.BEST], dark)
    assert told.negative == ("blurry" if kind == "qwen_edit" else "")
    empty = prompts.expand(PaintOptions(), family, family.presets[Quality.BEST], dark)
    assert empty.positive == families.CONTINUE


@given(st.floats(1 / 4, 4))
def test_pictures_have_the_sizes_that_the_pipelines_want(aspect):
    """`nearest_area` is what the library reckons with; it leaves those sizes as they are."""
    assert DIMENSIONS(1024 * 1024, aspect)[:2] == families.nearest_area(aspect)
    size = min(families.QWEN_SIZES, key=lambda size: abs(size[0] / size[1] - aspect))
    assert DIMENSIONS(1024 * 1024, size[0] / size[1])[:2] == size
    assert sorted(families.KONTEXT_SIZES) == RESOLUTIONS
