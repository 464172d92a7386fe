"""A batch at work: who does which photo when, and what becomes of those whose worker has ended."""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from ...shared.errors import ErrorCode, UserError, no_memory_error
from ..photos import HOPELESS
from ..results import Results
from .crew import Answered, Crew, Event, Ready
from .manifest import Entry, Status, Writer, stamp
from .photo_worker import STAGES, Task, settings_for
from .planning import Planned
from .recipes import Recipe

POLL = 0.5  # seconds
TRIES = 3  # of a photo whose worker has ended; the last one while no other photo is being done
MOST_FALSE_STARTS = 3  # workers of one slot that may end before they were ready
ENDS_ALL = (*HOPELESS, ErrorCode.DISK_FULL)


class Work:
    """Has a crew do photos, each of them once, and notes what has become of them.

    A photo whose worker has ended is given to another one; what has ended so often may be its fault, and so the last
    try is made while no other photo can be taken along.
    """

    def __init__(
        self,
        crew: Crew,
        recipe: Recipe,
        fingerprint: str,
        folder: Path,
        writer: Writer,
        on_entry: Callable[[Entry], None],
    ) -> None:
        """on_entry: is told what has become of each photo."""
        self._crew, self._recipe, self._fingerprint, self._folder = crew, recipe, fingerprint, folder
        self._writer, self._on_entry = writer, on_entry
        self._waiting: deque[Planned] = deque()
        self._alone: deque[Planned] = deque()
        self._busy: list[dict[str, Planned]] = [{} for _ in range(crew.slots)]
        self._ready: set[int] = set()
        self._tries: Counter[str] = Counter()
        self._false_starts: Counter[int] = Counter()

    def do(self, planned: Iterable[Planned]) -> None:
        """Work until there is a line about each photo.  Raises UserError where nothing more can be done."""
        self._waiting.extend(planned)
        while self._hand_out():
            event = self._crew.next(POLL)
            while event is not None:  # all that has come meanwhile: one flush of the manifest is enough for it
                self._hear(event)
                event = self._crew.next(0)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Ready):
            self._ready.add(event.slot)
            self._false_starts[event.slot] = 0
        elif isinstance(event, Answered):
            self._take(event.slot, event.entry)
        else:
            self._give_up(event.slot)

    def _hand_out(self) -> bool:
        """Give photos to those who can take some; returns whether there is anything left to wait for."""
        tasks = []
        while self._waiting and self._ready:
            slot = min(self._ready, key=lambda slot: len(self._busy[slot]))
            if len(self._busy[slot]) >= STAGES:
                break
            tasks += self._begin(slot, self._waiting.popleft())
        if self._alone and self._ready and not self._waiting and not any(self._busy):
            tasks += self._begin(min(self._ready), self._alone.popleft())
        self._writer.flush()  # before anything comes to where it says that it is ours
        for slot, task in tasks:
            self._crew.give(slot, task)
        return bool(self._waiting or self._alone or any(self._busy))

    def _begin(self, slot: int, planned: Planned) -> list[tuple[int, Task]]:
        """Note that a photo is begun; returns what the worker is to be given: nothing where that is no use."""
        task = Task(photo=str(planned.photo), result=planned.result, overwrite=planned.overwrite)
        entry = Entry(result=task.result, photo=task.photo, status=Status.BEGUN)
        try:  # before a line says that what is there is ours
            Results(settings_for(self._recipe, task, self._folder)).check(planned.photo)
        except UserError as error:
            failed = _failed(replace(entry, photo_stamp=stamp(planned.photo)), error)
            self._note(replace(failed, result_stamp=self._left(planned)))
            return []
        if not self._tries[planned.result]:
            self._writer.add(replace(entry, recipe=self._fingerprint))
        self._tries[planned.result] += 1
        self._busy[slot][planned.result] = planned
        return [(slot, task)]

    def _take(self, slot: int, entry: Entry) -> None:
        planned = self._busy[slot].pop(entry.result, None)
        if planned is None:
            return
        if entry.code == ErrorCode.NO_MEMORY and self._tries[planned.result] < TRIES:
            self._tries[planned.result] = TRIES - 1
            self._alone.append(planned)
            return
        self._note(entry)
        if entry.code in ENDS_ALL:
            raise UserError(ErrorCode(entry.code), entry.sentence)

    def _give_up(self, slot: int) -> None:
        """Give the photos of a worker that has ended to others."""
        if slot not in self._ready:
            self._false_starts[slot] += 1
            if self._false_starts[slot] >= MOST_FALSE_STARTS:
                sentence, remedy = "The workers end as soon as they are started.", "Run the command: doctor"
                raise UserError(ErrorCode.FAILED, sentence, remedy)
        self._ready.discard(slot)
        for lost in self._busy[slot].values():
            # What is there by now is ours: a worker may end, or be cut off, just after it has written a result.
            planned = replace(lost, overwrite=True)
            tries = self._tries[planned.result]
            if tries >= TRIES:
                entry = Entry(result=planned.result, photo=str(planned.photo), status=Status.FAILED)
                entry = replace(entry, photo_stamp=stamp(planned.photo), result_stamp=self._left(planned))
                self._note(_failed(entry, no_memory_error()))
            elif tries == TRIES - 1:
                self._alone.append(planned)
            else:
                self._waiting.appendleft(planned)
        self._busy[slot].clear()

    def _left(self, planned: Planned) -> str:
        """The stamp of an older result of ours that is still there."""
        return stamp(self._folder / planned.result) if planned.overwrite else ""

    def _note(self, entry: Entry) -> None:
        entry = replace(entry, recipe=self._fingerprint)
        self._writer.add(entry)
        self._on_entry(entry)


def _failed(entry: Entry, error: UserError) -> Entry:
    return replace(entry, status=Status.FAILED, code=error.code.value, sentence=str(error))
