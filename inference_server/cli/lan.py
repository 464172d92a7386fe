"""A server for other computers of the network: where it is, what is pasted there, and who is listed."""

import socket
import time

from ..shared import client, endpoint, keys, paths, preferences
from ..shared.command_lines import command

PORT = 5590
ADDRESS = f"tcp://0.0.0.0:{PORT}"
FOR_EVER = 1e9  # seconds
LEAVING_SECONDS = 10  # of a server that works
NOWHERE = ("192.0.2.1", 9)  # of RFC 5737: nothing is sent there, but the system says from which address it would be


def instructions() -> str:
    """What to do on the other computers, and what is left to do here.  Raises UserError."""
    server_key = keys.demand()
    others = [name for name in keys.admitted() if name != keys.OWN]
    lines = [
        "On the other computer, in GIMP: Filters > Inpaint Anything > Settings > Advanced > On another computer.",
        "Paste this into the field Address:",
        f"    {preferences.code(f'{own_address()}:{PORT}', server_key)}",
    ]
    if others:
        lines.append(f"Listed, and answered: {', '.join(others)}.")
    else:
        lines += ["Nobody else is listed yet, and nobody else is answered.  The same page shows that computer's key:"]
    listing = command("keys admit 'KEY' --name NAME")
    return "\n".join([*lines, f"Another one is listed with:\n    {listing}"])


def end_private_server() -> None:
    """Have the server leave that this user's GIMP may have started: the one for the network takes its place."""
    found = endpoint.running()
    if found is None:
        return
    with client.Client(found) as connection:
        connection.stop_server()
    limit = time.monotonic() + LEAVING_SECONDS
    while paths.server_runs() and time.monotonic() < limit:
        time.sleep(0.05)


def own_address() -> str:
    """This machine's address in its network, else its name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(NOWHERE)
            return str(asking.getsockname()[0])
        except OSError:
            return socket.gethostname()
