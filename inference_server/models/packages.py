"""Whether the Python packages that a model needs are installed, without importing them.  Standard library only."""

from collections.abc import Iterable
from importlib.util import find_spec

from ..shared.command_lines import run, this_python
from ..shared.text import Translatable


def missing(packages: Iterable[str]) -> list[str]:
    """Those of the packages that this Python does not have."""
    return [package for package in packages if find_spec(package) is None]


def install_command(packages: Iterable[str]) -> Translatable:
    """The remedy: the command that installs packages into this Python."""
    return run(f"{this_python()} -m pip install {' '.join(packages)}")
