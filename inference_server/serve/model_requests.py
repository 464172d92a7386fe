"""Requests about models: listing, downloading and removing them.

Knows no engine: that takes the best model installed whenever it starts on an image.
"""

from ..models import overview
from ..models.store import Store
from ..shared.messages import AnyRequest, FetchModel, ListModels, ModelFetched, ModelList, ModelRemoved, RemoveModel
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
            store.fetch(message.name, monitor)
            return ModelFetched(), []
        case RemoveModel():
            store.remove(message.name, monitor)
            return ModelRemoved(), []
    raise ProtocolError(f"{type(message).__name__} is not about models")


def _model_list(store: Store, monitor: Monitor, send: Send) -> ModelList:
    monitor.report(0.0, tr("Looking what is installed"))
    if not overview.device_is_known():  # which takes seconds: the models are shown before
        send(ModelList(device="", memory=0, free=0, models=overview.describe(store, None), more=1), [])
    device = overview.device()
    return ModelList(
        device=device.name, memory=device.memory, free=device.free, models=overview.describe(store, device)
    )
