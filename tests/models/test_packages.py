"""Installing packages: a small wheel from a folder or from a server of this machine, by the real installer."""

import hashlib
import importlib
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from inference_server.models import catalogue, packages
from inference_server.models.store import Store
from inference_server.serve import model_requests
from inference_server.shared import paths
from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.messages import FetchModel, ModelFetched
from inference_server.shared.monitor import Monitor

from ..servers import PATIENCE, wait_until

NAME, WHEEL = "tiny_package", "tiny_package-1.0-py3-none-any.whl"
SIZE = 200_000


def build(folder: Path, name: str = NAME, size: int = 0) -> Path:
    """A wheel with one module, and so many bytes that do not shrink."""
    folder.mkdir(exist_ok=True)
    file, info = folder / f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    content = {
        f"{name}.py": b"VALUE = 1\n",
        f"{name}.bin": hashlib.shake_128(b"x").digest(size),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(file, "w") as wheel:
        for path, data in content.items():
            wheel.writestr(path, data)
    return file


@pytest.fixture
def target(home, tmp_path, monkeypatch):
    """A folder that packages are installed into, which this Python looks in; nothing is asked of the network."""
    folder = tmp_path / "target"
    folder.mkdir()
    for name, value in {
        "PIP_TARGET": str(folder),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "wheels"),
        "PIP_NO_CACHE_DIR": "1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(packages, "_declared", lambda _extra: ["tiny-package>=1,<2"])
    yield folder
    sys.modules.pop(NAME, None)


def test_a_package_is_installed_and_seen_at_once(target, tmp_path):
    build(tmp_path / "wheels")
    assert packages.missing([NAME]) == [NAME]
    heard = []
    packages.install([NAME], Monitor(on_progress=lambda *reported: heard.append(reported)))
    assert packages.missing([NAME]) == []
    assert importlib.import_module(NAME).VALUE == 1 and Path(importlib.import_module(NAME).__file__).parent == target
    shares = [share for share, _ in heard]
    assert shares == sorted(shares) and heard[-1] == (0.95, "Installing what has come")
    assert "Successfully installed" in (paths.home() / packages.LOG).read_text()


def test_a_model_brings_the_packages_it_lacks(target, tmp_path, hub, monkeypatch):
    build(tmp_path / "wheels")
    monkeypatch.setattr(catalogue, "DIFFUSION_PACKAGES", (NAME,))
    hub.publish("maker/small", {"lora.safetensors": bytes(1000)})
    heard = []
    monitor = Monitor(on_progress=lambda *reported: heard.append(reported))
    answer, _ = model_requests.perform(FetchModel(name="maker/small"), monitor, lambda *_: None)
    assert isinstance(answer, ModelFetched) and not packages.missing([NAME]) and not Store().missing("maker/small")
    shares = [share for share, _ in heard]
    assert shares == sorted(shares)
    messages = [message for _, message in heard]
    assert messages.index("Installing what has come") < messages.index("Asking what maker/small consists of")


def test_what_cannot_be_had_is_said_and_nothing_is_installed(target, tmp_path):
    (tmp_path / "wheels").mkdir()
    with pytest.raises(UserError, match="tiny_package could not be installed") as refused:
        packages.install([NAME])
    assert refused.value.code == ErrorCode.PIP and "No matching distribution" in refused.value.remedy
    assert not list(target.iterdir())


def test_a_python_without_an_installer_is_said(target, monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    monkeypatch.setattr(packages.shutil, "which", lambda *_, **__: None)
    with pytest.raises(UserError, match="neither pip nor uv"):
        packages.install([NAME])


def test_no_room_on_the_disk_is_said_before_anything_is_downloaded(target, monkeypatch):
    monkeypatch.setattr(packages, "OTHER_BYTES", 1 << 60)
    monkeypatch.setattr(packages, "_run", lambda *_: pytest.fail("it is downloaded"))
    with pytest.raises(UserError, match="has only") as refused:
        packages.install([NAME])
    assert refused.value.code == ErrorCode.DISK_FULL


def test_it_is_cancelled_while_a_package_comes_and_nothing_has_changed(target, tmp_path, hub, monkeypatch):
    hub.files[f"/{WHEEL}"] = build(tmp_path / "wheels", size=SIZE).read_bytes()
    hub.moods[f"/{WHEEL}"] = ["stall"]
    monkeypatch.setattr(packages, "_declared", lambda _extra: [f"tiny-package @ {hub.address}/{WHEEL}"])
    cancel, errors = threading.Event(), []

    def work() -> None:
        try:
            packages.install([NAME], Monitor(is_cancelled=cancel.is_set))
        except UserError as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: hub.sent > SIZE // 2)
    cancel.set()
    thread.join(PATIENCE)
    assert not thread.is_alive() and [error.code for error in errors] == [ErrorCode.CANCELLED]
    assert not packages._going_on and not list(target.iterdir())
    hub.released.set()
    packages.install([NAME])
    assert not packages.missing([NAME])


def test_once_it_installs_it_is_not_ended_and_the_next_one_waits_for_it(target, tmp_path, monkeypatch):
    build(tmp_path / "wheels")
    done = target / "done"
    program = f"import time; print('Installing collected packages: a'); time.sleep(1); open({str(done)!r}, 'w')"

    def cancelled_when_installing(share: float, message: str) -> None:
        if message == "Installing what has come":
            raise UserError(ErrorCode.CANCELLED, "Cancelled.")

    with pytest.raises(UserError, match="Cancelled"):
        packages._run([sys.executable, "-c", program], 1, Monitor(on_progress=cancelled_when_installing))
    assert len(packages._going_on) == 1
    packages.install([NAME])
    assert done.exists() and not packages._going_on


# -- what is known without installing anything


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("  Downloading torch-2.9.0-cp313-cp313-manylinux_2_28_x86_64.whl (899.8 MB)", ("torch", "899.8 MB")),
        ("Downloading nvidia_cudnn_cu12-9.10.2.21-py3-none-any.whl (706.8 MB)", ("nvidia_cudnn_cu12", "706.8 MB")),
        ("Downloading torch (846.9MiB)", ("torch", "846.9MiB")),
        (" Downloading torch", None),
        ("Collecting torch", None),
    ],
)
def test_what_is_downloaded_is_read_from_what_the_installers_say(line, found):
    assert packages.downloading(line) == found


def test_the_share_never_falls_and_is_of_the_size_that_was_announced():
    said, shares = packages._Said(1000), []
    for line in (
        "Collecting a",
        "Downloading a-1.whl (0.4 kB)",
        "Progress 100 of 400",
        "Progress 400 of 400",
        "Downloading b-1.whl (9 kB)",
        "Progress 100 of 900",
        "Progress 900 of 900",
        "Installing collected packages: a, b",
    ):
        said.read(line)
        shares.append(said.share)
    assert shares == [0, 0, 0.1, 0.4, 0.4, 0.5, 0.9, 0.95]
    assert said.last[-1].startswith("Installing")


def test_packages_are_asked_for_in_the_versions_that_are_declared():
    assert packages.requirements(["torch", "segment_anything", "timm", "torchvision", "other"]) == [
        "torch>=2.6,<3",
        "segment-anything>=1.0,<2",
        "timm>=1.0.31,<2",
        "torchvision>=0.21,<1",
        "other",
    ]


def test_an_installed_project_declares_the_same(monkeypatch, tmp_path):
    always, inside = packages._declared(""), packages._declared("full")
    lines = [*always, *(f'{line}; extra == "full"' for line in inside), 'ruff==1; extra == "test"']
    monkeypatch.setattr(packages, "__file__", str(tmp_path / "inference_server" / "models" / "packages.py"))
    monkeypatch.setattr(packages.metadata, "requires", lambda name: lines)
    assert (packages._declared(""), packages._declared("full")) == (always, inside)


@pytest.mark.parametrize(
    ("platform", "maker", "reachable", "build"),
    [
        ("linux", "nvidia", True, ""),
        ("linux", "amd", True, "rocm6.4"),
        ("linux", "", True, "cpu"),
        ("linux", "", False, ""),
        ("win32", "nvidia", True, "cu128"),
        ("win32", "", True, "cpu"),
        ("darwin", "", True, ""),
    ],
)
def test_the_build_of_torch_suits_the_machine(monkeypatch, platform, maker, reachable, build):
    class Response:
        def close(self) -> None:
            pass

    def open_url(url, monitor):
        if not reachable:
            raise packages.NetworkError("not there")
        assert url == f"{packages.TORCH_INDEX}{build}/torch/"
        return Response()

    monkeypatch.setattr(packages.sys, "platform", platform)
    monkeypatch.setattr(packages, "gpu_maker", lambda: maker)
    monkeypatch.setattr(packages, "open_url", open_url)
    found = packages.torch_build()
    index = ("--extra-index-url", packages.TORCH_INDEX + build) if build else ()
    assert found == (build, (*index, "torchvision>=0.21,<1"))


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("NVIDIA H100, 80 GB, 81559, 81000\nAnother, 1, 1\n", ("NVIDIA H100, 80 GB", 81559 << 20, 81000 << 20)),
        ("NVIDIA GeForce, [N/A], [N/A]\n", None),
        ("", None),
    ],
)
def test_what_nvidias_driver_says_is_read(monkeypatch, tmp_path, said, found):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\nprintf '%s' '{said}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert packages.nvidia_gpu() == found


def test_the_size_is_that_of_what_lacks(monkeypatch):
    monkeypatch.setattr(packages, "gpu_maker", lambda: "")
    torch, others = packages.TORCH_BYTES[""], packages.OTHER_BYTES
    sizes = [packages.download_size(names) for names in ((), ["torch"], ["peft", "diffusers"], ["torch", "peft"])]
    assert sizes == [0, torch, others, torch + others]
