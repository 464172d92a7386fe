"""The commands about models.  What they need is imported when they run (see `parser`)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..models.store import Store


def show() -> int:
    """Print the models known and whether they are installed."""
    from ..models.catalogue import MODELS
    from ..models.store import Store

    store = Store()
    models = [*MODELS.values(), *store.fetched()]
    width = max(len(model.name) for model in models)
    for model in models:
        state = "not installed" if store.missing(model.name) else "installed"
        files = store.files(model.name) or model.files
        size = f"{sum(file.size for file in files) / 1e6:.0f} MB" if files or not model.hub else "?"
        print(f"{model.name:{width}} {model.job:8} {size:>8}  {model.licence:27} {state:14} {model.title}")
    return 0


def fetch(names: Sequence[str]) -> int:
    """Download models.  Raises UserError."""
    from ..shared.monitor import Monitor
    from .progress_bar import Bar

    store = _store(names)
    for name in names:
        with Bar(name) as bar:
            store.fetch(name, Monitor(on_progress=bar))
    return 0


def verify(names: Sequence[str]) -> int:
    """Compare the checksums of models that are installed.  Raises UserError."""
    store = _store(names)
    for name in names:
        store.verify(name)
        print(f"{name}: every file is as it should be.")
    return 0


def bench() -> int:
    """Measure the models that find and remove objects, and keep the figures for `overview`.  Raises UserError."""
    from ..models.catalogue import ranked
    from ..models.store import Store
    from ..shared.messages import Job

    store = Store()
    if not store.installed(Job.SELECT):
        store.demand(ranked(Job.SELECT)[-1].name, Job.SELECT)
    from .measuring import measure  # with numpy and OpenCV, which take longer than it takes to see what is missing

    width = max(len(model.name) for job in (Job.SELECT, Job.REMOVE) for model in store.installed(job))
    for name, passes in measure(store):
        print(
            f"{name:{width}}  " + "  ".join(f"{what} {seconds:7.2f} s" for what, seconds in passes.items()), flush=True
        )
    return 0


def import_files(name: str, files: Sequence[str]) -> int:
    """Take a model's files that were downloaded by hand.  Raises UserError."""
    imported = _store([name]).import_files(name, map(Path, files))
    print(f"{name}: took {', '.join(imported)}.")
    return 0


def remove(names: Sequence[str]) -> int:
    """Delete models' files.  Raises UserError."""
    store = _store(names)
    for name in names:
        store.remove(name)
        print(f"{name}: removed.")
    return 0


def _store(names: Sequence[str]) -> "Store":
    """This user's store.  Raises UserError if one of the names can be no model's."""
    from ..models.store import Store

    store = Store()
    for name in names:
        store.known(name)
    return store
