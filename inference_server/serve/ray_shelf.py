"""Models that are installed on one machine of Ray's cluster, for those that lack them.

An actor on that machine reads their files piece by piece.  The pieces lie in Ray's object store, from where each
machine takes them once: its actors share the files that it then has.
"""

import functools
import secrets
from pathlib import Path
from typing import Any

from ..models import shared_store
from ..models.shared_store import SharedStore
from ..models.store import Store
from ..shared.network import NetworkError

NAMESPACE = "inpaint-anything"  # in which a shelf has its name
KEPT = 4  # pieces that stay in the object store, for machines that are at about the same place of a file
PATIENCE = 60  # seconds for an answer


def set_up(ray: Any) -> tuple[Any, str]:
    """The shelf of this machine, and its name; it is there for as long as what is returned."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    name = secrets.token_hex(8)
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    made = ray.remote(num_cpus=0, max_restarts=-1, scheduling_strategy=here)(Shelf)
    return made.options(name=name, namespace=NAMESPACE).remote(str(Store().folder)), name


def named(ray: Any, name: str) -> Any:
    """The shelf of a name that `set_up` gave, to another process of the same machine as well.  Raises ValueError."""
    return ray.get_actor(name, namespace=NAMESPACE)


class Shelf:
    """What Ray makes an actor of."""

    def __init__(self, folder: str) -> None:
        """folder: of the models."""
        self._store = Store(Path(folder))
        self._placed = functools.lru_cache(KEPT)(self._place)

    def offered(self) -> str:
        """As `shared_store.offered`."""
        return shared_store.offered(self._store)

    def piece(self, name: str, file: str, at: int) -> list[Any]:
        """Where in the object store a piece lies (`shared_store.piece`), alone in a list: Ray would open it here."""
        return [self._placed(name, file, at)]

    def _place(self, name: str, file: str, at: int) -> Any:
        import ray

        return ray.put(shared_store.piece(self._store, name, file, at))


def borrowing(shelf: Any) -> SharedStore:
    """This machine's models, and those of a shelf."""
    import ray

    def ask() -> str:
        try:
            return str(ray.get(shelf.offered.remote(), timeout=PATIENCE))
        except ray.exceptions.RayError:
            return "{}"  # what is here still works

    def read(name: str, file: str, at: int) -> bytes:
        try:
            (where,) = ray.get(shelf.piece.remote(name, file, at), timeout=PATIENCE)
            found: bytes = ray.get(where, timeout=PATIENCE)
        except ray.exceptions.RayError as error:
            raise NetworkError(str(error).partition("\n")[0]) from None
        return found

    store = SharedStore(ask, read)
    store.look()
    return store
