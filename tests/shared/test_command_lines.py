"""Which remedies are for a terminal."""

import pytest

from inference_server.models import hub, packages
from inference_server.shared.command_lines import command, is_for_a_terminal, run
from inference_server.shared.text import tr


@pytest.mark.parametrize(
    ("remedy", "expected"),
    [
        (run(command("models fetch big-lama")), True),
        (packages.install_command(["torch"]), True),
        (hub.licence_remedy("https://example.org", "model"), True),
        (tr("Run install.py again."), True),
        (tr("Run install.py again; on Debian, sudo apt install python3-zmq does it too."), True),
        (tr("Whoever runs it lists this computer's key there: keys admit '{key}' --name NAME", key="x"), True),
        (tr("Click on the middle of the object, or draw a box."), False),
        (tr("Free some space and try again."), False),
        (tr("Check the network and try again."), False),
        (tr("Close other programs, or work on a smaller part of the photo."), False),
        (tr("See whether it runs there, and whether the address is right."), False),
        (tr("Nothing was changed. Please report it with the file {file}.", file="/home/me/server.log"), False),
        (tr(""), False),
    ],
)
def test_what_is_for_a_terminal_is_known(remedy, expected):
    assert is_for_a_terminal(remedy) == expected
