"""A file is the old one or the new one, whatever happens."""

import os
import stat

import pytest

from inference_server.shared.atomic import replace_atomically, write_atomically


def test_a_file_is_made_and_replaced(tmp_path):
    file = tmp_path / "settings.json"
    for content in (b"one", b"", b"another"):
        write_atomically(file, content)
        assert file.read_bytes() == content
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_a_private_file_is_never_anybody_elses(tmp_path):
    file = tmp_path / "key"
    unfinished = tmp_path / "key.part"
    unfinished.touch(0o644)  # one that was left behind
    write_atomically(file, b"secret", private=True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and not unfinished.exists()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("odd"), KeyboardInterrupt()])
def test_what_fails_in_the_middle_leaves_the_old_file_and_nothing_else(tmp_path, error):
    file = tmp_path / "photo.png"
    file.write_bytes(b"old")

    def write(unfinished):
        unfinished.write_bytes(b"ne")
        raise error

    with pytest.raises(type(error)):
        replace_atomically(file, write)
    assert file.read_bytes() == b"old" and list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_replaced_is_an_os_error_and_leaves_nothing(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_atomically(tmp_path / "folder", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "nowhere" / "file", b"new")


def test_whoever_reads_meanwhile_finds_the_old_one(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"old")
    seen = []

    def write(unfinished):
        unfinished.write_bytes(b"new")
        seen.append(file.read_bytes())

    replace_atomically(file, write)
    assert seen == [b"old"] and file.read_bytes() == b"new"
