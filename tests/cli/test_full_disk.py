"""Results that find no room on their disk: it is said, every file stays as it was, and nothing unfinished is left."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from . import full_disk

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def answers(models, tmp_path_factory) -> dict[str, dict]:
    """What came of each of the cases, by its name."""
    if sys.platform != "linux":
        pytest.skip("a small disk is mounted as Linux does it")
    folder = tmp_path_factory.mktemp("disk")
    command = [sys.executable, "-m", "tests.cli.full_disk", folder]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    if done.returncode == full_disk.CANNOT:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    return {each["name"]: each for each in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", full_disk.CASES)
def test_where_there_is_no_room_that_is_said_and_nothing_else_happens(answers, name):
    seen = answers[name]
    assert seen["needed"] > 0
    assert seen["status"] == 1 and "There is no room left on the disk for " in seen["said"], seen["said"]
    assert seen["said"].count("\n") <= 2 and "Traceback" not in seen["said"]
    before, after = seen["before"], seen["after"]
    for files in (before, after):
        files.pop(full_disk.OUTPUT, None)  # what a shell's > FILE holds is the shell's
    assert after == before
