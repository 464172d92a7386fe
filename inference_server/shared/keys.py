"""CURVE keys: this user's, and those of the clients that the server answers.  Standard library only; to make them,
pyzmq.

keys/client.key, client.key_secret      this user's programs
keys/server.key, server.key_secret      this machine's server
keys/clients/NAME.key                   clients that the server answers over TCP; this user's own programs among them
"""

import contextlib
import os
import re
import time
from pathlib import Path

from . import paths
from .atomic import write_atomically
from .errors import ErrorCode, UserError, file_error, wrong_input
from .preferences import KEY
from .text import tr

OWN = "client"
WAITING_SECONDS = 0.02
_PUBLIC = re.compile(r'^\s*public-key\s*=\s*"([^"]*)"', re.MULTILINE)
_SECRET = re.compile(r'^\s*secret-key\s*=\s*"([^"]*)"', re.MULTILINE)
_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


def folder() -> Path:
    """The folder of all keys.  Raises UserError."""
    return paths.private_folder(paths.home() / "keys")


def pair(name: str) -> tuple[str, str]:
    """The public and the secret key of "client" or "server", made on first use.  Needs pyzmq.  Raises UserError."""
    import zmq

    if not zmq.has("curve"):
        raise UserError(
            ErrorCode.NO_ENCRYPTION, "This Python's pyzmq cannot encrypt, so no other machine can be talked to."
        )
    try:
        while not _secret_file(name).exists():
            with paths.only_instance(folder() / "lock") as alone:  # or two programs would make two
                if alone and not _secret_file(name).exists():
                    _make(name)
            time.sleep(WAITING_SECONDS)
    except OSError as error:
        raise file_error(folder(), error) from None
    return kept(name)


def _make(name: str) -> None:
    """Make a pair of keys and keep it.  Raises OSError; there is none then, and nothing of it."""
    import zmq

    public, secret = zmq.curve_keypair()
    while public.startswith(b"-"):  # an option, to a command line
        public, secret = zmq.curve_keypair()
    content = _content(public.decode())
    write_atomically(folder() / f"{name}.key", content.encode(), private=True)
    content += f'    secret-key = "{secret.decode()}"\n'
    write_atomically(_secret_file(name), content.encode(), private=True)


def kept(name: str) -> tuple[str, str]:
    """The public and the secret key of "client" or "server" that were made before.  Raises UserError."""
    file = _secret_file(name)
    try:
        content = file.read_text("utf-8")
    except (OSError, ValueError):
        content = ""
    public, secret = _PUBLIC.search(content), _SECRET.search(content)
    if not public or not secret or not _is_key(public[1]) or not _is_key(secret[1]):
        raise UserError(
            ErrorCode.KEY_MISSING, tr("The key {file} is missing or damaged.", file=file), "Run install.py again."
        )
    return public[1], secret[1]


def demand() -> str:
    """Make the keys a server needs that is reached over TCP, and admit this user's own programs.

    Returns the server's public key.  Raises UserError.
    """
    _write(OWN, pair("client")[0])
    return pair("server")[0]


def admitted() -> dict[str, str]:
    """The public keys of the clients that the server answers, by name.  Raises OSError."""
    found = {}
    for file in sorted(_clients().glob("*.key")):
        with contextlib.suppress(OSError, ValueError):  # a client whose file is damaged is not answered
            key = _PUBLIC.search(file.read_text("utf-8"))
            if key and _is_key(key[1]):
                found[file.stem] = key[1]
    return found


def list_state() -> object:
    """Something that is another whenever `admitted` may be.  Raises OSError."""
    with os.scandir(_clients()) as entries:
        return sorted((entry.name, entry.stat().st_mtime_ns, entry.stat().st_size) for entry in entries)


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
    try:
        file.unlink()
    except OSError as error:
        raise file_error(file, error) from None


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name == OWN:
        raise wrong_input(
            tr("“{name}” cannot be a name here.", name=name),
            "Take letters, digits, “-”, “_” and “.”, and not “client”.",
        )


def _is_key(key: str) -> bool:
    """Whether this is 32 bytes in Z85 (ZeroMQ's RFC 32): each five signs are a number of 32 bits to the base 85."""
    if KEY.fullmatch(key) is None:
        return False
    groups = (key[k : k + 5] for k in range(0, len(key), 5))
    return all(sum(_Z85.index(sign) * 85 ** (4 - k) for k, sign in enumerate(group)) < 1 << 32 for group in groups)


def _secret_file(name: str) -> Path:
    return paths.home() / "keys" / f"{name}.key_secret"


def _clients() -> Path:
    return paths.private_folder(folder() / "clients")


def _write(name: str, key: str) -> None:
    """Have a client's public key among those that are answered.  Raises UserError."""
    file = _clients() / f"{name}.key"
    try:
        write_atomically(file, _content(key).encode(), private=True)
    except OSError as error:
        raise file_error(file, error) from None


def _content(key: str) -> str:
    """A public key in the form of ZeroMQ's certificates."""
    return f'metadata\ncurve\n    public-key = "{key}"\n'
