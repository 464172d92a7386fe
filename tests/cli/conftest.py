"""What the tests of the command line share."""

import signal

import pytest

from inference_server.__main__ import main


@pytest.fixture
def run(home, capsys, encoded_once):
    """A function that runs one command: (exit status, what it printed)."""

    def run(*arguments) -> tuple[int, str]:
        status = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return run


@pytest.fixture(scope="module", autouse=True)
def quick_commands(shared_encoder_passes) -> None:
    """What the commands here encode in a process of their own, another has encoded."""


@pytest.fixture(autouse=True)
def interruptible():
    """A program that is started in the background may have been told to ignore interruptions."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
