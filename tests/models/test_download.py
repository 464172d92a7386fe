"""Large files over a network that lets one down: resumed, cancelled, checked, one process at a time, on a full disk."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time

import pytest

from inference_server import UserError
from inference_server.models import catalogue, download, store
from inference_server.models.catalogue import File, Model
from inference_server.models.store import Store
from inference_server.shared import network, paths
from inference_server.shared.messages import Job
from inference_server.shared.monitor import Monitor
from inference_server.shared.text import tr

SIZE = 3 << 20
DATA = bytes(range(251)) * (SIZE // 251) + bytes(SIZE % 251)
HALF = SIZE // 2
PATH = "/unet/weights.safetensors"


def large(files: tuple[File, ...]) -> Model:
    return Model(name="large", job=Job.FILL, title=tr("Large"), licence="MIT", memory=1, files=files)


@pytest.fixture
def kept(hub, monkeypatch, tmp_path) -> Store:
    """A store that knows the model "large": a file in a sub-folder and a small one beside it."""
    hub.files.update({PATH: DATA, "/config.json": b"{}" * 9})
    files = tuple(
        File(path[1:], len(data), hashlib.sha256(data).hexdigest(), (hub.address + path,))
        for path, data in hub.files.items()
    )
    monkeypatch.setitem(catalogue.MODELS, "large", large(files))
    return Store(tmp_path / "models")


def parts(kept: Store) -> list:
    return list(kept.folder.rglob("*.part"))


def ranges(hub) -> list[str | None]:
    """What was asked for of the large file."""
    return [headers.get("Range") for path, headers in hub.asked if path == PATH]


def whole(kept: Store) -> bool:
    kept.verify("large")
    return (kept.folder_of("large") / PATH[1:]).read_bytes() == DATA and not parts(kept)


# -- going on


def test_a_connection_that_ends_early_is_gone_on_with(hub, kept):
    hub.moods[PATH] = ["cut", "cut", "cut", "cut", "cut"]  # each brings half of what was left
    kept.fetch("large")
    assert whole(kept) and ranges(hub)[:3] == [None, f"bytes={HALF}-", f"bytes={HALF + HALF // 2}-"]
    assert hub.sent == SIZE + 18


def test_what_was_cancelled_is_gone_on_with_the_next_time(hub, kept):
    shares = []

    def on_progress(share: float, message: str) -> None:
        shares.append(share)

    with pytest.raises(UserError, match="Cancelled"):
        kept.fetch("large", Monitor(on_progress=on_progress, is_cancelled=lambda: shares[-1:] > [0.3]))
    (part,) = parts(kept)
    have = part.stat().st_size
    assert have >= 0.3 * SIZE and part.read_bytes() == DATA[:have]
    assert part.parent == kept.folder_of("large") / "unet"
    kept.fetch("large")
    assert whole(kept) and (ranges(hub) == [None, f"bytes={have}-"] or have == SIZE)


def test_a_server_that_knows_no_ranges_is_begun_with_anew(hub, kept):
    hub.moods[PATH] = ["cut", "whole"]
    kept.fetch("large")
    assert whole(kept) and hub.sent == HALF + SIZE + 18


def test_a_server_that_sends_another_part_is_begun_with_anew(hub, kept, monkeypatch):
    hub.moods[PATH] = ["cut"]
    open_url, asked = network.open_url, []

    def elsewhere(url, monitor, start):
        asked.append(start)
        response = open_url(url, monitor, start)
        if len(asked) == 2:
            response.headers.replace_header("Content-Range", f"bytes 0-{SIZE - 1}/{SIZE}")
        return response

    monkeypatch.setattr(network, "open_url", elsewhere)
    kept.fetch("large")
    assert whole(kept) and asked == [0, HALF, 0, 0]


@pytest.mark.parametrize(
    ("left", "asked"),
    [(b"", [None]), (DATA[:1000], ["bytes=1000-"]), (DATA, [])],
)
def test_what_is_left_of_another_time_is_used(hub, kept, left, asked):
    leave(kept, left)
    kept.fetch("large")
    assert whole(kept) and ranges(hub) == asked


@pytest.mark.parametrize(
    ("left", "asked"),
    [(b"other bytes", ["bytes=11-", None]), (DATA + b"more", [None]), (DATA[::-1], [None])],
)
def test_what_is_left_of_something_else_is_found_out_and_then_begun_anew(hub, kept, left, asked):
    leave(kept, left)
    with pytest.raises(UserError, match="not the file the catalogue describes"):
        kept.fetch("large")
    assert not parts(kept)
    kept.fetch("large")
    assert whole(kept) and ranges(hub) == asked


def leave(kept: Store, left: bytes) -> None:
    """As if a fetch had been interrupted when `left` had come."""
    file = catalogue.MODELS["large"].files[0]
    part = kept.folder_of("large") / f"{file.name}.{file.digest[:8]}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(left)


def test_a_server_that_lies_leaves_nothing_behind(hub, kept):
    hub.moods[PATH] = ["lie"]
    with pytest.raises(UserError, match="not the file the catalogue describes"):
        kept.fetch("large")
    assert not parts(kept) and not (kept.folder_of("large") / PATH[1:]).exists()
    kept.fetch("large")
    assert whole(kept) and ranges(hub) == [None, None]


def test_a_passing_fault_is_tried_again_and_a_lasting_one_is_not(hub, kept):
    hub.moods[PATH] = ["503", "429"]
    kept.fetch("large")
    assert whole(kept) and len(ranges(hub)) == 3
    kept.remove("large")
    hub.moods[PATH] = ["404"]
    with pytest.raises(UserError, match="404"):
        kept.fetch("large")
    assert len(ranges(hub)) == 4
    hub.moods[PATH] = ["500"] * 9
    with pytest.raises(UserError, match="500"):
        kept.fetch("large")
    assert len(ranges(hub)) == 4 + network.TRIES


def test_a_redirect_is_followed_when_going_on_too(hub, kept):
    hub.moods[PATH] = ["cut", "elsewhere"]
    kept.fetch("large")
    assert whole(kept) and hub.sent == SIZE + 18
    assert [headers["Range"] for path, headers in hub.asked if path == f"/moved{PATH}"] == [f"bytes={HALF}-"]


# -- silence


def test_a_server_that_falls_silent_is_asked_again(hub, kept, monkeypatch):
    monkeypatch.setattr(network, "SILENCE", 0.3)
    hub.moods[PATH] = ["stall"]
    kept.fetch("large")
    assert whole(kept) and ranges(hub) == [None, f"bytes={HALF}-"]


def test_one_that_stays_silent_is_given_up_with_a_sentence(hub, kept, monkeypatch):
    monkeypatch.setattr(network, "SILENCE", 0.2)
    hub.files[PATH] = DATA[:HALF] + b"x"  # it ends long before the size that is known
    hub.moods[PATH] = ["stall"] * 99
    with pytest.raises(UserError, match=r"could not be downloaded\. Check the network.*timed out") as said:
        kept.fetch("large")
    assert said.value.code == "no-network"


def test_a_cancel_is_noticed_while_a_server_is_silent(hub, kept, monkeypatch):
    monkeypatch.setattr(network, "SILENCE", 3600)  # and it would not end otherwise
    hub.moods[PATH] = ["stall"]
    seen = []
    with pytest.raises(UserError, match="Cancelled"):
        kept.fetch("large", Monitor(on_progress=lambda *reported: seen.append(reported), is_cancelled=lambda: seen))
    assert parts(kept)[0].stat().st_size > 0


# -- progress


def test_progress_is_over_all_the_files(kept):
    heard = []
    kept.fetch("large", Monitor(on_progress=lambda *reported: heard.append(reported)))
    shares = [share for share, _ in heard]
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(set(shares)) > 2
    assert heard[-1][1] == "Downloading config.json, 3 of 3 MB"
    assert heard[0][1].startswith(f"Downloading {PATH[1:]}, ") and heard[0][1].endswith(" of 3 MB")


# -- the disk


def test_too_little_room_is_said_before_the_first_byte(hub, kept, monkeypatch, tmp_path):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=SIZE - 1))
    with pytest.raises(UserError, match=r"4 MB are needed, and the disk of .* has only 2 MB left") as said:
        kept.fetch("large")
    assert said.value.code == "disk-full" and hub.asked == []
    hub.moods[PATH] = ["cut", "404"]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(UserError, match="404"):
        kept.fetch("large")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=SIZE - 1))
    kept.fetch("large")  # half of it is here, so half of the room is enough
    assert whole(kept)


@contextlib.contextmanager
def files_of_at_most(size: int):
    """The system refuses to let any file grow further, with an error of the same kind as a full disk's."""
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    signal = pytest.importorskip("signal")
    old, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_takes_no_more_half_way_is_said_and_what_came_is_gone_on_with(hub, kept):
    with files_of_at_most(HALF), pytest.raises(UserError, match=r"cannot be read or written: File too large"):
        kept.fetch("large")
    assert parts(kept)[0].stat().st_size <= HALF and not (kept.folder_of("large") / PATH[1:]).exists()
    kept.fetch("large")
    assert whole(kept) and ranges(hub)[-1] == f"bytes={HALF}-"


@pytest.fixture
def brought(tmp_path):
    folder = tmp_path / "brought"
    (folder / "unet").mkdir(parents=True)
    (folder / PATH[1:]).write_bytes(DATA)
    (folder / "config.json").write_bytes(b"{}" * 9)
    return folder


def test_nothing_half_is_left_when_the_disk_fills_up_while_a_folder_is_brought(kept, brought, monkeypatch):
    copy = shutil.copyfile

    def full(source, target):
        copy(source, target)
        if source.name == "config.json":
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(UserError, match="no room left"):
        kept.import_files("large", [brought])
    with files_of_at_most(HALF), pytest.raises(UserError, match="cannot be read or written"):
        kept.import_files("large", [brought])
    assert [path for path in kept.folder.rglob("*") if path.is_file() and path.suffix != ".lock"] == []
    monkeypatch.undo()


def test_a_folder_with_folders_is_brought(kept, brought):
    assert kept.import_files("large", [brought]) == [PATH[1:], "config.json"]
    assert whole(kept)


def test_a_removed_model_is_gone_with_all_that_was_left_of_it(hub, kept):
    hub.moods[PATH] = ["cut", "404"]
    with pytest.raises(UserError):
        kept.fetch("large")
    kept.remove("large")
    assert not kept.folder_of("large").exists()
    with pytest.raises(UserError, match="There is nothing here of large"):
        kept.remove("large")


# -- what was found whole


@pytest.fixture
def read(monkeypatch):
    """The names of the files whose digest is taken."""
    names, digest = [], download.digest
    monkeypatch.setattr(download, "digest", lambda path, *rest: names.append(path.name) or digest(path, *rest))
    return names


def test_a_file_is_read_again_only_when_it_changed(kept, read):
    kept.fetch("large")
    read.clear()
    kept.need("large")
    assert read == []
    file = kept.folder_of("large") / "config.json"
    os.utime(file, (1, 1))
    kept.need("large")
    kept.need("large")
    assert read == ["config.json"]
    kept.verify("large")
    assert sorted(read) == ["config.json", "config.json", "weights.safetensors"]


def test_damage_that_left_no_trace_is_found_by_verify_and_mended_by_fetch(kept):
    kept.fetch("large")
    file = kept.folder_of("large") / PATH[1:]
    state = file.stat()
    file.write_bytes(b"\xff" + DATA[1:])
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    kept.need("large")
    with pytest.raises(UserError, match=r"weights\.safetensors is damaged"):
        kept.verify("large")
    with pytest.raises(UserError, match=r"weights\.safetensors is damaged"):
        kept.need("large")
    kept.fetch("large")
    assert whole(kept)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b"\xff", b'{"config.json": 3}', b'{"config.json": null}'])
def test_a_spoilt_stamp_file_does_no_harm(kept, read, content):
    kept.fetch("large")
    stamps = kept.folder_of("large") / store.STAMPS
    stamps.write_bytes(content)
    read.clear()
    kept.need("large")
    assert "config.json" in read
    assert set(json.loads(stamps.read_bytes())) == {"config.json", PATH[1:]}


def test_a_check_can_be_cancelled(kept):
    kept.fetch("large")
    with pytest.raises(UserError, match="Cancelled"):
        kept.damaged("large", Monitor(is_cancelled=lambda: True))


def test_asking_whether_a_model_is_here_reads_nothing_of_it(kept, read):
    kept.fetch("large")
    read.clear()
    kept.demand("large", Job.FILL)
    assert kept.missing("large") == [] and read == []


# -- two at once


def test_two_that_fetch_at_once_fetch_once(hub, kept, tmp_path):
    errors, heard = [], []

    def fetch():
        try:
            watch = Monitor(on_progress=lambda share, message: heard.append(message))
            Store(tmp_path / "models").fetch("large", watch)
        except UserError as error:
            errors.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and whole(kept) and hub.sent == SIZE + 18
    assert any(word.startswith("Waiting for another program") for word in heard)


def test_another_process_is_waited_for_and_the_wait_can_be_cancelled(hub, kept):
    kept.folder.mkdir(parents=True)
    code = (
        "import sys; from pathlib import Path; from inference_server.shared import paths\n"
        "with paths.only_instance(Path(sys.argv[1])) as mine: print(mine, flush=True); input()"
    )
    lock = kept.folder / ".large.lock"
    with subprocess.Popen([sys.executable, "-c", code, lock], stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout.readline() == "True\n"
        begun = time.monotonic()
        with pytest.raises(UserError, match="Cancelled"):
            kept.fetch("large", Monitor(is_cancelled=lambda: time.monotonic() > begun + 0.3))
        assert hub.asked == []
        other.communicate("\n")
    kept.fetch("large")
    assert whole(kept)
    with paths.only_instance(lock) as free:
        assert free
