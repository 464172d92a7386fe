"""Real pipelines of each layout, small and with random weights: from their files to a painted picture."""

import hashlib
import json
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (the extra `full`)")
pytest.importorskip("diffusers", reason="diffusers is not installed (the extra `full`)")

from inference_server import UserError, devices  # noqa: E402
from inference_server.diffusion import demand, families, family, load, memory  # noqa: E402
from inference_server.diffusion.painter import Painter  # noqa: E402
from inference_server.diffusion.prompts import Prompt  # noqa: E402
from inference_server.errors import cancelled_by_user  # noqa: E402
from inference_server.models import catalogue  # noqa: E402
from inference_server.models.catalogue import File, Model  # noqa: E402
from inference_server.models.store import Store  # noqa: E402

from . import small_pipelines  # noqa: E402
from .small_models import picture  # noqa: E402

KINDS = ("sd15", "sdxl", "flux")
TEDDY = Prompt("a teddy bear", "blurry")


@pytest.fixture(scope="module")
def painters(small_models, tmp_path_factory):
    """One painter of each kind."""
    store = Store(tmp_path_factory.mktemp("models"))
    return {kind: Painter(small_models / kind, families.family_of(small_models / kind), store) for kind in KINDS}


@pytest.fixture(params=KINDS)
def painter(painters, request):
    return painters[request.param]


@pytest.fixture(scope="module")
def scene():
    """A picture (64, 96, 3) and a hole in it."""
    hole = np.zeros((64, 96), bool)
    hole[16:40, 20:70] = True
    return picture(96, 64).astype(np.float32) / 255, hole


def test_each_family_is_known_by_its_files(painters):
    assert {kind: painter.family.title for kind, painter in painters.items()} == {
        "sd15": "Stable Diffusion",
        "sdxl": "Stable Diffusion XL",
        "flux": "FLUX.1 Fill",
    }


def test_a_seed_gives_its_picture_again_and_another_gives_another(painter, scene):
    first, again, other = (painter.paint(*scene, TEDDY, seed, "fast") for seed in (7, 7, 8))
    assert first.shape == (64, 96, 3) and first.dtype == np.float32 and first.min() >= 0 and first.max() <= 1
    assert (first == again).all() and (first != other).any()


def test_the_prompt_and_what_to_avoid_count(painters, scene):
    for kind, painter in painters.items():
        first = painter.paint(*scene, TEDDY, 1, "fast")
        assert (first != painter.paint(*scene, Prompt("a bench", "blurry"), 1, "fast")).any()
        if kind != "flux":  # which takes none
            assert (first != painter.paint(*scene, Prompt("a teddy bear", "drawing"), 1, "fast")).any()


@pytest.mark.parametrize("quality", families.QUALITIES)
@pytest.mark.parametrize("again", [False, True])
def test_steps_are_counted_truly_and_shown(painter, scene, quality, again):
    """As many steps are told as the large network was asked for, and each has a preview."""
    steps, asked = [], []
    hook = painter._network.register_forward_pre_hook(lambda *_: asked.append(1))
    painter.paint(*scene, TEDDY, 1, quality, again, step=steps.append)
    hook.remove()
    count = steps[-1].steps
    assert [step.done for step in steps] == list(range(1, count + 1)) and len(asked) == count
    preset = painter.family.presets[quality]
    assert count == preset.steps - (painter.family is families.SDXL) if not again else 1 <= count < preset.steps
    assert abs(count - painter.count(quality, again)) <= 1
    for step in steps:
        assert step.preview.shape[2] == 3 and 0 <= step.preview.min() <= step.preview.max() <= 1


def test_a_preview_shows_the_picture_once_it_is_there(scene):
    """What the encoder makes of a picture is shown as that picture, as far as the size of latents permits."""
    photo = picture(96, 64).astype(np.float32) / 255
    from inference_server.diffusion.preview import Preview

    pipeline = small_pipelines.pipeline_with_true_encoder()
    preview = Preview(pipeline)
    x = torch.from_numpy(photo).permute(2, 0, 1)[None] * 2 - 1
    latents = pipeline.vae.encode(x)[0].mode()
    shown = preview.show(latents * pipeline.vae.config.scaling_factor, 96, 64)
    small = photo.reshape(32, 2, 48, 2, 3).mean(axis=(1, 3))
    assert np.abs(shown - small).mean() < 0.35 * np.abs(small - small.mean(axis=(0, 1))).mean()


def test_cancelled_at_a_step_it_does_not_finish_the_next(painter, scene):
    done, begun = [], []

    def step(step) -> None:
        done.append(step.done)
        if step.done == 3:
            raise cancelled_by_user()

    hook = painter._network.register_forward_pre_hook(lambda *_: begun.append(1))
    with pytest.raises(UserError, match="Cancelled"):
        painter.paint(*scene, TEDDY, 1, "balanced", step=step)
    hook.remove()
    assert done == [1, 2, 3] and len(begun) == 3
    assert painter.paint(*scene, TEDDY, 1, "fast").shape == (64, 96, 3), "it can paint again"


def test_a_slow_step_can_be_left_in_the_middle(painter, scene):
    """What is asked whether to go on is asked between the parts of a network."""
    asked = []
    painter.paint(*scene, TEDDY, 1, "fast", watch=lambda: asked.append(1))
    assert len(asked) > 2 * painter.count("fast")

    def stop() -> None:
        raise cancelled_by_user()

    begun = []
    hook = painter._network.register_forward_hook(lambda *_: begun.append(1))
    with pytest.raises(UserError, match="Cancelled"):
        painter.paint(*scene, TEDDY, 1, "fast", watch=stop)
    hook.remove()
    assert not begun


# -- memory


def test_what_is_free_decides_how_it_is_laid_out(painters):
    held = memory.Weights(all=7 << 30, largest=5 << 30)
    chosen = [memory.choose(free << 30, held, 1024**2, "cuda") for free in (80, 12, 11, 9, 8, 6, 1, 0)]
    assert chosen == [0, 1, 1, 2, 2, 3, 3, 3]
    assert [memory.choose(free << 30, held, 1024**2, "cpu") for free in (80, 12, 1)] == [0, 1, 1]
    needs = [memory.need(plan, held, 1024**2) for plan in memory.PLANS]
    assert needs == sorted(needs, reverse=True) and needs[-1] < needs[0] / 2


@pytest.fixture
def as_on_a_card(monkeypatch):
    """The processor stands for a graphics card: all the plans are open, and what is free is said by the test."""
    import accelerate

    monkeypatch.setattr(memory, "possible", lambda device: memory.PLANS)
    offload = accelerate.cpu_offload  # which cannot take "cpu:0" for the processor, but would "cuda:0" for a card
    monkeypatch.setattr(accelerate, "cpu_offload", lambda model, _, **more: offload(model, torch.device("cpu"), **more))
    return lambda free: monkeypatch.setattr(devices, "free", lambda device: free)


@pytest.mark.parametrize("kind", KINDS)
def test_every_way_to_save_memory_paints_the_same(small_models, scene, as_on_a_card, tmp_path, monkeypatch, kind):
    """With figures as small as these models are; how tiles are joined is the decoder's, and not exact."""
    for name, bytes_ in (("LEAST_WORK", 0), ("DENOISING", 0), ("LAYERS", 100 << 10), ("TILE", 32)):
        monkeypatch.setattr(memory, name, bytes_)
    pictures = []
    for k, plan in enumerate(memory.PLANS):
        painter = Painter(small_models / kind, kind, Store(tmp_path))
        need = memory.need(plan, memory.weights(painter._pipeline), scene[1].size)
        as_on_a_card(int(need / memory.SPARE) + 10)
        pictures.append(painter.paint(*scene, TEDDY, 1, "fast"))
        assert painter._plan == k and not painter.slowed
    whole, *in_tiles = pictures
    assert all((each == in_tiles[0]).all() for each in in_tiles) and (whole != in_tiles[0]).any()


def exhausted(painter, times: int):
    """Real out-of-memory errors, so many, raised in the middle of the network."""
    left = [times]

    def hook(*_) -> None:
        if left[0]:
            left[0] -= 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    return painter._network.register_forward_pre_hook(hook)


def test_memory_that_runs_out_is_met_once_by_less_speed(small_models, scene, as_on_a_card, tmp_path):
    as_on_a_card(64 << 30)
    painter = Painter(small_models / "sd15", "sd15", Store(tmp_path))
    hook = exhausted(painter, 1)
    steps = []
    painted = painter.paint(*scene, TEDDY, 1, "fast", step=steps.append)
    hook.remove()
    assert painter.slowed and painter._plan == 1 and steps[-1].done == steps[-1].steps == 10
    assert (painted == painter.paint(*scene, TEDDY, 1, "fast")).all()


def test_memory_that_runs_out_twice_is_said(small_models, scene, as_on_a_card, tmp_path):
    as_on_a_card(64 << 30)
    painter = Painter(small_models / "sd15", "sd15", Store(tmp_path))
    hook = exhausted(painter, 2)
    with pytest.raises(UserError, match=r"not enough memory.*Close other programs") as refused:
        painter.paint(*scene, TEDDY, 1, "fast")
    assert refused.value.code == "no-memory" and painter._plan == 1
    painter.paint(*scene, TEDDY, 1, "fast")
    hook.remove()


def test_where_nothing_smaller_is_left_it_is_said_at_once(small_models, scene, as_on_a_card, tmp_path):
    as_on_a_card(0)
    painter = Painter(small_models / "sd15", "sd15", Store(tmp_path))
    painter.paint(*scene, TEDDY, 1, "fast")
    assert painter._plan == 3
    hook = exhausted(painter, 1)
    with pytest.raises(UserError, match="not even in small pieces"):
        painter.paint(*scene, TEDDY, 1, "fast")
    hook.remove()


def test_other_errors_are_not_taken_for_a_lack_of_memory(painters, scene):
    def hook(*_) -> None:
        raise RuntimeError("something else")

    handle = painters["sd15"]._network.register_forward_pre_hook(hook)
    with pytest.raises(RuntimeError, match="something else"):
        painters["sd15"].paint(*scene, TEDDY, 1, "fast")
    handle.remove()


def test_it_leaves_the_device_for_another_model(small_models, scene, as_on_a_card, tmp_path):
    as_on_a_card(4 << 30)
    painter = Painter(small_models / "sd15", "sd15", Store(tmp_path))
    first = painter.paint(*scene, TEDDY, 1, "fast")
    painter.release_for(3 << 30)
    assert painter._plan == 0
    painter.release_for(5 << 30)
    assert painter._plan is None
    assert (painter.paint(*scene, TEDDY, 1, "fast") == first).all()


# -- files


def in_the_catalogue(monkeypatch, folder, family: str = "") -> Model:
    """What lies in a folder of the store, as a model that the catalogue has."""
    files = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        files.append(File(path.relative_to(folder).as_posix(), len(data), hashlib.sha256(data).hexdigest()))
    model = Model(folder.name, "fill", "Small", "MIT", 1, tuple(files), family)
    monkeypatch.setitem(catalogue.MODELS, folder.name, model)
    return model


def test_a_lora_makes_fast_faster(small_models, scene, tmp_path, monkeypatch):
    small_pipelines.lora(small_models / "sd15", tmp_path / "lcm-lora-sd15")
    in_the_catalogue(monkeypatch, tmp_path / "lcm-lora-sd15", "sd15-lora")
    painter, without = (Painter(small_models / "sd15", "sd15", Store(folder)) for folder in (tmp_path, tmp_path / "no"))
    counts = []
    for each in (painter, without):
        steps = []
        each.paint(*scene, TEDDY, 1, "fast", step=steps.append)
        counts.append(len(steps))
    assert counts == [4, 10]
    balanced = without.paint(*scene, TEDDY, 1, "balanced")
    assert (painter.paint(*scene, TEDDY, 1, "balanced") == balanced).all(), "it is left out where it is not wanted"
    fast = painter.paint(*scene, TEDDY, 1, "fast")
    assert (fast == painter.paint(*scene, TEDDY, 1, "fast")).all(), "and comes back"


def test_a_single_file_is_the_same_model(small_models, scene, tmp_path, monkeypatch):
    shutil.copytree(small_models / "sd15", tmp_path / "sd15-inpainting")
    in_the_catalogue(monkeypatch, tmp_path / "sd15-inpainting")
    file = small_pipelines.single_file(small_models / "sd15", tmp_path / "photo model.safetensors")
    store = Store(tmp_path)
    one, whole = load(store, "fill", str(file)), load(store, "fill", str(small_models / "sd15"))
    assert (one.paint(*scene, TEDDY, 1, "fast") == whole.paint(*scene, TEDDY, 1, "fast")).all()
    best = load(store, "fill")
    assert (best.paint(*scene, TEDDY, 1, "fast") == whole.paint(*scene, TEDDY, 1, "fast")).all()


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
        assert load(store, "fill").family.title == family(store, "fill").title == title
    shutil.rmtree(tmp_path / "sd15-inpainting")
    monkeypatch.setattr(devices, "total", lambda device: 0)
    assert load(store, "fill").family.title == "Stable Diffusion XL"


def test_a_single_file_whose_settings_are_not_here_says_what_brings_them(small_models, tmp_path):
    file = small_pipelines.single_file(small_models / "sd15", tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=r"holds weights alone.*models fetch sd15-inpainting"):
        load(Store(tmp_path), "fill", str(file))


def test_a_model_that_is_not_for_inpainting_paints_too(scene, tmp_path):
    """One with 4 channels, as most are that people share."""
    folder = small_pipelines.sd15(tmp_path / "shared", channels=4)
    index = json.loads((folder / "model_index.json").read_text())
    index["_class_name"] = "StableDiffusionPipeline"
    (folder / "model_index.json").write_text(json.dumps(index))
    painter = load(Store(tmp_path), "fill", str(folder))
    assert painter.paint(*scene, TEDDY, 1, "fast").shape == (64, 96, 3)


def test_weights_published_in_16_bits_are_read(small_models, scene, tmp_path):
    folder = small_pipelines.sd15(tmp_path / "halved", variant="fp16")
    assert list(folder.rglob("*.fp16.safetensors"))
    painted = load(Store(tmp_path), "fill", str(folder)).paint(*scene, TEDDY, 1, "fast")
    assert (painted == load(Store(tmp_path), "fill", str(small_models / "sd15")).paint(*scene, TEDDY, 1, "fast")).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_a_hub_is_fetched_in_two_goes_and_paints_as_its_files_do(small_models, scene, tmp_path, hub, kind):
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
    store.fetch(name, lambda share, word: shares.append(share))
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1)
    asked = [headers.get("Range") for path, headers in hub.asked if path.endswith(largest)]
    assert len(asked) == 2 and asked[0] is None and asked[1] is not None, "it went on where it was cut off"
    store.verify(name)
    fetched, own = load(store, "fill", name), load(store, "fill", str(folder))
    assert (fetched.paint(*scene, TEDDY, 1, "fast") == own.paint(*scene, TEDDY, 1, "fast")).all()


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
        ("model.ckpt", b"anything", "is not a .safetensors file"),
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
    with pytest.raises(UserError, match=r"Fill needs the model sd15-inpainting, which is not installed. Run: "):
        demand(store, "fill")
    with pytest.raises(UserError, match="Replace Background needs the model sdxl-inpainting"):
        demand(store, "replace", "sdxl-inpainting")
    with pytest.raises(UserError, match="There is no model nonsense"):
        demand(store, "fill", "nonsense")
    demand(store, "fill", str(tmp_path))


def test_a_package_that_is_missing_is_named(small_models, tmp_path, monkeypatch):
    from inference_server import diffusion

    monkeypatch.setattr(diffusion, "find_spec", lambda name: None if name in ("peft", "accelerate") else object())
    with pytest.raises(UserError, match=r"needs accelerate and peft in the server's Python.*pip install"):
        demand(Store(tmp_path), "fill", str(small_models / "sd15"))
