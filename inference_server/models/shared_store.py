"""The models of a machine that gets those it lacks from another one, where a person has installed them.

What passes are a list and pieces of files, as bytes; each file is checked against its digest before it is in its place.
Standard library only.
"""

import json
from collections.abc import Callable
from pathlib import Path

from ..shared.monitor import UNWATCHED, Monitor
from ..shared.network import NetworkError
from . import hub
from .catalogue import MODELS, File, Model
from .download import matches
from .store import Store, not_downloaded, with_certain_digests

PIECE = 16 << 20  # bytes of a file that are asked for at once


def offered(store: Store) -> str:
    """What a store has for others, as JSON: of each model of the hub, or a person's own, what it consists of.

    A model that is laid over a part of another is among them where all of that one is here.
    """
    names = [*MODELS, *(model.name for model in store.fetched())]
    there = [name for name in names if not store.missing(name) and not store.missing(store.known(name).base or name)]
    return json.dumps(
        {name: (store.folder_of(name) / hub.LIST).read_text("utf-8") if store.known(name).hub else "" for name in there}
    )


def piece(store: Store, name: str, file: str, at: int) -> bytes:
    """A piece of a model's file, from a byte on; nothing of what does not belong to the model."""
    if file not in {known.name for known in store.files(name) or ()}:
        return b""
    with (store.folder_of(name) / file).open("rb") as opened:
        opened.seek(at)
        return opened.read(PIECE)


class SharedStore(Store):
    """A store that also has what is offered: it comes when it is first used, and stays.  For one thread."""

    def __init__(self, ask: Callable[[], str], read: Callable[[str, str, int], bytes]) -> None:
        """ask: gives what is offered (`offered`).  read: a piece of a file (`piece`); raises NetworkError."""
        super().__init__()
        self._ask, self._read = ask, read
        self._offered: dict[str, str] = {}
        self._monitor = UNWATCHED

    def look(self, monitor: Monitor = UNWATCHED) -> None:
        """See what is offered now.  monitor: of what is worked on from now on."""
        self._offered, self._monitor = json.loads(self._ask()), monitor

    def missing(self, name: str, without: str = "") -> list[File]:
        """As in `Store`; nothing is missing of what is offered."""
        return [] if self._is_offered(name) else super().missing(name, without)

    def place(self, name: str, monitor: Monitor = UNWATCHED) -> Path:
        """As in `Store`; the files come first, if need be.  Raises UserError."""
        if self._is_offered(name) and super().missing(name):
            watching = self._monitor if monitor is UNWATCHED else monitor
            with self._locked(name, watching):
                self._bring(self.known(name), super().missing(name), watching)
        return self.folder_of(name)

    def _is_offered(self, name: str) -> bool:
        return self.known(name).name in self._offered and self.files(name) is not None

    def _list(self, model: Model) -> tuple[str, tuple[File, ...]] | None:
        found = hub.parse_list(self._offered.get(model.name, "").encode())
        return super()._list(model) or (found and (found[0], with_certain_digests(model, found[1])))

    def _bring(self, model: Model, files: list[File], monitor: Monitor) -> None:
        """Download these files of a model, of which another process may have brought some meanwhile."""
        folder, found = self.folder_of(model.name), self._list(model)
        if model.hub and found:
            folder.mkdir(parents=True, exist_ok=True)
            hub.write_list(folder, *found)
        self._download(model, files, monitor)

    def _get(
        self, model: Model, file: File, part: Path, _scratch: Path, on_bytes: Callable[[int], None], monitor: Monitor
    ) -> None:
        try:
            with part.open("ab") as brought:
                while (at := brought.tell()) < file.size and (read := self._read(model.name, file.name, at)):
                    brought.write(read)
                    on_bytes(at + len(read))
        except NetworkError as error:
            raise not_downloaded(file, [str(error)]) from None
        if not matches(part, file, monitor):
            part.unlink(missing_ok=True)
            raise not_downloaded(file, ["not the file that was announced"])
