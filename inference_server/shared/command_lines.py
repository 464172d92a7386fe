"""How to tell a person which command to run.  Standard library only."""

import re
import sys

from .text import Translatable, tr


def run(line: str) -> Translatable:
    """The remedy that consists of running a command line."""
    return tr("Run: {command}", command=line)


def command(words: str) -> str:
    """The line that runs this program's command line from any terminal, with the Python that runs now."""
    return f"{this_python()} -m inference_server {words}"


def this_python() -> str:
    """The path of the Python that runs now, quoted for a terminal where it has spaces."""
    return f'"{sys.executable}"' if " " in sys.executable else sys.executable


_FOR_A_TERMINAL = re.compile(r"-m (?:inference_server|pip)\b|\binstall\.py\b|\bsudo\b|\bkeys (?:admit|make)\b")


def is_for_a_terminal(remedy: str) -> bool:
    """Whether a remedy, in English, tells the person to run something in a terminal."""
    return bool(_FOR_A_TERMINAL.search(remedy))
