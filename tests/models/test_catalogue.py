"""What the catalogue says of models, and which it makes the rooms choose."""

import itertools
from pathlib import Path

import pytest

from inference_server.fill import diffusion
from inference_server.models import catalogue, hub, packages, store
from inference_server.models.catalogue import MODELS, ranked
from inference_server.models.store import Store
from inference_server.select import segmenters
from inference_server.shared.messages import Job

GB = 1 << 30
FAMILY_FILES = {Job.SELECT: "select/segmenters", Job.REMOVE: "remove", Job.REPLACE: "replace"}


def test_every_entry_is_complete():
    for name, model in MODELS.items():
        assert model.name == name and model.job in Job and model.licence and model.memory and model.title
        assert model.family or model.accelerates or model.helps
        assert not model.hub or hub.REPOSITORY.fullmatch(model.hub)
        for file in model.files:
            assert (
                file.size > 0 and len(file.digest) == 64 and bool(file.sources) != bool(model.licence_page or model.hub)
            )
            assert all(source.startswith(("https://", "npm:")) for source in file.sources)


def test_what_an_entry_says_of_families_is_so():
    server = Path(catalogue.__file__).parents[1]
    for model in MODELS.values():
        if model.accelerates:
            assert model.job == Job.FILL and model.rank is None
            few_steps = diffusion.FAMILIES[model.accelerates].few_steps
            assert few_steps and few_steps.lora == model.name
        elif model.helps:
            files, families = {file.name for file in model.files}, map(diffusion.FAMILIES.get, model.helps)
            assert model.job == Job.FILL and model.rank is None
            assert all(family and family.adapter in files for family in families)
        elif model.job == Job.FILL or model.family in ("rorem", "flux2_erase"):
            assert model.family in diffusion.FAMILIES
        else:
            assert (server / FAMILY_FILES[model.job] / f"{model.family}.py").is_file()
        assert not model.base or MODELS[model.base].weights, "its share of a download is counted by it"
        assert not model.instead or any(store.left_out(file, model.instead) for file in MODELS[model.base].files)
        assert model.uses_device == ("torch" in model.packages), "only torch reaches a device"


def test_the_starters_need_nothing_and_suit_every_machine():
    assert catalogue.STARTERS == ("minisam", "patchmatch")
    for name in catalogue.STARTERS:
        assert not MODELS[name].packages and MODELS[name].suits(0)


@pytest.mark.parametrize("job", [Job.SELECT, Job.REMOVE, Job.FILL])
def test_no_two_models_of_a_job_have_the_same_rank(job):
    assert [model.rank for model in ranked(job)] == list(range(1, len(ranked(job)) + 1))
    unranked = {model.name for model in MODELS.values() if model.job == job and model.rank is None}
    additions = {model.name for model in MODELS.values() if model.accelerates or model.helps}
    by_name_alone = {
        Job.SELECT: {"sam3", catalogue.MATTING},
        Job.REMOVE: {"migan", "rorem", "flux2-erase"},
        Job.FILL: {"flux2-klein", "flux2-klein-q4", "flux1-kontext", "qwen-image-edit", *additions},
    }
    assert unranked == by_name_alone[job]


# -- what is chosen

SEGMENTERS = (
    "sam2.1-large", "sam2.1-base-plus", "sam-hq-h", "sam-vit-h", "sam2.1-small", "sam-hq-l", "sam-vit-l", "sam-hq-b",
    "sam-vit-b", "sam2.1-tiny", "sam2.1-tiny-onnx", "edgetam", "mobilesam", "minisam",
)  # fmt: skip
ON_PROCESSOR = ("sam2.1-tiny", "sam2.1-tiny-onnx", "edgetam", "mobilesam", "minisam")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A function that gives a store in which models seem to be installed; every package seems to be, too."""
    monkeypatch.setattr(packages, "find_spec", lambda name: name)
    store = Store(tmp_path)
    here: list[str] = []
    monkeypatch.setattr(Store, "missing", lambda self, name, without="": [] if name in here else ["something"])

    def install(*names: str) -> Store:
        here[:] = names
        return store

    return install


@pytest.mark.parametrize("gpu_memory", [0, 1 * GB, 8 * GB, 80 * GB])
def test_the_best_segmenter_that_suits_the_device_is_chosen_whatever_else_is_installed(installed, gpu_memory):
    order = SEGMENTERS if gpu_memory else ON_PROCESSOR
    for count in (0, 1, 2, len(SEGMENTERS)):  # of any more the best two say it all
        for names in itertools.combinations(SEGMENTERS, count):
            expected = next((name for name in order if name in names), "minisam")
            assert segmenters.choose(installed(*names, "sam3"), gpu_memory) == expected
            if expected in names:
                assert catalogue.used(gpu_memory, names) == (expected,), "the overview would say another"


@pytest.mark.parametrize(
    ("gpu_memory", "names", "chosen"),
    [
        (0, "flux1-fill sdxl-inpainting sd15-inpainting", "sd15-inpainting"),
        (6 * GB, "flux1-fill sdxl-inpainting sd15-inpainting", "sd15-inpainting"),
        (7 * GB - 1, "flux1-fill sdxl-inpainting sd15-inpainting", "sd15-inpainting"),
        (7 * GB, "flux1-fill sdxl-inpainting sd15-inpainting", "sdxl-inpainting"),
        (15 * GB, "flux1-fill sdxl-inpainting sd15-inpainting", "sdxl-inpainting"),
        (16 * GB, "flux1-fill sdxl-inpainting sd15-inpainting", "flux1-fill"),
        (80 * GB, "sd15-inpainting", "sd15-inpainting"),
        (80 * GB, "sdxl-inpainting sd15-inpainting", "sdxl-inpainting"),
        (0, "flux1-fill sdxl-inpainting", "sdxl-inpainting"),
        (6 * GB, "flux1-fill sdxl-inpainting", "sdxl-inpainting"),
        (6 * GB, "flux1-fill", "flux1-fill"),
        (0, "flux1-fill", "flux1-fill"),
    ],
)
def test_the_best_painter_the_gpu_has_the_memory_for_is_chosen(installed, monkeypatch, gpu_memory, names, chosen):
    devices = pytest.importorskip("inference_server.models.devices", reason="torch is not installed")
    monkeypatch.setattr(devices, "total", lambda device: gpu_memory)
    monkeypatch.setattr(devices, "computer_memory", lambda: 64 * GB)
    store = installed(*names.split(), "lcm-lora-sd15", "lcm-lora-sdxl", "flux1-turbo")
    assert diffusion.place(store, "") == store.folder / chosen
    assert catalogue.used(gpu_memory, names.split()) == (chosen,), "the overview would say another"


@pytest.mark.parametrize(
    ("gpu_memory", "memory", "with_help", "without"),
    [
        (6, 64, "sd15-inpainting", "sd15-inpainting"),
        (8, 64, "sdxl-inpainting", "sdxl-inpainting"),
        (10, 64, "sdxl-inpainting", "sdxl-inpainting"),
        (12, 64, "flux1-fill", "sdxl-inpainting"),
        (12, 16, "flux1-fill", "sdxl-inpainting"),
        (12, 8, "sdxl-inpainting", "sdxl-inpainting"),
        (16, 64, "flux1-fill", "flux1-fill"),
        (24, 64, "flux1-fill", "flux1-fill"),
        (24, 24, "flux1-fill", "sdxl-inpainting"),
        (48, 64, "flux1-fill", "flux1-fill"),
        (0, 64, "sd15-inpainting", "sd15-inpainting"),
    ],
)
def test_where_weights_are_read_in_four_bits_that_counts(
    installed, monkeypatch, gpu_memory, memory, with_help, without
):
    """Gigabytes.  What is used, what the overview says of it, and what is advised where the package would come."""
    devices = pytest.importorskip("inference_server.models.devices", reason="torch is not installed")
    from inference_server.fill.diffusion import memory as plans

    names = ("flux1-fill", "sdxl-inpainting", "sd15-inpainting")
    store = installed(*names)
    monkeypatch.setattr(devices, "total", lambda device: gpu_memory * GB)
    monkeypatch.setattr(devices, "computer_memory", lambda: memory * GB)
    for helped, expected in ((names, with_help), ((), without)):
        monkeypatch.setattr(plans, "can_read_four_bits", lambda device, helped=helped: bool(helped))
        assert diffusion.place(store, "") == store.folder / expected
        assert catalogue.used(gpu_memory * GB, names, memory * GB, helped=helped) == (expected,)
        assert expected in catalogue.advised(gpu_memory * GB, names, memory * GB, helped=bool(helped))


@pytest.mark.parametrize(
    ("memory", "fills"),
    [
        (0, "flux1-fill"),
        (64 * GB, "flux1-fill"),
        (32 * GB, "flux1-fill"),
        (31 * GB, "sdxl-inpainting"),
        (7 * GB, "sdxl-inpainting"),
        (6 * GB, "sd15-inpainting"),
        (1 * GB, "sd15-inpainting"),
    ],
)
def test_what_the_computer_s_memory_does_not_hold_is_neither_used_nor_advised(memory, fills):
    """34 GB of FLUX are not read into 16, whatever the card has; where nothing fits it is what needs least."""
    names = ("sd15-inpainting", "sdxl-inpainting", "flux1-fill")
    assert catalogue.used(80 * GB, names, memory) == (fills,)
    advised = catalogue.advised(80 * GB, names, memory)
    assert fills in advised and not ({*names} - {fills}) & {*advised}
    assert {"sd15-inpainting": "lcm-lora-sd15", "flux1-fill": "flux1-turbo"}.get(fills, "lcm-lora-sdxl") in advised
