"""docs/diffusion.md: what is published of each checkpoint, and what the code does with it, from its files to a step."""

import json
import re
import shutil
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (the extra `full`)")
pytest.importorskip("diffusers", reason="diffusers is not installed (the extra `full`)")

from inference_server.fill.diffusion import families, schedule  # noqa: E402
from inference_server.fill.diffusion.painter import Painter, Sampling  # noqa: E402
from inference_server.fill.prompts import Prompt  # noqa: E402
from inference_server.models.catalogue import DIFFUSION_PACKAGES, MODELS  # noqa: E402
from inference_server.models.store import Store  # noqa: E402
from inference_server.shared.messages import Quality  # noqa: E402

from .. import small_pipelines  # noqa: E402

PAGE = Path(__file__).parents[2] / "docs" / "diffusion.md"
BETAS = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}
SPACED = {**BETAS, "steps_offset": 1, "timestep_spacing": "leading"}
SHIFTED = {"base_shift": 0.5, "max_shift": 1.15, "base_image_seq_len": 256, "max_image_seq_len": 4096}
XL = {"_class_name": "EulerDiscreteScheduler", **SPACED, "prediction_type": "epsilon"}
FLOW = {"_class_name": "FlowMatchEulerDiscreteScheduler", "use_dynamic_shifting": True, **SHIFTED}
# Of each checkpoint: the small model that stands for its weights, and the configuration of its scheduler, as published.
PUBLISHED = {
    "sd15-inpainting": ("sd15", {"_class_name": "PNDMScheduler", "skip_prk_steps": True, **SPACED}),
    "sdxl-inpainting": ("sdxl", XL),
    "flux1-fill": ("flux", FLOW),
    "rorem": ("sdxl", XL),
    "flux2-klein": ("flux2", FLOW),
    "flux1-kontext": ("kontext", FLOW),
}
KARRAS = "DPM-Solver++ with Karras' noise levels"


def table() -> dict[str, dict[str, list[str]]]:
    """The page's first table: by checkpoint and by what is told of it, (published, what the code does, read in)."""
    told: dict[str, dict[str, list[str]]] = {}
    for line in PAGE.read_text("utf-8").partition("\n## ")[0].splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 4 and (names := re.findall(r"\*\*(.+?)\*\*", cells[0])):
            for name in names:
                told[name] = {"": cells[1:]}
        elif len(cells) == 4 and told:
            told[list(told)[-1]][cells[0]] = cells[1:]
    return told


TABLE = table()


def changed(file: Path, **values: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


@pytest.fixture(scope="module", params=PUBLISHED)
def checkpoint(request, small_models, tmp_path_factory):
    """A checkpoint's lines of the page, and a painter of its layout that is read from files with its configuration."""
    kind, published = PUBLISHED[request.param]
    folder = tmp_path_factory.mktemp("checkpoints") / request.param
    if kind in ("flux2", "kontext"):
        getattr(small_pipelines, kind)(folder)
    else:
        shutil.copytree(small_models / kind, folder)
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(published))
    told = TABLE[request.param]
    upcast = "`force_upcast` true" in told["autoencoder"][0]
    changed(folder / "vae" / "config.json", force_upcast=upcast)
    changed(folder / "model_index.json", scheduler=["diffusers", published["_class_name"]])
    painter = Painter(folder, MODELS[request.param].family, Store(folder / "no models"))
    return told, painter, published, upcast


def test_every_checkpoint_of_the_catalogue_has_its_lines_with_a_source():
    for name, model in MODELS.items():
        if set(DIFFUSION_PACKAGES) <= set(model.packages):
            assert name in TABLE, f"{name}: say in {PAGE.name} what is published, and what is done"
    lines = [line for told in TABLE.values() for line in told.values() if any(line)]
    assert len(lines) > 20 and all(all(line) for line in lines)


def test_the_scheduler_is_made_of_what_is_published(checkpoint):
    told, painter, published, _ = checkpoint
    said = set()
    for quality in Quality:
        painter._prepare(quality)
        made = painter._pipeline.scheduler
        for name, value in published.items():
            assert name in ("_class_name", "skip_prk_steps") or made.config[name] == value, name
        said.add("as it is" if made is painter._scheduler else KARRAS)
        assert made is painter._scheduler or (
            type(made).__name__ == "DPMSolverMultistepScheduler" and made.config.use_karras_sigmas
        )
    assert type(painter._scheduler).__name__ == published["_class_name"]
    (way,) = said
    assert told["scheduler"][1].startswith(way)
    few = painter.family.few_steps
    assert ("LCM" in told["scheduler"][1]) == bool(few and few.scheduler == "lcm")
    for value in SHIFTED if "base_shift" in published else ("beta_start", "beta_end"):
        assert MODELS["rorem"].family == painter._family_name or f"{published[value]:.5g}" in told["scheduler"][0]


def test_what_the_network_predicts_is_what_is_published(checkpoint):
    told, painter, *_ = checkpoint
    assert told["prediction"][1] == "as the configuration says"
    painter._prepare(Quality.BALANCED)
    predicted = painter._pipeline.scheduler.config.get("prediction_type", "flow")
    assert told["prediction"][0].startswith(predicted)


def test_the_autoencoder_computes_as_its_files_say(checkpoint):
    told, painter, _, upcast = checkpoint
    assert painter._pipeline.vae.config.force_upcast == upcast
    as_the_rest = painter.family in (families.FLUX, families.FLUX2, families.KONTEXT)
    assert told["autoencoder"][1] == ("in the precision of the rest" if as_the_rest else "as it says: in 16 bits")


def test_steps_and_guidance_are_those_of_the_page(checkpoint):
    told, painter, *_ = checkpoint
    ways = ((quality, painter.preset(quality)) for quality in (Quality.BEST, Quality.BALANCED, Quality.FAST))
    assert told["steps, guidance"][1].startswith(
        ", ".join(f"{quality.value} {preset.steps} at {preset.guidance:g}" for quality, preset in ways)
    )


def test_it_begins_at_the_noise_of_the_page(checkpoint):
    told, painter, *_ = checkpoint
    shares = []
    for quality in (Quality.BEST, Quality.BALANCED, Quality.FAST):
        preset = painter._prepare(quality)
        start = painter._start(Sampling(Prompt("a cat"), 1, quality), preset, 64, 96)
        noise = schedule.first_noise(painter._pipeline.scheduler, start, 1024)
        shares.append(f"{100 * (1 + noise**2) ** -0.5:.0f}")
        assert (start.strength == 1) == told["strength"][0].startswith("1:")
    most = f"begins with the most noise that is not all of it: the picture's share is {', '.join(shares)} %"
    assert told["strength"][1].startswith("noise alone" if start.strength == 1 else most), most


def test_the_mask_is_that_of_the_page(checkpoint):
    told, painter, *_ = checkpoint
    by_pixels = told["the mask"][1].startswith("each pixel")
    assert painter.cell == (1 if by_pixels else painter.family.patch * painter._pipeline.vae_scale_factor)
    assert by_pixels or "grown to whole cells first" in told["the mask"][1]


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.accelerates])
def test_a_lora_s_steps_are_those_of_the_page(name):
    few = next(family.few_steps for family in families.FAMILIES.values() if (family.few_steps or ("",))[-1] == name)
    does = TABLE[name][""][1]
    assert re.search(rf"\b{few.steps}\b.* steps", does)
    assert (f"own {few.guidance:g}" if few.guidance > 1 else "without guidance") in does
