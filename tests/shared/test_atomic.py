"""A file is the old one or the new one, whatever happens."""

import errno
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inference_server.shared import atomic
from inference_server.shared.atomic import replace_atomically, write_atomically

posix = pytest.mark.skipif(os.name != "posix", reason="permissions and links")


def rights(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_file_is_made_and_replaced(tmp_path):
    file = tmp_path / "settings.json"
    for content in (b"one", b"", b"another"):
        write_atomically(file, content)
        assert file.read_bytes() == content
    assert list(tmp_path.iterdir()) == [file]


def test_a_name_may_be_as_long_as_the_disk_allows(tmp_path):
    file = tmp_path / ("照" * 85)  # 255 bytes
    write_atomically(file, b"new")
    assert file.read_bytes() == b"new"


@posix
def test_a_private_file_is_never_anybody_elses(tmp_path):
    file, seen = tmp_path / "key", []
    file.touch(0o644)
    replace_atomically(file, lambda unfinished: seen.append(rights(unfinished)), private=True)
    assert seen == [0o600] and rights(file) == 0o600
    write_atomically(tmp_path / "new", b"secret", private=True)
    assert rights(tmp_path / "new") == 0o600


def test_a_file_of_the_persons_own_with_such_a_name_stays(tmp_path):
    file, own = tmp_path / "photo.png", tmp_path / "photo.png.part"
    own.write_bytes(b"a person's")
    write_atomically(file, b"new")
    assert own.read_bytes() == b"a person's" and sorted(tmp_path.iterdir()) == [file, own]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("odd"), KeyboardInterrupt()])
@pytest.mark.parametrize("where", ["write", "check"])
def test_what_fails_in_the_middle_leaves_the_old_file_and_nothing_else(tmp_path, error, where):
    file = tmp_path / "photo.png"
    file.write_bytes(b"old")

    def write(unfinished):
        unfinished.write_bytes(b"ne")
        if where == "write":
            raise error

    def check(unfinished):
        assert unfinished.read_bytes() == b"ne"
        raise error

    with pytest.raises(type(error)):
        replace_atomically(file, write, check=check)
    assert file.read_bytes() == b"old" and list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_replaced_is_an_os_error_and_leaves_nothing(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path / "folder", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "nowhere" / "file", b"new")


@posix
def test_what_is_no_ordinary_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to("/dev/null")
    for name in ("pipe", "null"):
        with pytest.raises(OSError, match="Not an ordinary file"):
            write_atomically(tmp_path / name, b"new")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode) and stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_whoever_reads_meanwhile_finds_the_old_one(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"old")
    seen = []

    def write(unfinished):
        unfinished.write_bytes(b"new")
        seen.append(file.read_bytes())

    replace_atomically(file, write)
    assert seen == [b"old"] and file.read_bytes() == b"new"


# -- not overwriting --------------------------------------------------------------------------------------------------


def keep(file: Path, write=lambda unfinished: unfinished.write_bytes(b"new")) -> None:
    replace_atomically(file, write, overwrite=False)


def test_a_file_that_exists_is_kept_where_it_is_not_to_be_replaced(tmp_path):
    file = tmp_path / "file"
    keep(file)
    with pytest.raises(FileExistsError):
        keep(file, lambda unfinished: pytest.fail("was written all the same"))
    assert file.read_bytes() == b"new" and list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("has_links", [True, False])
def test_a_file_that_came_meanwhile_is_kept(tmp_path, monkeypatch, has_links):
    file = tmp_path / "file"

    def no_links(*_):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    def write(unfinished):
        unfinished.write_bytes(b"new")
        file.write_bytes(b"another's")

    if not has_links:  # as on FAT
        monkeypatch.setattr(Path, "hardlink_to", no_links)
    with pytest.raises(FileExistsError):
        keep(file, write)
    assert file.read_bytes() == b"another's" and list(tmp_path.iterdir()) == [file]
    file.unlink()
    keep(file)
    assert file.read_bytes() == b"new" and list(tmp_path.iterdir()) == [file]


# -- rights and links -------------------------------------------------------------------------------------------------


@posix
def test_a_file_keeps_its_rights_and_a_new_one_gets_the_usual(tmp_path):
    file, new = tmp_path / "file", tmp_path / "new"
    for mode in (0o600, 0o640, 0o664, 0o444):
        file.touch()
        file.chmod(mode)
        write_atomically(file, b"new")
        assert rights(file) == mode
    before = os.umask(0o027)
    try:
        write_atomically(new, b"new")
    finally:
        os.umask(before)
    assert rights(new) == 0o640


@posix
def test_where_the_group_cannot_be_kept_its_rights_are_not_given_to_another(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.touch()
    file.chmod(0o664)

    def refuse(*_):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "chown", refuse)
    write_atomically(file, b"new")
    assert rights(file) == 0o644


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only an administrator gives files away")
def test_a_file_keeps_its_owner_and_group(tmp_path):
    file = tmp_path / "file"
    file.touch()
    try:
        os.chown(file, 1, 2)
    except OSError:
        pytest.skip("there is only one user here")
    write_atomically(file, b"new")
    assert (file.stat().st_uid, file.stat().st_gid) == (1, 2)


@posix
def test_a_link_stays_one_and_what_it_points_to_is_replaced(tmp_path):
    file, link, other = tmp_path / "elsewhere" / "file", tmp_path / "link", tmp_path / "other"
    file.parent.mkdir()
    link.symlink_to("elsewhere/file")
    other.symlink_to(link)
    for content in (b"one", b"two"):  # at first it points to nothing
        write_atomically(other, content)
        assert other.is_symlink() and link.is_symlink() and file.read_bytes() == content
    assert list(file.parent.iterdir()) == [file]
    link.unlink()
    link.symlink_to("other")
    with pytest.raises(OSError):
        write_atomically(link, b"new")
    assert link.is_symlink()


# -- a disk that is full, and a process that is killed ----------------------------------------------------------------


@pytest.mark.parametrize(("free", "said"), [(0, errno.ENOSPC), (10**9, errno.EIO)])
@pytest.mark.parametrize("where", ["fsync", "close", "short"])
def test_writing_that_fails_late_is_noticed(tmp_path, monkeypatch, where, free, said):
    file = tmp_path / "file"
    file.write_bytes(b"old")
    flush, close = os.fsync, os.close

    def fail(handle):
        close(handle)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(atomic.shutil, "disk_usage", lambda folder: atomic.shutil._ntuple_diskusage(1, 1, free))
        if where == "short":
            patched.setattr(Path, "write_bytes", lambda path, content: path.open("wb").write(content[:-1]))
        elif where == "close":
            patched.setattr(os, "fsync", lambda handle: (flush(handle), patched.setattr(os, "close", fail)))
        else:
            patched.setattr(os, "fsync", lambda handle: fail(os.dup(handle)))
        with pytest.raises(OSError) as refused:
            write_atomically(file, b"new")
    assert refused.value.errno == said
    assert file.read_bytes() == b"old" and list(tmp_path.iterdir()) == [file]


def test_a_disk_that_cannot_be_asked_to_flush_is_no_error(tmp_path, monkeypatch):
    def refuse(handle):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", refuse)
    write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_file_that_somebody_reads_on_windows_is_waited_for(tmp_path, monkeypatch):
    file, refusals, replace = tmp_path / "file", [1, 2], Path.replace

    def refuse(self, target):
        if refusals:
            refusals.pop()
            raise PermissionError(errno.EACCES, "in use")
        return replace(self, target)

    file.write_bytes(b"old")
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        write_atomically(file, b"new")
    assert file.read_bytes() == b"old" and list(tmp_path.iterdir()) == [file]
    monkeypatch.setattr(sys, "platform", "win32")
    write_atomically(file, b"new")
    assert file.read_bytes() == b"new" and not refusals


OVER_AND_OVER = """
import sys
from pathlib import Path
from inference_server.shared.atomic import write_atomically
file = Path(sys.argv[1])
for number in range(10**9):
    write_atomically(file, bytes([number % 256]) * 300_000)
"""


@pytest.mark.parametrize("moment", range(12))
def test_whoever_is_killed_leaves_the_old_or_the_new_file(tmp_path, moment):
    """Twelve moments, which nobody chose."""
    file = tmp_path / "file"
    writing = subprocess.Popen([sys.executable, "-c", OVER_AND_OVER, file], cwd=Path(__file__).parents[2])
    while not file.exists():
        assert writing.poll() is None
        time.sleep(0.001)
    for _ in range(5):
        content = file.read_bytes()
        assert len(content) == 300_000 and len(set(content)) == 1
        time.sleep(0.0007 * moment)
    writing.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    writing.wait()
    content = file.read_bytes()
    assert len(content) == 300_000 and len(set(content)) == 1
    assert len(list(tmp_path.iterdir())) <= 2  # the unfinished one of the kill, which nothing could take away
