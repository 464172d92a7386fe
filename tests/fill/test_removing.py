"""Removing with a diffusion model that was made for it: small ones of their architectures stand for the weights."""

import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (the extra `full`)")
pytest.importorskip("diffusers", reason="diffusers is not installed (the extra `full`)")

from inference_server import Engine, UserError  # noqa: E402
from inference_server.fill import diffusion  # noqa: E402
from inference_server.fill.diffusion import families  # noqa: E402
from inference_server.fill.diffusion.families import ROREM  # noqa: E402
from inference_server.fill.diffusion.painter import Painter, Sampling  # noqa: E402
from inference_server.fill.prompts import Prompt  # noqa: E402
from inference_server.fill.windows import dilated  # noqa: E402
from inference_server.models import devices  # noqa: E402
from inference_server.models.store import Store  # noqa: E402
from inference_server.remove import inpainters  # noqa: E402
from inference_server.shared.geometry import Window  # noqa: E402
from inference_server.shared.messages import Job, MaskOptions, PaintOptions, Quality  # noqa: E402
from inference_server.shared.monitor import Monitor  # noqa: E402

from .. import small_pipelines  # noqa: E402
from ..small_models import picture  # noqa: E402
from .test_pipelines import at_a_quarter, in_the_catalogue  # noqa: E402

AT = Window(40, 27, 33, 20)  # the object
AS_IT_IS = MaskOptions(grow=0, feather=0)


@pytest.fixture
def removing(small_models, tmp_path, monkeypatch) -> Engine:
    shutil.copytree(small_models / "sdxl", tmp_path / "rorem")
    in_the_catalogue(monkeypatch, tmp_path / "rorem")
    return Engine(Store(tmp_path))


@pytest.fixture
def given(monkeypatch) -> list[dict]:
    """What the pipeline is called with, each time."""
    calls, inputs = [], Painter._inputs

    def spied(self, *arguments):
        calls.append({"side": self.side, "prompt": arguments[2].prompt, **inputs(self, *arguments)})
        return {name: value for name, value in calls[-1].items() if name not in ("side", "prompt")}

    monkeypatch.setattr(Painter, "_inputs", spied)
    return calls


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_it_removes_as_its_makers_do_and_changes_nothing_outside_the_mask(removing, given, kind):
    image = picture(120, 80).astype(kind) / kind(255 if kind == np.float32 else 1)
    image = image.astype(kind)
    mask = np.zeros((80, 120), np.uint8)
    mask[AT.slices] = 255
    before = image.copy()
    patch = removing.remove_patch(image, mask, AS_IT_IS, model="rorem", seed=3)
    assert patch.window == AT and patch.pixels.dtype == kind and (image == before).all()
    assert (patch.pixels != image[AT.slices]).any(axis=2).mean() > 0.9
    first = given[0]
    assert first["side"] == 32, "half of what its files say"
    assert first["guidance_scale"] == 1 and first["strength"] < 1
    assert first["num_inference_steps"] == ROREM.presets[Quality.BALANCED].steps + 1, "of which the first is left out"
    assert first["prompt"].positive == ROREM.goes_on and not first["prompt"].negative
    again = removing.remove_patch(image, mask, AS_IT_IS, model="rorem", seed=3)
    assert (again.pixels == patch.pixels).all()


def test_the_mask_is_dilated_as_in_training_whatever_the_window_s_size():
    for scale in (1, 3):
        mask = np.zeros((512 * scale, 512 * scale), bool)
        mask[200 * scale : 300 * scale, 200 * scale : 300 * scale] = True
        rows = np.flatnonzero(dilated(mask, 512, 20 / 512).any(axis=1))
        assert (rows[0], rows[-1]) == (190 * scale, 310 * scale - 1)


def test_it_is_used_by_name_alone_and_said_to_be_missing(removing, tmp_path):
    assert inpainters.choose(Store(tmp_path)) == "patchmatch"
    shutil.rmtree(tmp_path / "rorem" / "unet")
    image, mask = picture(60, 40), np.zeros((40, 60), np.uint8)
    mask[10:20, 10:20] = 255
    with pytest.raises(UserError, match="needs the model RORem, which is not installed"):
        removing.remove_patch(image, mask, AS_IT_IS, model="rorem")


def test_a_mask_that_covers_everything_is_refused(removing):
    image = picture(60, 40)
    with pytest.raises(UserError, match="covers everything"):
        removing.remove_patch(image, np.full((40, 60), 255, np.uint8), AS_IT_IS, model="rorem")


# -- FLUX.2 [klein] with a LoRA that removes


@pytest.fixture(scope="module")
def klein(tmp_path_factory):
    """A store with the small FLUX.2 and the LoRA over it, at a quarter of their side, at which they are quick."""
    folder = tmp_path_factory.mktemp("erasing")
    base = small_pipelines.flux2(folder / "flux2-klein")
    small_pipelines.erasing(base, folder / "flux2-erase")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(devices, "multiplies_bfloat16", lambda device: False)  # what is compared computes in 32 bits
        at_a_quarter(patched, "flux2", "flux2_erase")
        for name in ("flux2-klein", "flux2-erase"):
            in_the_catalogue(patched, folder / name)
        yield Store(folder)


def test_it_is_told_as_its_makers_tell_the_plain_pipeline(klein, holed):
    """Of which the pipeline that paints into holes is another form: the photo and the mask are its two pictures."""
    import diffusers
    from PIL import Image
    from safetensors.torch import load_file

    photo, hole = (holed[0] * 255).round().astype(np.uint8), holed[1]
    painter = diffusion.load(klein, Job.REMOVE, "flux2-erase")
    assert painter._pipeline.text_encoder is None, "its one prompt comes encoded"
    told = Prompt(families.FLUX2_ERASE.goes_on)
    painted = painter.paint(photo.astype(np.float32) / 255, hole, Sampling(told, 7, Quality.BEST))
    plain = diffusers.Flux2KleinPipeline.from_pretrained(
        klein.folder / "flux2-klein", text_encoder=None, tokenizer=None
    )
    plain.set_progress_bar_config(disable=True)
    lora = klein.folder / "flux2-erase"
    without = plain.transformer.state_dict()["transformer_blocks.0.attn.to_q.weight"].clone()
    plain.load_lora_weights(lora, weight_name="pytorch_lora_weights.safetensors")
    expected = plain(
        image=[Image.fromarray(photo), Image.fromarray(np.repeat(hole[..., None], 3, axis=2).astype(np.uint8) * 255)],
        prompt_embeds=load_file(lora / "prompt_embeds.safetensors")["prompt_embeds"].to(without.dtype),
        num_inference_steps=4,
        guidance_scale=1.0,
        generator=torch.Generator("cpu").manual_seed(7),
        output_type="pt",
    ).images[0]
    assert np.abs(painted - expected.permute(1, 2, 0).float().numpy()).max() < 1e-5


def test_it_removes_and_changes_nothing_outside_the_mask(klein):
    engine, image, mask = Engine(klein), picture(120, 80), np.zeros((80, 120), np.uint8)
    mask[AT.slices] = 255
    steps = []
    patch = engine.remove_patch(
        image, mask, AS_IT_IS, model="flux2-erase", monitor=Monitor(on_progress=lambda _, said: steps.append(str(said)))
    )
    assert patch.window == AT and (patch.pixels != image[AT.slices]).any(axis=2).mean() > 0.9
    assert sum("step 4 of 4" in said for said in steps) == 1, "once over the whole window, in no tiles"


def test_what_is_laid_over_a_model_is_not_left_on_it(klein):
    """The one that paints from a prompt is the same before and after the one that removes."""
    engine, image, mask = Engine(klein), picture(120, 80), np.zeros((80, 120), np.uint8)
    mask[AT.slices] = 255
    paint = PaintOptions(prompt="a cat", model="flux2-klein", quality=Quality.FAST)

    def painted() -> np.ndarray:
        return engine.fill_patch(image, mask, paint, AS_IT_IS)[0].pixels

    def removed() -> np.ndarray:
        return engine.remove_patch(image, mask, AS_IT_IS, model="flux2-erase").pixels

    first, other, again, once_more = painted(), removed(), painted(), removed()
    assert (first == again).all() and (other == once_more).all() and (first != other).any()


def test_it_has_the_window_that_it_was_trained_with(klein):
    """As far as there is photo; in GIMP that is asked for before the pixels are sent."""
    small, size = Window(3000, 2000, 60, 40), (6000, 4000)
    seen = Engine(klein).window_for(Job.REMOVE, small, size, AS_IT_IS, "flux2-erase")
    assert (seen.width, seen.height) == (992, 992) and seen.union(small) == seen
    assert Engine(klein).window_for(Job.REMOVE, small, size, AS_IT_IS).width < 512


def test_it_needs_the_model_that_it_is_laid_over(klein):
    image, mask = picture(60, 40), np.full((40, 60), 255, np.uint8)
    away = (klein.folder / "flux2-klein").rename(klein.folder / "away")
    try:
        with pytest.raises(UserError, match=r"needs the model FLUX.2 erase, which is not installed.*fetch flux2-erase"):
            Engine(klein).remove_patch(image, mask, AS_IT_IS, model="flux2-erase")
    finally:
        away.rename(klein.folder / "flux2-klein")
    with pytest.raises(UserError, match=r"FLUX.2 klein is needed by FLUX.2 erase. Remove FLUX.2 erase first"):
        klein.remove("flux2-klein")
