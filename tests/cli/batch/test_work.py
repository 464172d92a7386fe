"""Who does which photo, with workers that end: decided without a process."""

import json
from collections import deque
from pathlib import Path

import pytest

from inference_server.cli.batch import recipes, work
from inference_server.cli.batch.crew import Answered, Ended, Ready
from inference_server.cli.batch.manifest import Entry, Manifest, Status
from inference_server.cli.batch.planning import Planned, Reason
from inference_server.shared.errors import ErrorCode, UserError

RECIPE = recipes.parse('job = "remove"\n[object]\narea = [1, 1, 5, 5]\n', "", Path())


class Scripted:
    """A crew that does what `answer(slot, photo, how often it was given)` says: an error code, "" for done, or None for
    a worker that ends."""

    def __init__(self, answer, slots=2):
        self.answer, self.slots = answer, slots
        self.events = deque(Ready(slot) for slot in range(slots))
        self.given, self.had = [], {slot: [] for slot in range(slots)}
        self.most = 0

    def give(self, slot, task):
        self.given.append(task.photo)
        self.had[slot].append(task)
        self.most = max(self.most, len(self.had[slot]))

    def next(self, seconds):
        if self.events:
            return self.events.popleft()
        slot = next((slot for slot in self.had if self.had[slot]), None)
        if slot is None:
            return None
        task = self.had[slot][0]
        code = self.answer(slot, task.photo, self.given.count(task.photo))
        if code is None:
            self.had[slot] = []
            self.events.append(Ready(slot))
            return Ended(slot)
        self.had[slot].pop(0)
        status = Status.FAILED if code else Status.DONE
        return Answered(
            slot, Entry(result=task.result, photo=task.photo, status=status, code=code, sentence="So it is.")
        )

    def close(self):
        pass


def do(folder, crew, names="abcdefg"):
    """What has become of each photo, by its name."""
    planned = [Planned(photo=Path(name), result=f"{name}.png", reason=Reason.NEW, overwrite=False) for name in names]
    entries = {}
    with Manifest(folder).open() as writer:
        work.Work(crew, RECIPE, "f", folder, writer, lambda entry: entries.update({entry.photo: entry})).do(planned)
    return entries


def test_each_photo_is_done_once_and_a_bounded_number_is_in_flight(tmp_path):
    crew = Scripted(lambda *_: "")
    entries = do(tmp_path, crew)
    assert sorted(crew.given) == list("abcdefg") and crew.most == work.STAGES
    assert {entry.status for entry in entries.values()} == {Status.DONE}
    lines = [json.loads(line) for line in Manifest(tmp_path).file.read_text().splitlines()]
    assert sorted(line["status"] for line in lines) == ["begun"] * 7 + ["done"] * 7


def test_a_worker_that_ends_costs_its_photos_a_try(tmp_path):
    ended = []
    crew = Scripted(lambda slot, photo, times: None if slot == 0 and not ended and not ended.append(1) else "")
    entries = do(tmp_path, crew)
    assert {entry.status for entry in entries.values()} == {Status.DONE} and len(entries) == 7
    assert len(crew.given) == 7 + work.STAGES


def test_a_worker_that_ends_after_it_has_written_costs_a_try_too(tmp_path):
    """It may also only have been cut off, and write while another one does its photo."""

    def answer(slot, photo, times):
        if photo == "c" and times == 1:
            (tmp_path / "c.png").write_bytes(b"a result")
            return None
        return ""

    crew = Scripted(answer, slots=1)
    entries = do(tmp_path, crew, "abc")
    assert {entry.status for entry in entries.values()} == {Status.DONE} and crew.given.count("c") == 2


def test_a_photo_that_ends_every_worker_fails_alone(tmp_path):
    crew = Scripted(lambda slot, photo, times: None if photo == "c" else "")
    entries = do(tmp_path, crew)
    assert {photo for photo, entry in entries.items() if entry.status == Status.FAILED} == {"c"}
    assert entries["c"].code == ErrorCode.NO_MEMORY and crew.given.count("c") == work.TRIES
    assert crew.given[-1] == "c", "its last try takes no other photo along"


def test_what_lacks_memory_is_tried_again_by_itself(tmp_path):
    crew = Scripted(lambda slot, photo, times: ErrorCode.NO_MEMORY.value if photo == "b" and times == 1 else "")
    assert do(tmp_path, crew)["b"].status == Status.DONE and crew.given[-1] == "b"


def test_one_photos_failure_stops_nothing_but_a_full_disk_stops_all(tmp_path):
    crew = Scripted(lambda slot, photo, times: ErrorCode.WRONG_INPUT.value if photo == "b" else "")
    entries = do(tmp_path, crew)
    assert len(entries) == 7 and entries["b"].status == Status.FAILED
    for code in (ErrorCode.DISK_FULL, ErrorCode.NO_MODEL):
        with pytest.raises(UserError, match="So it is") as error:
            do(tmp_path, Scripted(lambda slot, photo, times, code=code: code.value))
        assert error.value.code == code


def test_workers_that_never_become_ready_are_not_waited_for(tmp_path):
    crew = Scripted(lambda *_: "", slots=1)
    crew.events = deque([Ended(0)] * work.MOST_FALSE_STARTS)
    with pytest.raises(UserError, match="end as soon as they are started"):
        do(tmp_path, crew)


def test_what_is_not_the_batchs_own_is_not_begun(tmp_path):
    (tmp_path / "b.png").write_bytes(b"a person's")
    crew = Scripted(lambda *_: "")
    entries = do(tmp_path, crew)
    assert "b" not in crew.given and "exists already" in entries["b"].sentence and not entries["b"].result_stamp
    said = [json.loads(line) for line in Manifest(tmp_path).file.read_text().splitlines()]
    assert [line["status"] for line in said if line["photo"] == "b"] == ["failed"]
