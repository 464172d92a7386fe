"""What the tests inside GIMP share: a server of their own, and a way to run a scenario."""

import os
import shutil
from pathlib import Path

import pytest

from inference_server.shared import client, endpoint, paths

from .. import small_pipelines
from .headless import HeadlessGimp, run_in_gimp
from .window import windows

SCENARIOS = Path(__file__).with_name("scenarios.py")
IN_GIMP = [
    pytest.mark.gimp,
    pytest.mark.skipif("GIMP_CONSOLE" not in os.environ, reason="needs a GIMP 3: run python3 install.py test"),
]


os.environ["LANGUAGE"] = "en"  # what the tests read of GIMP and of the plug-in, whatever the machine's is


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory, models):
    """A private folder whose server serves all the tests here that do not mind."""
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(models, folder / "models", copy_function=os.symlink)
    yield folder
    stop_server(folder)


def stop_server(folder: Path) -> None:
    before = os.environ.get(paths.HOME_VARIABLE)
    os.environ[paths.HOME_VARIABLE] = str(folder)
    found = endpoint.running()
    if found:
        with client.Client(found) as connection:
            connection.stop_server()
    if before is not None:
        os.environ[paths.HOME_VARIABLE] = before


@pytest.fixture(scope="session")
def gimp(shared_home, photo_file):
    """A function that runs one scenario in GIMP and gives what it saw.

    Scenarios that share the home and need no environment of their own share one GIMP.
    """
    running: list[HeadlessGimp] = []

    def run(scenario: str, home: Path = shared_home, environment=None, file: Path = SCENARIOS, **arguments):
        if scenario != "registered":
            arguments.setdefault("photo", str(photo_file))
        own = {paths.HOME_VARIABLE: str(home), **(environment or {})}
        if home != shared_home or environment:
            return run_in_gimp(file, environment=own, scenario=scenario, **arguments)
        if not running or not running[-1].running:
            running.append(HeadlessGimp(own))
        return running[-1].run(file, scenario=scenario, **arguments)

    yield run
    for each in running:
        each.close()


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> str:
    """The folder of a small model."""
    for package in ("torch", "diffusers"):
        pytest.importorskip(package, reason="painting from a prompt needs the full packages")
    return str(small_pipelines.sd15(tmp_path_factory.mktemp("small") / "sd15"))


@pytest.fixture
def window(home, photo, tmp_path):
    """A function that opens the photo in a GIMP window (`window.windows`)."""
    yield from windows(home, photo, tmp_path)
    stop_server(home)
