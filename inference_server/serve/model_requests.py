"""Requests about models: listing, downloading, importing and removing them.

Knows no engine: that takes the best model installed whenever it starts on an image.
"""

from pathlib import Path

from ..fill.diffusion import families
from ..models import overview, own, packages
from ..models.store import Store
from ..shared.errors import ErrorCode, UserError, file_error
from ..shared.messages import (
    AnyRequest,
    FetchModel,
    ImportModel,
    ListModels,
    ModelFetched,
    ModelList,
    ModelRemoved,
    RemoveModel,
)
from ..shared.monitor import Monitor
from ..shared.text import tr
from ..shared.wire import ProtocolError
from .worker_process import Answer, Send


def perform(message: AnyRequest, monitor: Monitor, send: Send) -> Answer:
    """Do what a request about models asks, as `dispatch.perform` does the others.  Raises UserError."""
    store = Store()
    match message:
        case ListModels():
            return _model_list(store, monitor, send), []
        case FetchModel():
            store.fetch(message.name, _after_packages(store, message.name, monitor))
            return ModelFetched(), []
        case ImportModel():
            name = _import(store, message, monitor)
            _after_packages(store, name, monitor)
            return ModelFetched(), []
        case RemoveModel():
            store.remove(message.name, monitor)
            return ModelRemoved(), []
    raise ProtocolError(f"{type(message).__name__} is not about models")


def _import(store: Store, message: ImportModel, monitor: Monitor) -> str:
    """Take the files of a model, and return its name.  Raises UserError where they are none that can be read."""
    given = Path(message.path)
    name = message.name
    if not name:
        monitor.report(0.0, tr("Looking through the files"))
        try:
            name = own.listed(given, monitor) or ""
        except OSError as error:
            raise file_error(given, error) from None
    if name:
        store.import_files(name, [given], monitor)
        return name
    families.family_of(given)
    return store.import_own(given, monitor)


def _after_packages(store: Store, name: str, monitor: Monitor) -> Monitor:
    """Install the packages that a model lacks; the monitor for what is left of the work.  Raises UserError."""
    model = store.known(name)
    lacking = packages.missing(store.packages(name))
    helpful = packages.missing(model.help.packages) if model.help and packages.gpu_maker() else []
    if not lacking and not helpful:
        return monitor
    size, missing = packages.download_size([*lacking, *helpful]), sum(file.size for file in store.missing(name))
    share = size / max(size + missing, 1)
    part = monitor.part(0.0, share)
    if lacking:
        packages.install(lacking, part)
    if helpful:
        try:
            packages.install(helpful, part)
        except UserError as error:
            if error.code != ErrorCode.PIP:
                raise
            # It works without: with more memory, or more slowly.
    return monitor.part(share, 1.0)


def _model_list(store: Store, monitor: Monitor, send: Send) -> ModelList:
    monitor.report(0.0, tr("Looking what is installed"))
    if not overview.device_is_known():  # which takes seconds: the models are shown before
        send(ModelList(device="", memory=0, free=0, models=overview.describe(store, None), more=1), [])
    device = overview.device()
    return ModelList(
        device=device.name, memory=device.memory, free=device.free, models=overview.describe(store, device)
    )
