"""What bytes from outside reach: each function takes any bytes, and raises nothing but what is a fault.

The fuzzer follows which lines they reach, of what is imported after it (`__main__`).
"""

import contextlib
import io
import json
import os
import struct
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference_server.fill.diffusion import families
from inference_server.imaging.files import containers, metadata, reading, tiff_pages
from inference_server.imaging.files.tiff import DamagedError
from inference_server.models import hub
from inference_server.shared import endpoint, keys, messages, paths, preferences, wire
from inference_server.shared.errors import UserError
from inference_server.shared.wire import Envelope, ProtocolError

from ... import asking, picture_files

BETWEEN = b"\n--part--\n"
KINDS = sorted(wire.KINDS)
SCRATCH = Path("/dev/shm") if Path("/dev/shm").is_dir() else None


@dataclass(frozen=True, kw_only=True)
class Target:
    """take: what is fuzzed; seeds: bytes to begin with; share: how many times of all are for it."""

    take: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    share: float


# -- messages


def take_message(data: bytes) -> None:
    """A message as the server reads it, and if it is one: it must come back as it was."""
    with contextlib.suppress(ProtocolError):
        if data[:1] == b"{":
            request_id, message, frames = wire.decode(data.split(BETWEEN))
        else:
            request_id, frames = "1", [data[-100:]]
            kind = KINDS[(data or b"\0")[0] % len(KINDS)]
            message = wire.read_body(Envelope(request_id=request_id, kind=kind, sizes=(len(data),)), data[1:])
        assert wire.decode(wire.encode(request_id, message, frames)) == (request_id, message, frames)
        wire.request_id_of(data.split(BETWEEN))
        wire.unpacked(message, frames)


def message_seeds() -> Iterable[bytes]:
    image, frames = asking.image_ref(np.zeros((9, 9, 3), np.uint8))
    mask = asking.attach_mask(np.zeros((9, 9), np.uint8), frames)
    target = messages.Target(
        prompts=(messages.ObjectPrompt(points=((1.5, 2.0),), labels=(1,), box=(0.0, 0.0, 5.0, 5.0), text="cat"),),
        rough_mask=mask,
        mask=mask,
        bounds=messages.Window(1, 2, 3, 4),
        strokes=(messages.Stroke(path=(1.0, 2.0, 3.0)),),
    )
    background = messages.Background(picture=mask, colours=((0.5, 0.5, 0.5),), blur=0.5)
    window = messages.Window(0, 0, 9, 9)
    job = messages.Job.REMOVE
    for message in (
        messages.Hello(client="x"),
        messages.EncodeImage(image=image),
        messages.PreviewMasks(job=job, image=image, target=target),
        messages.Locate(job=job, image=image, target=target),
        messages.Segment(image=image, target=target, window=window, pixels=mask),
        messages.ExpandPrompt(job=job, image=image, paint=messages.PaintOptions(prompt="a")),
        messages.AskDepth(image=image),
        messages.Inpaint(job=job, image=image, target=target, window=window, pixels=mask, background=background),
        messages.FetchModel(name="maker/x"),
        messages.ImportModel(name="x", path="/x"),
        messages.Cancel(),
        messages.Progress(share=0.5, message=messages.Translatable("a {b}", {"b": "c"})),
        messages.Failure(code=messages.ErrorCode.INTERNAL, sentence="a.", remedy="b."),
    ):
        parts = wire.encode("1", message, frames)
        yield BETWEEN.join(bytes(part) for part in parts)
        yield bytes([KINDS.index(type(message).__name__.lower())]) + bytes(parts[1])


# -- pictures


def take_picture(data: bytes) -> None:
    """A picture file."""
    with contextlib.suppress(UserError):
        reading.read(data, "picture")


def take_metadata(data: bytes) -> None:
    """What lies beside the pixels, in each format."""
    for read in (containers.jpeg, containers.png, containers.webp, containers.boxes, tiff_pages.look):
        with contextlib.suppress(DamagedError):
            read(io.BytesIO(data))
    containers.brands(io.BytesIO(data))
    with contextlib.suppress(DamagedError):
        containers.has_all_scans(io.BytesIO(data))
    containers.stated_colours(data)
    if metadata.tiff_part(data):
        assert 1 <= metadata.orientation(data) <= 8
        metadata.exif_resolution(data)
        for turn in (1, None):
            metadata.exif_for(data, turn, (30, 20))
        metadata.tiff_fields(data, "<")
    metadata.iim(data)
    metadata.xmp_for(data, 1)


def picture_seeds() -> Iterable[bytes]:
    pixels = picture_files.picture()
    yield picture_files.png(pixels, [(b"tEXt", b"a\0b"), (b"eXIf", picture_files.exif())])
    for form in ("png", "tiff", "jpeg", "webp"):
        yield picture_files.encoded(pixels, form)
    yield picture_files.tiff(pixels)


def metadata_seeds() -> Iterable[bytes]:
    yield from picture_seeds()
    yield picture_files.exif(6, "<")
    yield picture_files.exif(8, ">", thumbnail=False)
    yield picture_files.XMP % 6


# -- files of models, and of the private folder


def _file(data: bytes, name: str) -> Path:
    """A file with these bytes, in a private folder that this process keeps."""
    home = paths.home()
    if not home.is_dir():
        home.mkdir(mode=0o700)
    (home / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    (home / name).write_bytes(data)
    return home / name


def take_model(data: bytes) -> None:
    """What a hub says, and the heads of weights."""
    folder = _file(data, f"m/{hub.LIST}").parent
    hub.read_list(folder)
    for name in (families.INDEX, "model.safetensors", "model.gguf"):
        with contextlib.suppress(UserError):
            families.family_of(folder if name == families.INDEX else _file(data, f"m/{name}"))
    with contextlib.suppress(UserError):
        hub.needed(["unet/model.safetensors", "a.bin", "vae/config.json"], hub._index(data), "maker/x")
    with contextlib.suppress(ValueError, RecursionError):
        entries = json.loads(data)
        for entry in entries if isinstance(entries, list) else ():
            hub._file(entry, "maker/x@main")


def model_seeds() -> Iterable[bytes]:
    header = json.dumps({"a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}).encode()
    yield len(header).to_bytes(8, "little") + header
    text, shape = struct.pack("<Q1s", 1, b"a"), struct.pack("<I2QIQ", 2, 2, 2, 0, 0)
    yield b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + text + struct.pack("<II", 4, 1) + text + shape + bytes(64)
    yield json.dumps({"_class_name": "X", "unet": ["diffusers", "Y"], "vae": ["diffusers", "Z"]}).encode()
    entry = {"type": "file", "path": "a/b.safetensors", "oid": "0" * 40, "size": 9, "lfs": {"oid": "0" * 64, "size": 9}}
    yield json.dumps([entry]).encode()
    yield json.dumps({"repository": "maker/x@main", "files": [["a.safetensors", 9, "0" * 64]]}).encode()


def take_settings(data: bytes) -> None:
    """The files of the private folder."""
    _file(data, "settings.json")
    preferences.read()
    _file(data, "server.json")
    endpoint.running()
    _file(data, "keys/client.key_secret")
    _file(data, "keys/clients/x.key")
    with contextlib.suppress(UserError):
        keys.kept("client")
    keys.admitted()


def settings_seeds() -> Iterable[bytes]:
    yield b'{"address":"tcp://a:5","server_key":"","idle_minutes":7}'
    yield b'{"address":"ipc:///x","server_key":"","remote":false,"pid":7,"version":6}'
    yield keys._content("x" * 40).encode() + b'    secret-key = "' + b"y" * 40 + b'"\n'


TARGETS = {
    "messages": Target(take=take_message, seeds=message_seeds, share=1),
    "metadata": Target(take=take_metadata, seeds=metadata_seeds, share=0.2),
    "models": Target(take=take_model, seeds=model_seeds, share=0.1),
    "settings": Target(take=take_settings, seeds=settings_seeds, share=0.1),
    "pictures": Target(take=take_picture, seeds=picture_seeds, share=0.02),
}


def enter_home() -> None:
    """Have this process's private folder be one of its own, in memory where that is possible."""
    os.environ[paths.HOME_VARIABLE] = tempfile.mkdtemp(prefix="fuzz-", dir=SCRATCH)
