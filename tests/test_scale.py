"""What docs/scale.md is computed with, beside what can be computed by hand."""

import importlib.util
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "bench" / "batch" / "simulation.py"
SECONDS, BYTES = 2.0, 5e6


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("simulation", SOURCE)
    sys.modules["simulation"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["simulation"]


@pytest.fixture
def photo(bench):
    return bench.Photo(name="", read=0.2, work=1.6, write=0.2, bytes_in=BYTES, bytes_out=BYTES)


def rate(bench, photo, workers: int, *, storage: float = 1e12, cores: int | None = None) -> float:
    return bench.simulate(photo, bench.Cluster(workers=workers, storage=storage, cores=cores), 2000).rate


@pytest.mark.parametrize(("workers", "cores", "busy"), [(1, None, 1), (8, None, 8), (2, 2, 2), (4, 2, 2), (1, 2, 1.25)])
def test_the_cores_that_are_there_are_busy(bench, photo, workers, cores, busy):
    """One worker alone reads and writes on a second core while it works on the first."""
    assert rate(bench, photo, workers, cores=cores) == pytest.approx(busy / SECONDS, rel=0.05)


def test_a_storage_moves_so_many_bytes_a_second_whoever_asks(bench, photo):
    for workers in (8, 16):
        assert rate(bench, photo, workers, storage=1e7) == pytest.approx(1, rel=0.1)
    found = bench.simulate(photo, bench.Cluster(workers=16, storage=1e7), 2000)
    assert found.busy["storage"] > 0.95 > 0.2 > found.busy["cores"]


def test_the_head_does_one_thing_at_a_time(bench):
    tiny = bench.Photo(name="", read=0.0, work=0.01, write=0.0, bytes_in=1, bytes_out=1)
    assert rate(bench, tiny, 100) == pytest.approx(1 / (2 * bench.LINE), rel=0.1)
