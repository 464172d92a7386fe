"""Where memory runs out: a sentence, whoever notices it; and what is packed small unpacks to no more than was sent."""

import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference_server.imaging.files import memory
from inference_server.select import segmenters
from inference_server.serve.performer import Performer
from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.geometry import whole
from inference_server.shared.messages import (
    Background,
    Depth,
    EncodeImage,
    ImageRef,
    Inpaint,
    Job,
    ObjectPrompt,
    Raster,
    Segment,
    Target,
)
from inference_server.shared.monitor import UNWATCHED
from inference_server.shared.wire import ProtocolError, attach

from .. import asking
from ..servers import long_job, wait_until
from .processes import is_running

SIDE = 8192
BOMB = zlib.compress(bytes(SIDE * SIDE), 1)  # 64 MB in 0.3
IMAGE = ImageRef(width=SIDE, height=SIDE, key="")
PACKED = Raster(SIDE, SIDE, 1, Depth.UINT8, 0, packed=True)
HUGE = Raster(SIDE, SIDE, 4, Depth.FLOAT32, 0, packed=True)
SMALL = Raster(64, 64, 1, Depth.UINT8, 1)
BOMBS = {
    "pixels": Inpaint(job=Job.REMOVE, image=IMAGE, target=Target(mask=PACKED), window=whole(SIDE, SIDE), pixels=PACKED),
    "deep pixels": Inpaint(
        job=Job.REMOVE, image=IMAGE, target=Target(mask=PACKED), window=whole(SIDE, SIDE), pixels=HUGE
    ),
    "mask": Inpaint(job=Job.REMOVE, image=IMAGE, target=Target(mask=PACKED), window=whole(64, 64), pixels=SMALL),
    "segment": Segment(image=IMAGE, target=Target(prompts=(ObjectPrompt(),)), window=whole(SIDE, SIDE), pixels=PACKED),
    "background": Inpaint(
        job=Job.REPLACE,
        image=IMAGE,
        target=Target(mask=SMALL),
        window=whole(64, 64),
        pixels=SMALL,
        background=Background(picture=PACKED),
    ),
    "rough mask": asking.preview_masks(Job.REMOVE, IMAGE, rough_mask=PACKED),
    "ready mask": asking.preview_masks(Job.REMOVE, IMAGE, mask=PACKED),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_unpacks_to_more_than_was_sent_is_refused_before_it_is_unpacked(engine, name):
    frames = [BOMB, bytes(64 * 64)]
    tracemalloc.start()
    try:
        with pytest.raises((ProtocolError, UserError)):
            asking.ask(engine, BOMBS[name], frames)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_mask_that_unpacks_to_more_than_it_says_is_stopped():
    frames = [zlib.compress(bytes(1 << 26))]
    tracemalloc.start()
    with pytest.raises(ProtocolError):
        from inference_server.shared.wire import extract

        extract(Raster(9, 9, 1, Depth.UINT8, 0, packed=True), frames)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_job_for_which_there_is_no_memory_is_refused_before_it_begins(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 10 << 20)
    message, frames = long_job()
    with pytest.raises(UserError, match="not enough memory for this part of the photo") as refused:
        Performer().perform(message, frames, UNWATCHED, lambda *_: None)
    assert refused.value.code == ErrorCode.NO_MEMORY


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("std::bad_alloc"),
        cv2.error("OpenCV(4.13) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 9 bytes"),
        RuntimeError("[ONNXRuntimeError] : 6 : Failed to allocate memory for requested buffer of size 67108864"),
        type("OutOfMemoryError", (RuntimeError,), {})("CUDA"),
    ],
)
def test_a_model_that_finds_no_memory_is_not_called_damaged(error, tmp_path):
    assert memory.is_lack(error)
    assert segmenters.unreadable_error(tmp_path, "Sam", error, "torch").code == ErrorCode.NO_MEMORY


def test_a_negative_seed_is_refused_with_a_sentence(engine):
    frames: list[bytes] = []
    pixels = asking.attach_pixels(np.zeros((64, 64, 3), np.uint8), frames)
    mask = np.zeros((64, 64), np.uint8)
    mask[20:40, 20:40] = 255
    target = Target(mask=attach(frames, 64, 64, 1, "uint8", mask.tobytes()))
    image = ImageRef(width=64, height=64, key="")
    message = Inpaint(job=Job.REMOVE, image=image, target=target, window=whole(64, 64), pixels=pixels, seed=-1)
    with pytest.raises(UserError, match="seed must be"):
        asking.ask(engine, message, frames)


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
@pytest.mark.parametrize("megabytes", [200, 520, 800])
def test_the_command_line_says_where_memory_ends(home, tmp_path, photo, megabytes):
    cv2.imwrite(str(tmp_path / "photo.png"), cv2.resize(photo, (3000, 2000)))
    command = f"{sys.executable} -m inference_server segment photo.png --click 1500,900 -o o.png"
    line = f"ulimit -v {megabytes << 10}; exec {command}"
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr and "terminate called" not in done.stderr
    if done.returncode:
        assert "memory" in done.stderr and len(done.stderr.splitlines()) <= 2
        assert [path.name for path in Path(tmp_path).iterdir()] == ["photo.png"]


GUARDED = """
import os, signal, sys, time
from inference_server.cli import guard

def work():
    print("working", flush=True)
    {deed}
    return 7

sys.exit(guard.run(work))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
@pytest.mark.parametrize(
    ("deed", "status", "says"),
    [
        ("pass", 7, ""),
        ("os.abort()", 1, "want of memory"),
        ("os.kill(os.getpid(), signal.SIGKILL)", 1, "want of memory"),
        ("import ctypes; ctypes.string_at(0)", 1, "want of memory"),
        ("sys.exit(3)", 3, ""),
        ("os.kill(os.getppid(), signal.SIGTERM); time.sleep(30)", 143, ""),
    ],
)
def test_a_job_that_a_library_ends_has_a_sentence(deed, status, says):
    done = subprocess.run([sys.executable, "-c", GUARDED.format(deed=deed)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (status, "working\n") and says in done.stderr
    assert len(done.stderr.splitlines()) == bool(says)


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_a_job_ends_with_the_command_that_was_killed(tmp_path):
    deed = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", GUARDED.format(deed=deed)], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        process.kill()
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not is_running(pid))


def test_all_that_is_remembered_of_an_image_counts(engine, photo):
    """A server that worked on one photo after the other grew by what was not counted until 60 were remembered."""
    image, frames = asking.image_ref(photo)
    asking.ask(engine, EncodeImage(image=image), frames)
    known = engine.known(image.key)
    asking.ask(engine, asking.preview_masks(Job.REMOVE, image, asking.AT_ROCKET), frames)
    answered = sum(answer.logits.nbytes for answer in known.answers.values())
    assert answered > 500_000 and known.nbytes >= known.proxy.nbytes + known.embedding.nbytes + answered
