"""From a request about models to the store and back: the list of them, downloading and removing.

Knows no engine: that chooses among the models that are installed whenever it loads one.
"""

from ..models import overview
from ..models.overview import Device
from ..models.store import Store
from ..shared.messages import (
    AnyRequest,
    FetchModel,
    ListModels,
    ModelFetched,
    ModelInfo,
    ModelList,
    ModelRemoved,
    RemoveModel,
)
from ..shared.monitor import Monitor
from ..shared.text import tr
from ..shared.wire import ProtocolError
from .worker import Answer, Send


def perform(message: AnyRequest, monitor: Monitor, send: Send) -> Answer:
    """Do what a request about models asks, as `dispatch.perform` does the others.  Raises UserError."""
    store = Store()
    match message:
        case ListModels():
            monitor.report(0.0, tr("Looking what is installed"))
            if not overview.device_is_known():
                send(_model_list(Device("", 0, 0), overview.describe(store, None), more=1), [])
            device = overview.device()
            return _model_list(device, overview.describe(store, device)), []
        case FetchModel():
            store.fetch(message.name, monitor)
            return ModelFetched(), []
        case RemoveModel():
            store.remove(message.name, monitor)
            return ModelRemoved(), []
    raise ProtocolError(f"{type(message).__name__} is not about models")


def _model_list(device: Device, models: tuple[ModelInfo, ...], *, more: int = 0) -> ModelList:
    return ModelList(device=device.name, memory=device.memory, free=device.free, models=models, more=more)
