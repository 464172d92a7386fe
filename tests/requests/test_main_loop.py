"""Background tasks, the request worker and job runs, each case in GIMP's own Python with a real main loop."""

import ast
import subprocess
from pathlib import Path

import pytest

CASES = Path(__file__).with_name("main_loop_cases.py")
PYTHON = "/usr/bin/python3"  # GIMP's own, with gi


CLASSES = [node for node in ast.parse(CASES.read_text("utf-8")).body if isinstance(node, ast.ClassDef)]
TESTED = [node.name for node in CLASSES if any(getattr(item, "name", "").startswith("test_") for item in node.body)]


@pytest.fixture(scope="module")
def python() -> str:
    """A Python with gi."""
    if not Path(PYTHON).exists() or subprocess.run([PYTHON, "-c", "import gi"], capture_output=True).returncode:
        pytest.skip("needs a Python with gi: run python3 install.py test")
    return PYTHON


@pytest.mark.parametrize("case", TESTED)
def test_on_a_main_loop(python, case):
    done = subprocess.run([python, str(CASES), case], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
