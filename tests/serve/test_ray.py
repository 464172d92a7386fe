"""A server whose work is done by Ray's actors; and what is said where there is no Ray, or not the one that is named."""

import os
import socket
import subprocess
from pathlib import Path
from typing import ClassVar

import pytest

from inference_server.__main__ import main
from inference_server.models.store import Store
from inference_server.serve import ray_cluster, ray_shelf, ray_worker
from inference_server.shared import client, endpoint, paths
from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.monitor import Monitor

from ..servers import SERVE, long_job, needs_posix, stopped, wait_until, works

PATIENCE = 300  # seconds for a cluster to begin, on a machine that is busy


@pytest.fixture
def small_home(tmp_path, monkeypatch) -> Path:
    """A private folder without models."""
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


def test_without_ray_it_is_said_what_to_install(small_home, monkeypatch, capsys):
    monkeypatch.setattr(ray_cluster.packages, "missing", list)
    assert main(["serve", "--engine", "ray"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("--engine ray needs the package ray") and "pip install ray" in said
    assert not small_home.exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--engine", "rays"], "There is no engine 'rays'"),
        (["--engine", "ray", "--devices", "cpu"], "Ray chooses the devices"),
        (["--workers", "2"], "--workers is a number of Ray's"),
        (["--engine", "ray", "--workers", "0"], "--workers is a number of Ray's"),
        (["--metrics", "0"], "--metrics is a port"),
        (["--keep-embeddings", "-1"], "--keep-embeddings is a number of megabytes"),
        (["--lan", "--idle", "3"], "--lan chooses the address"),
    ],
)
def test_options_that_do_not_go_together_are_refused(small_home, capsys, options, sentence):
    assert main(["serve", *options]) == 1
    assert sentence in capsys.readouterr().err and not small_home.exists()


class Placed:
    """An actor that is placed when a test says so.  made: all there have been."""

    made: ClassVar["list[Placed]"] = []

    def __init__(self, ray, needs, shelf):
        self.needs, self.there, self.ended = needs, False, False
        self.made.append(self)

    def is_there(self, seconds):
        if self.ended:
            raise LookupError
        return self.there


@pytest.fixture
def placed(monkeypatch):
    monkeypatch.setattr(Placed, "made", [])
    monkeypatch.setattr(ray_worker, "RayHost", Placed)
    monkeypatch.setattr(ray_worker.ray_cluster, "connect", lambda address, workers: ("ray", None))
    return Placed.made


def test_a_lost_actor_has_a_stand_in_until_there_is_a_core_for_another(placed):
    actors = ray_worker.Actors("there:6379", on_gpu=False)
    first = actors.begin()
    assert first.needs == {"num_cpus": 1} and actors.better() is None
    for _ in range(2):  # the second one is lost, too
        assert actors.begin().needs == {"num_cpus": 0} and actors.better() is None
    (wanted,) = (each for each in placed[1:] if each.needs == {"num_cpus": 1})
    wanted.ended = True  # with the next machine
    assert actors.better() is None
    placed[-1].there = True
    assert actors.better() is placed[-1] and placed[-1].needs == {"num_cpus": 1} and actors.better() is None


def test_a_core_that_is_there_is_taken_at_once_and_a_gpu_is_waited_for(placed, monkeypatch):
    monkeypatch.setattr(Placed, "is_there", lambda self, seconds: seconds > 0)
    actors = ray_worker.Actors("there:6379", on_gpu=False)
    actors.begin()
    assert actors.begin().needs == {"num_cpus": 1} and len(placed) == 2
    actors = ray_worker.Actors("there:6379", on_gpu=True)
    assert actors.begin().needs == actors.begin().needs == {"num_gpus": 1, "num_cpus": 0}


OWN, WEIGHTS = "own/mine", bytes(range(256)) * (1 << 17)  # two pieces


class Borrower:
    """An actor of Ray's that takes the model of a person's own from a shelf, and counts what that takes."""

    def __init__(self, shelf):
        self._store = ray_shelf.borrowing(shelf)

    def need(self):
        """The node it runs on, where the model is then, and its bytes."""
        import ray

        place = self._store.need(OWN)["mine.safetensors"]
        return ray.get_runtime_context().get_node_id(), str(place), place.read_bytes()


@needs_posix
def test_a_machine_that_lacks_a_model_takes_it_from_the_one_that_has_it(small_home, tmp_path):
    """Two raylets, whose processes have private folders of their own, are two machines."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    given = tmp_path / "mine.safetensors"
    given.write_bytes(WEIGHTS)
    assert Store().import_own(given) == OWN
    cluster, homes = Cluster(), [small_home, tmp_path / "other"]
    try:
        for home in homes:
            cluster.add_node(num_cpus=1, env_vars={paths.HOME_VARIABLE: str(home)})
        connected, _ = ray_cluster.connect(cluster.address, None)
        shelf, name = ray_shelf.set_up(connected)
        assert ray_shelf.named(connected, name)._actor_id == shelf._actor_id
        borrowers = [ray.remote(num_cpus=1)(Borrower).remote(shelf) for _ in homes]
        found = ray.get([borrower.need.remote() for borrower in borrowers], timeout=PATIENCE)
        assert len({node for node, _, _ in found}) == 2
        assert {place for _, place, _ in found} == {
            str(home / "models" / "own--mine" / "mine.safetensors") for home in homes
        }
        assert all(content == WEIGHTS for *_, content in found)
    finally:
        ray.shutdown()
        cluster.shutdown()


@needs_posix
def test_an_actor_does_the_work_and_gives_it_up_when_cancelled(small_home):
    pytest.importorskip("ray")
    server = subprocess.Popen([*SERVE, "--engine", "ray", "--workers", "1"], env={**os.environ})
    try:
        wait_until(lambda: endpoint.running() or server.poll() is not None, PATIENCE)
        with client.connect(SERVE) as connection:
            message, frames = long_job()
            hasty = Monitor(on_progress=lambda share, said: None, is_cancelled=lambda: True)
            with pytest.raises(UserError) as refused:
                connection.request(message, frames, monitor=hasty)
            assert refused.value.code == ErrorCode.CANCELLED
            assert works(connection), "a cancel does not overtake its request"
            heard: list[str] = []
            monitor = Monitor(
                on_progress=lambda share, said: heard.append(said),
                is_cancelled=lambda: "Removing the object" in heard,  # the actor's words
            )
            with pytest.raises(UserError) as refused:
                connection.request(message, frames, monitor=monitor)
            assert refused.value.code == ErrorCode.CANCELLED
            assert works(connection)
        log = (small_home / "server.log").read_text()
        assert "job=1 Inpaint done" not in log and "job=2 Inpaint done" in log
        assert "job=3 Inpaint refused: cancelled" in log
    finally:
        wait_until(stopped, PATIENCE)
        server.wait(PATIENCE)


def test_a_cluster_that_is_not_there_is_named():
    pytest.importorskip("ray")
    with socket.socket() as bound:  # and listens to nobody
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(UserError, match=f"Ray cannot be reached at {address}") as refused:
            ray_cluster.Kept(address, None)
    assert refused.value.code == ErrorCode.NO_SERVER
