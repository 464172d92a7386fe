"""A store that gets what it lacks from another machine's: lists and pieces of files, checked when they have come."""

import hashlib
import json
from pathlib import Path

import pytest

from inference_server import UserError
from inference_server.models import catalogue, hub, shared_store
from inference_server.models.catalogue import File, Model
from inference_server.models.shared_store import SharedStore, offered, piece
from inference_server.models.store import STAMPS, Store
from inference_server.shared import paths
from inference_server.shared.messages import Job
from inference_server.shared.monitor import Monitor
from inference_server.shared.network import NetworkError
from inference_server.shared.text import tr

DATA = bytes(range(256)) * 40
OWN = "own/mine"


def file(name: str, data: bytes = DATA) -> File:
    return File(name, len(data), hashlib.sha256(data).hexdigest())


@pytest.fixture
def there(tmp_path, monkeypatch) -> Store:
    """The other machine's store: a model of the catalogue, and a person's own of two files."""
    small = Model(
        name="small", job=Job.FILL, title=tr("Small"), licence="MIT", memory=1, files=(file("w.bin"),), rank=1
    )
    monkeypatch.setattr(catalogue, "MODELS", {"small": small})
    for module in (shared_store, "inference_server.models.store"):
        monkeypatch.setattr(f"{getattr(module, '__name__', module)}.MODELS", {"small": small})
    monkeypatch.setattr(shared_store, "PIECE", 1000)
    store = Store(tmp_path / "there")
    for name in ("small/w.bin", "own--mine/unet/w.safetensors", "own--mine/model_index.json"):
        (store.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (store.folder / name).write_bytes(DATA)
    hub.write_list(store.folder_of(OWN), OWN, [file("model_index.json"), file("unet/w.safetensors")])
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path / "home"))
    return store


class Here(SharedStore):
    """A machine without models.  asked: which piece of which file."""

    def __init__(self, there: Store) -> None:
        self.asked: list[tuple[str, str, int]] = []

        def read(*which):
            self.asked.append(which)
            return piece(there, *which)

        super().__init__(lambda: offered(there), read)
        self.look()


def test_what_another_machine_has_counts_as_installed_and_comes_when_it_is_used(there):
    here = Here(there)
    assert here.installed(Job.FILL) == [catalogue.MODELS["small"]] and not here.missing(OWN)
    here.demand(OWN, Job.FILL)
    assert here.digests(OWN) == there.digests(OWN) and not here.asked and not here.folder.exists()
    assert here.need("small") == {"w.bin": here.folder / "small" / "w.bin"}
    assert here.asked == [("small", "w.bin", at) for at in range(0, len(DATA), 1000)]
    assert (here.place(OWN) / "unet" / "w.safetensors").read_bytes() == DATA
    del here.asked[:]
    assert here.need(OWN) and here.need("small") and not here.asked
    assert not Store().missing(OWN) and not Store().missing("small"), "they are this machine's from now on"


def test_what_another_machine_does_not_have_is_missing_as_ever(there):
    here = Here(there)
    (there.folder / "small" / "w.bin").unlink()
    here.look()
    with pytest.raises(UserError, match="Fill needs the model small"):
        here.need("small")
    assert here.missing("own/other") and here.missing(f"{OWN}@another") and not here.asked


def test_a_file_that_is_another_one_than_was_announced_does_not_come_into_its_place(there):
    here = Here(there)
    (there.folder / "small" / "w.bin").write_bytes(DATA[::-1])
    with pytest.raises(UserError, match=r"w\.bin could not be downloaded.*not the file that was announced"):
        here.need("small")
    assert not list((here.folder / "small").iterdir())


def test_it_goes_on_where_it_was_cut_off(there):
    here = Here(there)
    read, here._read = here._read, lambda *which: read(*which) if which[2] < 5000 else lost()
    with pytest.raises(UserError, match="the machine is gone") as refused:
        here.need("small")
    assert refused.value.code == "no-network"
    here._read = read
    del here.asked[:]
    assert here.need("small")["w.bin"].read_bytes() == DATA and here.asked[0] == ("small", "w.bin", 5000)


def lost() -> bytes:
    raise NetworkError("the machine is gone")


def test_the_request_that_is_worked_on_hears_of_it_and_may_be_cancelled(there):
    here, heard = Here(there), []
    here.look(Monitor(on_progress=lambda share, said: heard.append(said), is_cancelled=lambda: len(heard) == 3))
    with pytest.raises(UserError, match="Cancelled"):
        here.place(OWN)
    assert heard[-1].startswith("Downloading model_index.json")


@pytest.mark.parametrize(
    "told",
    [
        {"repository": OWN, "files": [["../../w.bin", len(DATA), file("w").digest]]},
        {"repository": OWN, "files": [["/w.bin", len(DATA), file("w").digest]]},
        {"repository": "../own", "files": [["w.bin", len(DATA), file("w").digest]]},
        {"repository": "own/another", "files": [["w.bin", len(DATA), file("w").digest]]},
        "nothing",
    ],
)
def test_a_list_that_leads_elsewhere_offers_nothing(there, told, tmp_path):
    here = Here(there)
    here._ask = lambda: json.dumps({OWN: json.dumps(told)})
    here.look()
    assert here.missing(OWN)
    with pytest.raises(UserError, match="needs the model mine"):
        here.need(OWN)
    assert not here.asked and not list(tmp_path.rglob("home/**/w.bin"))


def test_only_a_model_s_own_files_are_given(there):
    (Path(there.folder) / "small" / "secret").write_bytes(b"secret")
    assert piece(there, "small", "w.bin", 10_000) == DATA[10_000:]
    for name in ("secret", "../small/secret", STAMPS, "/etc/hostname"):
        assert piece(there, "small", name, 0) == b""
