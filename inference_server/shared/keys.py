"""CURVE keys: this user's, and those of the clients that the server answers.  Standard library and pyzmq only.

keys/client.key, client.key_secret      this user's programs
keys/server.key, server.key_secret      this machine's server
keys/clients/NAME.key                   clients that the server answers over TCP; this user's own programs among them
"""

import re
import struct
import tempfile
import time
from pathlib import Path

import zmq

from . import paths
from .atomic import write_atomically
from .errors import ErrorCode, UserError, wrong_input
from .preferences import KEY
from .text import tr

OWN = "client"
WAITING_SECONDS = 0.02
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


def folder() -> Path:
    return paths.private_folder(paths.home() / "keys")


def pair(name: str) -> tuple[str, str]:
    """The public and the secret key of "client" or "server", made on first use.  Raises UserError."""
    from zmq.auth import create_certificates, load_certificate  # brings asyncio with it

    if not zmq.has("curve"):
        raise UserError(
            ErrorCode.NO_ENCRYPTION, "This Python's pyzmq cannot encrypt, so no other machine can be talked to."
        )
    while not _secret_file(name).exists():
        with paths.only_instance(folder() / "lock") as alone:  # or two programs would make two
            if alone and not _secret_file(name).exists():
                with tempfile.TemporaryDirectory(dir=folder()) as scratch:
                    certificates = create_certificates(scratch, name)
                    while load_certificate(certificates[0])[0].startswith(b"-"):  # an option, to a command line
                        certificates = create_certificates(scratch, name)
                    for made in map(Path, certificates):  # the secret one last
                        made.chmod(0o600)
                        made.replace(folder() / made.name)
        time.sleep(WAITING_SECONDS)
    return kept(name)


def kept(name: str) -> tuple[str, str]:
    """The public and the secret key of "client" or "server" that were made before.  Raises UserError."""
    from zmq.auth import load_certificate

    file = _secret_file(name)
    try:
        public, secret = load_certificate(file)
    except (OSError, ValueError):
        public, secret = b"", None
    if not public or not secret:
        raise UserError(
            ErrorCode.KEY_MISSING, tr("The key {file} is missing or damaged.", file=file), "Run install.py again."
        )
    return public.decode(), secret.decode()


def demand() -> str:
    """Make the keys a server needs that is reached over TCP, and admit this user's own programs.

    Returns the server's public key.  Raises UserError.
    """
    _write(OWN, pair("client")[0])
    return pair("server")[0]


def admitted() -> dict[str, str]:
    """The public keys of the clients that the server answers, by name."""
    from zmq.auth import load_certificate

    found = {}
    for file in sorted(_clients().glob("*.key")):
        try:
            found[file.stem] = load_certificate(file)[0].decode()
        except (OSError, ValueError):
            continue  # a client whose file is damaged is not answered
    return found


def admit(key: str, name: str) -> None:
    """Have the server answer the client with this public key, from now on.  Raises UserError."""
    _check_name(name)
    if not _is_key(key):
        raise wrong_input(
            "That is not a public key, which has 40 letters, digits and signs.",
            "Copy it from the settings in GIMP on the other machine, or from “keys” on its command line.",
        )
    if name in admitted():
        raise wrong_input(tr("There is a {name} already.", name=name), "Choose another name.")
    _write(name, key)


def forget(name: str) -> None:
    """Have the server refuse this client from now on.  Raises UserError."""
    _check_name(name)
    file = _clients() / f"{name}.key"
    if not file.exists():
        raise wrong_input(tr("Nobody called {name} is answered.", name=name), "“keys” lists those that are.")
    file.unlink()


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name == OWN:
        raise wrong_input(
            tr("“{name}” cannot be a name here.", name=name),
            "Take letters, digits, “-”, “_” and “.”, and not “client”.",
        )


def _is_key(key: str) -> bool:
    from zmq.utils import z85

    try:
        return KEY.fullmatch(key) is not None and len(z85.decode(key.encode())) == 32
    except (ValueError, struct.error):
        return False


def _secret_file(name: str) -> Path:
    return paths.home() / "keys" / f"{name}.key_secret"


def _clients() -> Path:
    return paths.private_folder(folder() / "clients")


def _write(name: str, key: str) -> None:
    """Keep a public key in the form of ZeroMQ's certificates."""
    content = f'metadata\ncurve\n    public-key = "{key}"\n'
    write_atomically(_clients() / f"{name}.key", content.encode(), private=True)
