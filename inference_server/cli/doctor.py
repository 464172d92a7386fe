"""What works here and what does not, a line each, for a person and for a bug report."""

import importlib.metadata
import platform

from .. import __version__
from ..models.catalogue import MODELS, STARTERS
from ..models.store import Store
from ..shared import client, endpoint, paths, preferences
from ..shared.errors import UserError
from . import gimp_installs

CORE = ("numpy", "opencv-python-headless", "onnxruntime", "onnx", "pyzmq")
FULL = ("torch", "segment-anything", "diffusers", "transformers", "accelerate", "peft")


def report() -> int:
    """Print it; returns 1 when something the starter needs is missing."""
    print(f"Inpaint Anything {__version__}, Python {platform.python_version()}, {platform.platform()}")
    print(f"folder       {paths.home()}")
    healthy = [check() for check in (_packages, _models, _gimp, _other_machines_server, _own_server)]
    return 0 if all(healthy) else 1


def _packages() -> bool:
    """Print the versions of the packages.  This and the functions below return whether what is needed is there."""
    healthy = True
    for name in CORE + FULL:
        try:
            state = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            state = "MISSING: run install.py again" if name in CORE else "not installed (only the large models need it)"
            healthy &= name in FULL
        print(f"{name:24} {state}")
    return healthy


def _models() -> bool:
    healthy, store = True, Store()
    for model in (*MODELS.values(), *store.fetched()):
        if store.missing(model.name):
            print(f"model {model.name:18} not installed")
            healthy &= model.name not in STARTERS
            continue
        try:
            store.verify(model.name, again=False)
            state = "installed"
        except UserError as error:
            state, healthy = str(error), False
        print(f"model {model.name:18} {state}")
    return healthy


def _gimp() -> bool:
    for profile in gimp_installs.profiles():
        installed = (profile / "plug-ins" / gimp_installs.PLUG_IN / "installation.json").is_file()
        print(f"GIMP         {profile}: plug-in {'installed' if installed else 'not installed'}")
    missing = gimp_installs.lacks()
    if missing:
        print(f"GIMP         {missing}")
    return not missing


def _other_machines_server() -> bool:
    chosen = preferences.read()
    if not chosen.address:
        return True
    try:
        with client.connect_remote(chosen) as connection:
            print(f"used here    the server at {chosen.address}, version {connection.hello().server}")
        return True
    except UserError as error:
        print(f"used here    the server at {chosen.address}: {error}")
        return False


def _own_server() -> bool:
    found = endpoint.running()
    if found is None:
        print("server       not running (the plug-in starts it when it needs it)")
        return True
    try:
        with client.Client(found) as connection:
            welcome = connection.hello()
        print(f"server       version {welcome.server} answers at {found.address}, process {welcome.pid}")
        return True
    except UserError as error:
        print(f"server       {error}")
        return False
