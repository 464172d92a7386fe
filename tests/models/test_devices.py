"""Which device is computed on, and in which precision, where this machine has none of them."""

from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (the extra `full`)")

from inference_server.models import devices, overview  # noqa: E402


def card(**more):
    known = {
        "is_available": lambda: True,
        "get_device_name": lambda: "A card",
        "mem_get_info": lambda: (3 << 30, 8 << 30),
    }
    return SimpleNamespace(**known | {"is_bf16_supported": lambda including_emulation=True: True} | more)


def test_intel_s_cards_are_computed_on(monkeypatch):
    monkeypatch.setattr(torch, "xpu", card())
    monkeypatch.setattr(torch, "cuda", card(is_available=lambda: False))
    assert devices.best() == "xpu" and devices.describe() == ("A card", 8 << 30, 3 << 30)
    assert devices.multiplies_bfloat16("xpu")
    monkeypatch.setattr(torch, "cuda", card())
    assert devices.best() == "cuda"


def test_intel_s_build_of_torch_is_asked_for_its_card(monkeypatch):
    monkeypatch.setattr(overview, "DRIVERS", ())
    monkeypatch.setattr(overview.packages, "gpu_maker", lambda: "")
    monkeypatch.setattr(overview.sys, "platform", "linux")
    for build, has in (("2.9.0+xpu", True), ("2.9.0+cpu", False)):
        monkeypatch.setattr(overview, "version", lambda name, build=build: build)
        assert overview.may_have_gpu() == has
