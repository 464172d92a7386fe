"""The settings by keyboard: models got, cancelled and removed; the server stopped, started, and another's used."""

import json
import os
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from inference_server.models.catalogue import MODELS
from inference_server.models.store import Store
from inference_server.shared import endpoint, keys, paths, preferences

from ..servers import SERVE
from .conftest import IN_GIMP
from .window import Window, wait_for

pytestmark = IN_GIMP
TITLE = "Inpaint Anything Settings"
MODEL, FILE = "flux1-fill", "unet/diffusion_pytorch_model.safetensors"
DATA = np.random.default_rng(1).bytes(3_000_000)


@pytest.fixture
def offered(hub, monkeypatch):
    """A hub with a small model in the place of one that is given on request, to somebody to whom it is given."""
    monkeypatch.setenv("HF_TOKEN", "mine")
    name, _, revision = MODELS[MODEL].hub.partition("@")
    files = {"model_index.json": b'{"unet": ["diffusers", "Network"]}', "unet/config.json": b"{}", FILE: DATA}
    hub.publish(name, files, revision)
    hub.where = f"/{name}/resolve/{revision}/{FILE}"
    return hub


@pytest.fixture
def opened(window, home):
    """A function that opens the settings and calls what happens in them with (window, the server's log)."""

    def open_settings(meanwhile, before=lambda gimp: None) -> None:
        gimp, log = window("click"), home / "server.log"
        before(gimp)

        def looked() -> None:
            wait_for(lambda: "Survey done" in said(log), 30, "the server is not asked what it has")
            time.sleep(1)
            meanwhile(gimp, log)
            gimp.do("key", "Escape")
            wait_for(lambda: not gimp.shows(TITLE), 10, "the settings do not close")

        gimp.open("settings", f"^{TITLE}$")
        looked()

    return open_settings


def said(log: Path) -> str:
    return log.read_text() if log.exists() else ""


def to_get_of(gimp: Window, name: str) -> None:
    """Bring the focus to the button that gets a model: Alt+G goes from one such button to the next."""
    store, order = Store(), ("select", "remove", "fill")
    listed = sorted(MODELS.values(), key=lambda model: order.index(model.job))
    buttons = [m.name for m in listed if store.missing(m.name) and (not m.page or m.hub)]
    for _ in range(buttons.index(name) + 1):
        gimp.do("key", "alt+g")
    time.sleep(0.5)


def test_a_model_is_got_in_two_goes_and_removed(opened, offered, home):
    offered.moods[offered.where] = ["stall"]
    place = Store().folder_of(MODEL)

    def work(gimp: Window, log: Path) -> None:
        to_get_of(gimp, MODEL)
        gimp.do("key", "space")
        wait_for(lambda: offered.where in offered.paths(), 20, "Get gets nothing")
        time.sleep(1.5)
        begun = time.monotonic()
        gimp.do("key", "space")  # the focus is on Cancel now
        wait_for(lambda: "Fetch refused: Cancelled" in said(log), 5, "Cancel does not cancel")
        assert time.monotonic() - begun < 2.5
        assert not (place / FILE).exists() and list((place / "unet").glob("*.part"))
        time.sleep(1)

        gimp.do("key", "space")  # and on Get again
        wait_for((place / FILE).exists, 20, "Get does not go on")
        assert (place / FILE).read_bytes() == DATA and "Range" in offered.asked[-1][1]
        wait_for(lambda: "Fetch done" in said(log), 5, "it does not end")
        time.sleep(1)

        gimp.do("key", "space")  # Remove
        question = r"^Remove FLUX\.1 Fill"
        wait_for(lambda: gimp.shows(question), 5, "nothing is asked before it is removed")
        gimp.do("key", "Return")  # which keeps it
        wait_for(lambda: not gimp.shows(question), 5, "the question stays")
        assert (place / FILE).exists()
        gimp.do("key", "space")
        wait_for(lambda: gimp.shows(question), 5, "nothing is asked the second time")
        gimp.do("key", "alt+r")
        wait_for(lambda: "Discard done" in said(log), 10, "it is not removed")
        assert not place.exists()

    opened(work)


def test_closing_while_a_model_comes_asks_and_keeps_what_has_come(opened, offered, home):
    offered.moods[offered.where] = ["stall"]

    def work(gimp: Window, log: Path) -> None:
        to_get_of(gimp, MODEL)
        gimp.do("key", "space")
        wait_for(lambda: offered.where in offered.paths(), 20, "Get gets nothing")
        time.sleep(1)
        gimp.do("key", "Escape")
        wait_for(lambda: gimp.shows("^Stop getting models"), 5, "nothing is asked")
        gimp.do("key", "Escape")
        time.sleep(1)
        assert gimp.shows(TITLE) and "Cancelled" not in said(log)
        gimp.do("key", "Escape")
        wait_for(lambda: gimp.shows("^Stop getting models"), 5, "nothing is asked the second time")
        gimp.do("key", "alt+s")
        wait_for(lambda: not gimp.shows(TITLE), 5, "the settings stay")
        wait_for(lambda: "Fetch refused: Cancelled" in said(log), 5, "the download goes on")

    opened(work)
    assert list((Store().folder_of(MODEL) / "unet").glob("*.part"))


def close_the_image(gimp: Window) -> None:
    gimp.press("ctrl+w")
    wait_for(lambda: gimp.shows("^Close "), 10, "GIMP does not ask whether to save")
    gimp.do("key", "alt+d")
    wait_for(lambda: gimp.layers() == 0, 10, "the image stays")


def test_without_an_image_the_server_is_stopped_and_started_and_the_idle_time_is_kept(opened, home):
    def work(gimp: Window, log: Path) -> None:
        first = endpoint.running()["pid"]
        gimp.do("key", "alt+v")
        wait_for(lambda: endpoint.running() is None, 10, "the server does not stop")
        time.sleep(3)
        assert endpoint.running() is None, "looking how it is must not start it"
        gimp.do("key", "alt+v")
        wait_for(lambda: endpoint.running() is not None, 20, "the server does not start")
        assert endpoint.running()["pid"] != first
        gimp.do("key", "alt+i")
        gimp.do("key", "ctrl+a")
        gimp.do("type", "45")
        gimp.do("key", "Tab")
        wait_for(lambda: preferences.read().idle_minutes == 45, 5, "the idle time is not kept")

    opened(work, close_the_image)


def test_another_computers_server_is_used_and_this_ones_again(opened, home, models, tmp_path):
    studio = tmp_path / "studio"
    studio.mkdir()
    (studio / "models").symlink_to(models)
    own = keys.pair("client")[0]
    environment = {**os.environ, paths.HOME_VARIABLE: str(studio)}
    admit = [*SERVE[:-1], "keys", "admit", own, "--name", "here"]
    server = subprocess.Popen([*SERVE, "--address", "tcp://127.0.0.1:*"], env=environment)
    wait_for((studio / "server.json").exists, 20, "there is no other server")
    there = json.loads((studio / "server.json").read_text())

    def work(gimp: Window, log: Path) -> None:
        gimp.do("key", "alt+n")
        time.sleep(0.5)
        gimp.do("type", there["address"].removeprefix("tcp://"))
        gimp.do("key", "alt+k")
        gimp.do("type", there["server_key"])
        gimp.do("key", "Return")
        wait_for(lambda: preferences.read().address == there["address"], 5, "the address is not kept")
        assert preferences.read().server_key == there["server_key"]
        wait_for(lambda: "was turned away" in said(studio / "server.log"), 10, "nobody comes")
        subprocess.run(admit, env=environment, check=True)
        gimp.do("key", "alt+s")
        gimp.do("key", "space")
        wait_for(lambda: "Survey done" in said(studio / "server.log"), 10, "it is not asked what it has")
        gimp.do("key", "alt+t")
        gimp.do("key", "space")
        wait_for(lambda: preferences.read().address == "", 5, "this computer cannot be chosen again")

    try:
        opened(work)
    finally:
        server.terminate()
        server.wait(10)


def test_the_settings_are_in_the_menu_and_no_window_comes_up_for_a_script(gimp):
    label, menus, status, sentence = gimp("settings", file=Path(__file__).with_name("without_window.py"))
    assert (label, menus) == ("S_ettings…", ["<Image>/Filters/Inpaint Anything"])
    assert status == "execution-error" and "only a person can use" in sentence
