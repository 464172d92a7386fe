"""Commands whose results find no room: a program of its own, which mounts a small disk that nobody else sees.

python -m tests.cli.full_disk FOLDER      prints a line of JSON for each of CASES
"""

import contextlib
import ctypes
import functools
import hashlib
import io
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

CANNOT = 77  # the exit status where this machine lets nobody mount a disk
PAGE = 4096  # what such a disk counts in
SIZE = 4 * 2**20
NEWNS, NEWUSER, RECURSIVE, PRIVATE = 0x20000, 0x10000000, 1 << 14, 1 << 18  # of sched.h and mount.h

REMOVE = ("remove", "photo.tif", "--mask", "mask.png")
REPLACE = ("--mask", "mask.png", "--background-photo", "behind.png", "--no-shadow")  # the quickest
SEGMENT = ("segment", "photo.tif", "--click", "100,75")
OUTPUT, FILLER = "output.bin", "filler"
LAST = 10**6  # pages: one too few


@dataclass(frozen=True)
class Case:
    """A command, its result's name, how many pages are free for it, and whether the result exists already."""

    command: tuple[str, ...]
    result: str
    pages: int
    exists: bool = False


CASES = {
    **{
        f"{ending}-{pages}-{'old' if exists else 'new'}": Case(
            ("replace", "photo.tif", *REPLACE), f"result.{ending}", pages, exists
        )
        for ending in ("png", "tif", "jpg", "webp", "avif")
        for pages, exists in ((0, True), (1, False), (LAST, True), (LAST, False))
    },
    **{
        f"deep-{ending}-{pages}": Case(("replace", "deep.tif", *REPLACE), f"result.{ending}", pages, ending == "png")
        for ending in ("png", "tif", "jpg", "avif")
        for pages in (1, LAST)
    },
    **{
        f"mask-{ending}": Case(SEGMENT, f"mask-of-it.{ending}", LAST, ending == "png")
        for ending in ("png", "tif", "jpg")
    },
    "no-folder": Case(REMOVE, "a/b/result.png", LAST),
    "into-a-folder": Case(REMOVE, "results/", LAST),
    "standard-output": Case(REMOVE, "-", LAST),
}


def mount_small_disk(folder: Path) -> None:
    """Be alone with a small disk at this folder; ends the program where that is not allowed."""
    libc, user, group = ctypes.CDLL(None, use_errno=True), os.getuid(), os.getgid()

    def must(result: int) -> None:
        if result:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    try:
        if libc.unshare(NEWNS):  # an administrator may; others get their own kingdom first
            must(libc.unshare(NEWNS | NEWUSER))
            for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
                Path(f"/proc/self/{name}").write_text(text)
        must(libc.mount(b"none", b"/", None, RECURSIVE | PRIVATE, None))
        must(libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, f"size={SIZE}".encode()))
    except OSError as error:
        print(f"nobody may mount a disk here: {error}", file=sys.stderr)
        sys.exit(CANNOT)


def make_photos() -> None:
    """photo.tif (200 x 150), deep.tif of 16 bits, behind.png and mask.png, in the working folder."""
    import numpy as np

    from .pictures import save, scene

    photo, mask = scene()
    deep = photo.astype(np.uint16) * 257
    for name, image in (("photo.tif", photo), ("deep.tif", deep), ("behind.png", photo[::-1]), ("mask.png", mask)):
        save(Path(name), image)


def files() -> dict[str, str]:
    """Everything in the working folder: a file's digest, "folder" for a folder."""
    found = sorted(Path().rglob("*"))
    return {str(path): "folder" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def called(command: tuple[str, ...], result: str) -> tuple[int, str]:
    """The exit status of a command, and what it said."""
    from inference_server.__main__ import main

    said = io.StringIO()
    with contextlib.ExitStack() as stack:
        if result == "-":
            stack.enter_context(contextlib.redirect_stdout(stack.enter_context(Path(OUTPUT).open("w"))))
        stack.enter_context(contextlib.redirect_stderr(said))
        status = main([*command, "--overwrite", "-o", result])
    return status, said.getvalue()


@functools.cache
def pages_of(command: tuple[str, ...], result: str) -> int:
    """How many pages a result takes where there is room."""
    before = set(Path().rglob("*"))
    status, said = called(command, result)
    assert status == 0, said
    made = sorted(set(Path().rglob("*")) - before, reverse=True)
    size = sum(path.stat().st_size for path in made if path.is_file())
    for path in made:
        path.rmdir() if path.is_dir() else path.unlink()
    return -(-size // PAGE)


def fill(pages: int, folder: Path = Path()) -> None:
    """Fill a folder's disk up, but for so many pages."""
    with (folder / FILLER).open("wb", buffering=0) as filler:
        with contextlib.suppress(OSError):
            while filler.write(bytes(PAGE)):
                pass
        filler.truncate(filler.tell() - pages * PAGE)


def answer(case: Case) -> dict[str, object]:
    """What came of a case: exit status, what was said, and the files before and after."""
    needed = pages_of(case.command, case.result)
    if case.exists:
        Path(case.result).write_bytes(b"an old result")
    if case.result == "-":
        Path(OUTPUT).touch()
    fill(min(case.pages, needed - 1))
    before = files()
    status, said = called(case.command, case.result)
    after = files()
    for name in (FILLER, OUTPUT, *([case.result] if case.exists else [])):
        Path(name).unlink(missing_ok=True)
    return {"status": status, "said": said, "before": before, "after": after, "needed": needed}


if __name__ == "__main__":
    from inference_server.select.segmenters.onnx_pair import OnnxPair
    from tests import remembered

    mount_small_disk(Path(sys.argv[1]))
    os.chdir(sys.argv[1])
    make_photos()
    OnnxPair.encode = remembered.encode
    for name, case in CASES.items():
        print(json.dumps({"name": name, **answer(case)}), flush=True)
