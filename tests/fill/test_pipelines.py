"""From the files of a model to a painter: folders, single files, LoRAs, a hub, and what is refused."""

import hashlib
import json
import shutil
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (the extra `full`)")
pytest.importorskip("diffusers", reason="diffusers is not installed (the extra `full`)")

from inference_server import UserError  # noqa: E402
from inference_server.fill.diffusion import demand, families, family, load, pipelines, preset  # noqa: E402
from inference_server.fill.diffusion.painter import Painter, Sampling  # noqa: E402
from inference_server.models import (  # noqa: E402
    catalogue,
    devices,
    packages,
)
from inference_server.models.catalogue import File, Model  # noqa: E402
from inference_server.models.store import Store  # noqa: E402
from inference_server.shared.messages import PaintOptions, Quality  # noqa: E402
from inference_server.shared.monitor import Monitor  # noqa: E402

from .. import small_pipelines  # noqa: E402
from .test_painter import KINDS, TEDDY  # noqa: E402

FAST, BALANCED = (Sampling(TEDDY, 1, quality) for quality in (Quality.FAST, Quality.BALANCED))


def in_the_catalogue(monkeypatch, folder) -> Model:
    """What lies in a folder of the store, as a model that the catalogue has."""
    files = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        files.append(File(path.relative_to(folder).as_posix(), len(data), hashlib.sha256(data).hexdigest()))
    model = replace(catalogue.MODELS[folder.name], files=tuple(files), hub="", licence_page="")
    monkeypatch.setitem(catalogue.MODELS, folder.name, model)
    return model


def at_a_quarter(monkeypatch, *names: str) -> None:
    """Families at a quarter of their side, at which they are quick."""
    for name in names:
        made = families.FAMILIES[name]
        monkeypatch.setitem(families.FAMILIES, name, made._replace(share=made.share / 4))


def test_a_lora_makes_fast_faster(small_models, holed, tmp_path, monkeypatch):
    small_pipelines.lora(small_models / "sd15", tmp_path / "lcm-lora-sd15")
    in_the_catalogue(monkeypatch, tmp_path / "lcm-lora-sd15")
    painter, without = (Painter(small_models / "sd15", "sd15", Store(folder)) for folder in (tmp_path, tmp_path / "no"))
    counts = []
    for each in (painter, without):
        steps = []
        each.paint(*holed, FAST, on_step=steps.append)
        counts.append(len(steps))
    assert counts == [4, 10]
    balanced = without.paint(*holed, BALANCED)
    assert (painter.paint(*holed, BALANCED) == balanced).all(), "it is left out where it is not wanted"
    fast = painter.paint(*holed, FAST)
    assert (fast == painter.paint(*holed, FAST)).all(), "and comes back"


@pytest.mark.parametrize(
    ("kind", "lora", "plan"), [("sd15", "lcm-lora-sd15", 3), ("flux", "flux1-turbo", 3), ("flux", "flux1-turbo", 4)]
)
def test_a_lora_comes_to_a_model_that_is_laid_out(
    small_models, holed, tmp_path, monkeypatch, as_on_a_card, kind, lora, plan
):
    """In groups of layers, or in 8 bits, and between two pictures."""
    small_pipelines.lora(small_models / kind, tmp_path / lora)
    in_the_catalogue(monkeypatch, tmp_path / lora)
    painter, plain = (Painter(small_models / kind, kind, Store(folder)) for folder in (tmp_path, tmp_path / "none"))
    as_on_a_card(64 << 30)
    pictures = []
    for each in (painter, plain):
        each._lay_out(plan)
        each.paint(*holed, BALANCED)
        monkeypatch.setattr(each, "_fitting", lambda pixels: plan)
        pictures.append(each.paint(*holed, FAST))
    assert (pictures[0] != pictures[1]).any() and painter._plan == plan
    assert (painter.paint(*holed, FAST) == pictures[0]).all()
    assert (painter.paint(*holed, BALANCED) == plain.paint(*holed, BALANCED)).all()


def test_a_lora_that_does_not_fit_is_left_out_and_said(small_models, holed, tmp_path, monkeypatch):
    """Stable Diffusion 2 inpainting, the paper's own model, has the same pipeline and longer text embeddings."""
    small_pipelines.lora(small_models / "sd15", tmp_path / "lcm-lora-sd15")
    in_the_catalogue(monkeypatch, tmp_path / "lcm-lora-sd15")
    wider = small_pipelines.sd15(tmp_path / "sd2", width=48)
    painter, steps = Painter(wider, "sd15", Store(tmp_path)), []
    assert painter.paint(*holed, FAST, on_step=steps.append).shape == (64, 96, 3)
    assert len(steps) == 10 and "does not fit" in str(painter.remarks[0])
    assert preset(Store(tmp_path), "fill", PaintOptions(model=str(wider), quality=Quality.FAST)).guidance > 1
    painter.paint(*holed, BALANCED)
    assert not painter.remarks


def test_a_single_file_is_the_same_model(small_models, holed, tmp_path, monkeypatch):
    shutil.copytree(small_models / "sd15", tmp_path / "sd15-inpainting")
    in_the_catalogue(monkeypatch, tmp_path / "sd15-inpainting")
    file = small_pipelines.single_file(small_models / "sd15", tmp_path / "photo model.safetensors")
    store = Store(tmp_path)
    one, whole = load(store, "fill", str(file)), load(store, "fill", str(small_models / "sd15"))
    assert (one.paint(*holed, FAST) == whole.paint(*holed, FAST)).all()
    best = load(store, "fill")
    assert (best.paint(*holed, FAST) == whole.paint(*holed, FAST)).all()


@pytest.fixture
def xl_file(small_models, tmp_path):
    """A function that makes a single file of XL with some of its tensors, and gives the settings it is read with."""
    from safetensors.torch import load_file, save_file

    decoder = load_file(small_models / "sdxl" / "vae" / "diffusion_pytorch_model.safetensors")["decoder.conv_in.weight"]

    def written(*marks: str, decoder=decoder, metadata=None) -> dict[str, dict]:
        file, settings = tmp_path / "own.safetensors", tmp_path / f"settings {len(list(tmp_path.iterdir()))}"
        tensors = {
            pipelines.FIRST: torch.zeros(16, 4, 3, 3),
            "first_stage_model.decoder.conv_in.weight": decoder,
            **{mark: torch.zeros(0) for mark in marks},
        }
        save_file(tensors, file, metadata)
        pipelines.write_settings(file, "sdxl", small_models / "sdxl", settings)
        return {part.parent.name: json.loads(part.read_text()) for part in settings.glob("*/*config.json")}

    return written


def test_an_own_file_of_xl_has_its_own_scheduler_and_decodes_in_32_bits(xl_file, small_models):
    """The installed model has changed both; another decoder gives no numbers in 16 bits."""
    installed = json.loads((small_models / "sdxl" / "vae" / "config.json").read_text())
    assert xl_file()["vae"]["force_upcast"] == installed["force_upcast"]
    own = xl_file(decoder=torch.ones(16, 4, 3, 3))
    assert own["vae"]["force_upcast"] is True and own["unet"]["in_channels"] == 4
    assert own["scheduler"]["timestep_spacing"] == "leading" and own["scheduler"]["prediction_type"] == "epsilon"


def test_what_an_own_file_predicts_is_read_from_it(xl_file):
    for told in (xl_file("v_pred"), xl_file(metadata={"modelspec.prediction_type": "v"})):
        assert told["scheduler"]["prediction_type"] == "v_prediction"
        assert "rescale_betas_zero_snr" not in told["scheduler"]
    told = xl_file("v_pred", "ztsnr")["scheduler"]
    assert told["rescale_betas_zero_snr"] and told["timestep_spacing"] == "trailing"


def test_what_the_computer_s_memory_does_not_hold_is_said_before_it_is_read(small_models, tmp_path, monkeypatch):
    source = pipelines.Source(small_models / "sd15", "sd15")
    needed = pipelines.weight(source, torch.float32)
    on_disk = sum(file.stat().st_size for file in (small_models / "sd15").rglob("*.safetensors"))
    assert 0.8 * on_disk < needed < on_disk, "all but the headers"
    assert pipelines.weight(source, torch.bfloat16) == needed // 2
    monkeypatch.setattr(pipelines.memory, "available", lambda: needed // 3)
    with pytest.raises(UserError, match=r"takes .* GB of this computer's memory.*smaller model"):
        Painter(small_models / "sd15", "sd15", Store(tmp_path))


def test_in_four_bits_less_of_the_computer_s_memory_is_asked_for(small_models, monkeypatch):
    """By the sizes of the networks, and before anything is read."""
    source = pipelines.Source(small_models / "flux", "flux")
    held = pipelines.weights(source, torch.bfloat16)
    assert held.all == pipelines.weight(source, torch.bfloat16) and held.denoiser > 0 and held.other > 0
    between = (held.all + held.in_four_bits.all) // 2
    monkeypatch.setattr(pipelines.memory, "available", lambda: between)
    pipelines._require_memory(source, torch.bfloat16, in_four_bits=True)
    with pytest.raises(UserError, match="of this computer's memory"):
        pipelines._require_memory(source, torch.bfloat16, in_four_bits=False)


def test_a_model_of_ones_own_paints_once_it_is_imported(small_models, holed, tmp_path, monkeypatch):
    """From one file, whose settings come with the family's model, and from folders."""
    shutil.copytree(small_models / "sd15", tmp_path / "sd15-inpainting")
    in_the_catalogue(monkeypatch, tmp_path / "sd15-inpainting")
    file = small_pipelines.single_file(small_models / "sd15", tmp_path / "mine.safetensors")
    store = Store(tmp_path)
    for kind, given in (("sd15", file), ("sd15", small_models / "sd15"), ("sdxl", small_models / "sdxl")):
        name, original = store.import_own(given), load(store, "fill", str(small_models / kind))
        assert (load(store, "fill", name).paint(*holed, FAST) == original.paint(*holed, FAST)).all()
        assert family(store, "fill", name) is original.family


def test_the_best_model_is_the_one_this_machine_has_room_for(small_models, tmp_path, monkeypatch):
    store = Store(tmp_path)
    for kind, name in (("sd15", "sd15-inpainting"), ("sdxl", "sdxl-inpainting"), ("flux", "flux1-fill")):
        shutil.copytree(small_models / kind, tmp_path / name)
        in_the_catalogue(monkeypatch, tmp_path / name)
    for gigabytes, title in (
        (0, "Stable Diffusion"),
        (6, "Stable Diffusion"),
        (8, "Stable Diffusion XL"),
        (24, "FLUX.1 Fill"),
    ):
        monkeypatch.setattr(devices, "total", lambda device, has=gigabytes << 30: has)
        monkeypatch.setattr(devices, "computer_memory", lambda: 64 << 30)
        assert load(store, "fill").family.title == family(store, "fill").title == title
    monkeypatch.setattr(devices, "computer_memory", lambda: 100_000)
    assert load(store, "fill").family.title == "Stable Diffusion", "the smallest, where none fits"
    shutil.rmtree(tmp_path / "sd15-inpainting")
    monkeypatch.setattr(devices, "total", lambda device: 0)
    assert load(store, "fill").family.title == "Stable Diffusion XL"


def test_a_single_file_whose_settings_are_not_here_says_what_brings_them(small_models, tmp_path):
    file = small_pipelines.single_file(small_models / "sd15", tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=r"holds weights alone.*models fetch sd15-inpainting"):
        load(Store(tmp_path), "fill", str(file))


def test_a_model_that_is_not_for_inpainting_paints_too(holed, tmp_path):
    """One with 4 channels, as most are that people share."""
    folder = small_pipelines.sd15(tmp_path / "shared", channels=4)
    index = json.loads((folder / "model_index.json").read_text())
    index["_class_name"] = "StableDiffusionPipeline"
    (folder / "model_index.json").write_text(json.dumps(index))
    painter = load(Store(tmp_path), "fill", str(folder))
    assert painter.paint(*holed, FAST).shape == (64, 96, 3)


def test_weights_published_in_16_bits_are_read(small_models, holed, tmp_path):
    folder = small_pipelines.sd15(tmp_path / "halved", variant="fp16")
    assert list(folder.rglob("*.fp16.safetensors"))
    painted = load(Store(tmp_path), "fill", str(folder)).paint(*holed, FAST)
    assert (painted == load(Store(tmp_path), "fill", str(small_models / "sd15")).paint(*holed, FAST)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_a_hub_is_fetched_in_two_goes_and_paints_as_its_files_do(small_models, holed, tmp_path, hub, kind):
    """From the stand-in hub, whose connection breaks off in the middle of the largest file."""
    folder = small_models / kind
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    hub.publish(f"someone/{kind}", files)
    largest = max(files, key=lambda path: len(files[path]))
    hub.moods[f"/someone/{kind}/resolve/main/{largest}"] = ["cut"]
    store, name = Store(tmp_path), f"someone/{kind}"
    with pytest.raises(UserError, match=rf"Fill needs the model someone/{kind}, which is not installed"):
        load(store, "fill", name)
    shares = []
    store.fetch(name, Monitor(on_progress=lambda share, message: shares.append(share)))
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1)
    asked = [headers.get("Range") for path, headers in hub.asked if path.endswith(largest)]
    assert len(asked) == 2 and asked[0] is None and asked[1] is not None, "it went on where it was cut off"
    store.verify(name)
    fetched, own = load(store, "fill", name), load(store, "fill", str(folder))
    assert (fetched.paint(*holed, FAST) == own.paint(*holed, FAST)).all()


def test_nothing_is_unpickled_and_no_code_is_run(small_models, tmp_path):
    ran = tmp_path / "ran"
    pickled = tmp_path / "pickled"
    shutil.copytree(small_models / "sd15", pickled)
    weights = pickled / "unet" / "diffusion_pytorch_model.safetensors"
    weights.unlink()

    class Touch:
        def __reduce__(self):
            return ran.touch, ()

    torch.save({"weight": Touch()}, pickled / "unet" / "diffusion_pytorch_model.bin")
    with_code = tmp_path / "with code"
    shutil.copytree(small_models / "sd15", with_code)
    index = json.loads((with_code / "model_index.json").read_text())
    index["unet"] = ["mine", "Network"]
    (with_code / "model_index.json").write_text(json.dumps(index))
    for place in (with_code / "unet" / "mine.py", with_code / "mine.py", with_code / "pipeline.py"):
        place.write_text(f"import pathlib\npathlib.Path({str(ran)!r}).touch()\nclass Network: pass\n")
    for folder in (pickled, with_code):
        with pytest.raises(UserError, match="cannot be read as a diffusion model"):
            load(Store(tmp_path), "fill", str(folder))
    assert not ran.exists()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("model.ckpt", b"anything", "is neither a .safetensors nor a .gguf file"),
        ("model.safetensors", b"", "is damaged"),
        ("model.safetensors", b"\xff" * 100, "is damaged"),
        ("model.safetensors", (2).to_bytes(8, "little") + b"[]", "is damaged"),
        ("model.safetensors", (2).to_bytes(8, "little") + b"{}", "not a whole Stable Diffusion"),
        ("folder/readme.txt", b"", "has no model_index.json"),
        ("folder/model_index.json", b"[]", "has no model_index.json"),
    ],
)
def test_what_is_no_model_is_said(tmp_path, name, content, says):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    with pytest.raises(UserError, match=says):
        load(Store(tmp_path), "fill", str(file if file.parent == tmp_path else file.parent))


def test_a_cut_off_file_is_said(small_models, tmp_path):
    folder = tmp_path / "cut"
    shutil.copytree(small_models / "sd15", folder)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(UserError, match="cannot be read as a diffusion model"):
        load(Store(tmp_path), "fill", str(folder))


def test_what_is_missing_is_said_before_anything_is_loaded(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(UserError, match=r"Fill needs the model Stable Diffusion, which is not installed. Run: "):
        demand(store, "fill")
    with pytest.raises(UserError, match="Replace Background needs the model Stable Diffusion XL"):
        demand(store, "replace", "sdxl-inpainting")
    with pytest.raises(UserError, match="There is no model nonsense"):
        demand(store, "fill", "nonsense")
    demand(store, "fill", str(tmp_path))


def test_a_package_that_is_missing_is_named(small_models, tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name in ("peft", "accelerate") else object())
    with pytest.raises(
        UserError, match=r"needs packages that the server's Python does not have: accelerate, peft.*pip install"
    ):
        demand(Store(tmp_path), "fill", str(small_models / "sd15"))
