"""Removing with a diffusion model that was made for it: a small Stable Diffusion XL stands for its weights."""

import shutil

import numpy as np
import pytest

pytest.importorskip("diffusers", reason="diffusers is not installed (the extra `full`)")

from inference_server import Engine, UserError
from inference_server.fill.diffusion.families import REMOVING, ROREM
from inference_server.fill.diffusion.painter import Painter
from inference_server.fill.windows import dilated
from inference_server.models.store import Store
from inference_server.remove import inpainters
from inference_server.shared.geometry import Window
from inference_server.shared.messages import MaskOptions, Quality

from ..small_models import picture
from .test_pipelines import in_the_catalogue

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
    assert first["prompt"].positive == REMOVING and not first["prompt"].negative
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
