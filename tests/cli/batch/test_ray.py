"""Batches whose workers are Ray's actors; and that nothing needs Ray which was not told to use it."""

import ast
import time
from pathlib import Path

import pytest

from inference_server.cli.batch import manifest, ray_crew
from inference_server.cli.batch.crew import Answered, Ended, Ready
from inference_server.cli.batch.manifest import Status
from inference_server.cli.batch.photo_worker import Task
from inference_server.cli.batch.worker_process import Start
from inference_server.serve import ray_cluster

from ..pictures import put_scene
from .test_batch import BATCH, PHOTOS, RECIPE

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put_scene(tmp_path, *PHOTOS)
    (tmp_path / "clean.toml").write_text(RECIPE)
    return tmp_path


def test_two_modules_import_ray_and_only_when_they_are_asked_to():
    for file in (REPOSITORY / "inference_server").rglob("*.py"):
        names = []
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names += [(alias.name, node.col_offset) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.append((node.module or "", node.col_offset))
        found = [offset for name, offset in names if name.split(".")[0] == "ray"]
        assert bool(found) == (file.name in ("ray_cluster.py", "ray_shelf.py")) and all(found), file


def test_without_ray_it_is_said_what_to_install(run, folder, monkeypatch):
    monkeypatch.setattr(ray_cluster.packages, "missing", list)
    status, printed = run(*BATCH, "--engine", "ray")
    assert status == 1 and not (folder / "out").exists()
    assert printed.startswith("--engine ray needs the package ray") and "pip install ray" in printed


@pytest.mark.parametrize("engine", ["rays", "local=here", ""])
def test_there_are_two_engines(run, folder, engine):
    status, printed = run(*BATCH, "--engine", engine)
    assert status == 1 and "Give local, ray or ray=ADDRESS." in printed


def test_its_results_are_those_of_a_batch_without_it(run, folder):
    pytest.importorskip("ray")
    assert run(*BATCH)[0] == 0
    status, printed = run(*BATCH, "-o", "rays", "--engine", "ray", "--workers", "2")
    assert status == 0 and "3 photos done." in printed
    for name in PHOTOS:
        assert (folder / "rays" / name).read_bytes() == (folder / "out" / name).read_bytes()


def test_an_actor_that_dies_is_followed_by_another(home, folder):
    ray = pytest.importorskip("ray")
    (folder / "out").mkdir()
    here = str(folder)
    start = Start(text=RECIPE, name="clean.toml", base=here, folder="out", threads=1, here=here)
    crew = ray_crew.RayCrew(start, "", 1, on_gpus=False)
    try:
        assert heard(crew) == Ready(0)
        crew.give(0, Task(photo="a.png", result="a.png", overwrite=False))
        ray.kill(crew._actors[0])
        assert heard(crew) == Ended(0) and heard(crew) == Ready(0)
        crew.give(0, Task(photo="a.png", result="a.png", overwrite=False))
        answer = heard(crew)
        assert isinstance(answer, Answered) and answer.entry.status == Status.DONE
        assert answer.entry.result_stamp == manifest.stamp(folder / "out" / "a.png")
    finally:
        crew.close()


def heard(crew: ray_crew.RayCrew) -> object:
    """What is heard next, however long that takes."""
    while (event := crew.next(1.0)) is None:
        time.sleep(0.01)
    return event
