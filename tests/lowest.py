"""Run unit tests with the lowest versions of the packages that pyproject.toml declares, without torch and without GIMP.

    python3 -m tests.lowest                              quick tests of what uses these packages
    python3 -m tests.lowest tests/select                 what pytest is given instead
    python3 -m tests.lowest tests --ignore=tests/gimp    all that can be tested so, in minutes

The environment is made in the user's cache and kept.  Standard library only.  The lowest versions have wheels for
Python 3.11 to 3.13; a newer Python looks for one of these on the PATH, and says so where there is none.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import install
from inference_server.shared import paths

HERE = Path(__file__).resolve().parents[1]
NEWEST = (3, 13)  # the last Python for which all of the lowest versions have wheels
# Quick ones, in which each function of these packages that the product calls is called.  That they hold for any input
# is tried with the newest versions.
SERVER, SEGMENTERS, REMOVAL = (
    "tests/serve/test_server.py",
    "tests/select/test_segmenters.py",
    "tests/remove/test_removal.py",
)
TESTS = [
    "--least",
    *(f"tests/{room}" for room in ("imaging", "select", "remove", "replace")),
    *("tests/shared/test_keys.py", f"{SERVER}::test_a_server_is_started_and_finds_the_object"),
    *(f"--ignore=tests/select/{name}.py" for name in ("test_edges", "test_automatic_masks", "test_scenes")),
    f"--deselect={SEGMENTERS}::test_the_next_click_is_answered_by_the_best_model_that_is_there",
    *(
        f"--deselect={REMOVAL}::test_a_large_hole_is_as_sharp_and_as_grainy_as_the_photo[{depth}]"
        for depth in ("uint8", "uint16")
    ),
]


def main(arguments: Sequence[str]) -> int:
    """Run pytest with the lowest versions; returns its exit status."""
    if sys.version_info[:2] > NEWEST:
        return _with_older_python(arguments)
    python = _environment()
    os.environ.setdefault(paths.HOME_VARIABLE, str(install.cache() / "home"))
    os.environ.setdefault("INPAINT_ANYTHING_PHOTO", str(install.demo_photo(python)))
    return subprocess.run([python, "-m", "pytest", *(arguments or TESTS)], cwd=HERE).returncode


def lowest(requirements: Sequence[str]) -> list[str]:
    """The requirements with their lowest version alone: ["numpy>=2.1,<3"] gives ["numpy==2.1"].

    Raises ValueError for a requirement without one.
    """
    pinned = []
    for requirement in requirements:
        found = re.fullmatch(r"([\w.-]+)>=([\w.]+)(,.*)?", requirement.replace(" ", ""))
        if found is None:
            raise ValueError(f"pyproject.toml declares no lowest version: {requirement}")
        pinned.append(f"{found[1]}=={found[2]}")
    return pinned


def _environment() -> Path:
    """The Python of an environment with the lowest versions; made unless it is there already."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*lowest(project["dependencies"]), *project["optional-dependencies"]["test"]]
    folder = install.cache() / f"venv-{sys.version_info[0]}.{sys.version_info[1]}-lowest"
    # pyvips is Python alone, as source.
    arguments = ["--only-binary=:all:", "--no-binary=pyvips", *wanted]
    return install.installed(folder, wanted, lambda: arguments, "150 MB")


def _with_older_python(arguments: Sequence[str]) -> int:
    for minor in range(NEWEST[1], 10, -1):
        if python := shutil.which(f"python3.{minor}"):
            return subprocess.run([python, "-m", "tests.lowest", *arguments], cwd=HERE).returncode
    print("The lowest versions were not tried: they need Python 3.11, 3.12 or 3.13, and none of these is on the PATH.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
