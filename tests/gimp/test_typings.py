"""What the type checker is told of GIMP and GTK holds in the GIMP that is installed."""

import subprocess
from pathlib import Path

import pytest

from .conftest import IN_GIMP

pytestmark = IN_GIMP

GENERATE = Path(__file__).parents[2] / "typings" / "generate.py"
PYTHON = "/usr/bin/python3"  # Debian's GIMP uses it, with gi
HAS_GIMP = "import gi; gi.require_version('GimpUi', '3.0')"


def test_the_stubs_hold_in_this_gimp():
    if subprocess.run([PYTHON, "-c", HAS_GIMP], capture_output=True).returncode:
        pytest.skip(f"{PYTHON} does not know GIMP: it has one of its own")
    checked = subprocess.run([PYTHON, GENERATE, "--check"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
