"""The wheel: it holds every module, each can be imported without the checkout, and its command works."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

import pytest

import inference_server
import install
from inference_server.cli import plug_in_files
from inference_server.shared.errors import UserError

from . import lowest

REPOSITORY = Path(__file__).resolve().parents[1]
LARGE = "torch diffusers transformers safetensors segment_anything"  # of the extra `full`, which may not be installed

# A Python without the checkout: -I leaves out the current folder and PYTHONPATH, -S the .pth files of the environment,
# one of which may name the checkout.  The packages that the wheel needs come from the environment of the tests.
PYTHON = [sys.executable, "-I", "-S", "-c"]
IMPORT = """
import importlib, sys, traceback
sys.path += sys.argv[1:3]
large, failed = sys.argv[3].split(), False
for name in sys.argv[4:]:
    try:
        importlib.import_module(name)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name in large:
            print("skipped", name, "needs", error.name)
        else:
            failed = True
            print(name, traceback.format_exc(limit=-1))
print("imported from", sys.modules["inference_server"].__file__)
sys.exit(failed)
"""


def modules() -> list[str]:
    """The name of every module in the source tree, whether or not it lies in a package."""
    files = sorted((REPOSITORY / "inference_server").rglob("*.py"))
    names = [".".join(file.relative_to(REPOSITORY).with_suffix("").parts) for file in files]
    return [name.removesuffix(".__init__") for name in names]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy: a build in the checkout would take over what an earlier one left there."""
    source = install.wheel_source(tmp_path_factory.mktemp("source") / "wheel")
    built = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-build-isolation", "--wheel-dir", built, source)
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """An otherwise empty folder that the wheel is installed into."""
    folder = tmp_path_factory.mktemp("installed")
    pip("install", "--no-compile", "--target", folder, wheel)
    return folder


def pip(command: str, *arguments: object) -> None:
    line = [sys.executable, "-m", "pip", "--disable-pip-version-check", command, "--quiet", "--no-deps", "--no-index"]
    done = subprocess.run([*line, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def run(code: str, *arguments: object) -> str:
    """What a program printed that sees only the standard library and what it puts on its path."""
    done = subprocess.run(
        [*PYTHON, code, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},  # must have no effect
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_module_of_the_source_tree_is_imported_from_the_wheel(installed):
    said = run(IMPORT, installed, sysconfig.get_path("platlib"), LARGE, *modules())
    assert f"imported from {installed / 'inference_server'}" in said
    if skipped := re.findall("^skipped (.+)$", said, re.MULTILINE):
        assert len(skipped) < len(modules()) / 2
        pytest.skip("all but these were imported: " + ", ".join(skipped))


def test_the_command_does_what_the_module_does(installed):
    (entry,) = metadata.Distribution.at(next(installed.glob("*.dist-info"))).entry_points
    assert entry.group == "console_scripts"
    module, function = entry.value.split(":")
    code = f"import sys; sys.path.insert(0, sys.argv.pop(1)); from {module} import {function}; sys.exit({function}())"
    assert run(code, installed, "--version").strip() == inference_server.__version__
    assert entry.name == "inpaint-anything"


def test_the_command_is_installed_as_a_program(installed):
    (program,) = (installed / "bin").iterdir() if sys.platform != "win32" else (installed / "Scripts").glob("*.exe")
    assert program.stem == "inpaint-anything"


def files(folder: Path) -> dict[str, bytes]:
    """What is in the files below a folder, by their paths in it."""
    paths = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_the_wheel_alone_puts_the_whole_plug_in_into_gimp(installed, tmp_path, monkeypatch):
    profile, home = tmp_path / "profile", tmp_path / "home"
    monkeypatch.setenv("GIMP3_DIRECTORY", str(profile))
    monkeypatch.setenv("INPAINT_ANYTHING_HOME", str(home))
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from inference_server.__main__ import main; sys.exit(main())"
    )
    said = run(code, installed, "install-plugin")
    place = profile / "plug-ins" / "inpaint-anything"
    assert str(place) in said and "Restart GIMP" in said
    put = files(place)
    assert json.loads(put.pop("installation.json")) == {"python": sys.executable, "home": str(home)}
    assert os.access(place / "inpaint-anything.py", os.X_OK)
    plug_in_files.copy(tmp_path / "checkout's")
    assert put == files(tmp_path / "checkout's")


def test_a_wheel_without_the_plug_in_says_so_and_leaves_an_older_one(tmp_path, monkeypatch):
    older = tmp_path / "plug-ins" / "inpaint-anything" / "older.py"
    older.parent.mkdir(parents=True)
    older.touch()
    monkeypatch.setenv("GIMP3_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(plug_in_files, "IN_CHECKOUT", tmp_path / "nowhere")
    with pytest.raises(UserError, match="not in this installation"):
        plug_in_files.install()
    assert older.exists()


def test_the_wheel_has_types_and_licence_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "inference_server/py.typed" in names
    assert [name for name in names if name.endswith("/licenses/LICENSE")]
    assert {name.split("/")[0] for name in names} == {"inference_server", f"{wheel.name.split('-py3')[0]}.dist-info"}


def test_the_plug_in_as_one_file_is_complete_and_the_same_each_time(wheel, tmp_path):
    archive = install.make_archive(wheel, tmp_path)
    before = archive.read_bytes()
    assert install.make_archive(wheel, tmp_path).read_bytes() == before
    with zipfile.ZipFile(archive) as opened:
        names = set(opened.namelist())
        executable = [info.filename for info in opened.infolist() if info.external_attr >> 16 & 0o111]
        opened.extractall(tmp_path)
    assert executable == ["inpaint-anything/inpaint-anything.py"]
    assert {name.split("/")[0] for name in names} == {"inpaint-anything"}
    assert f"inpaint-anything/wheel/{wheel.name}" in names and "inpaint-anything/installation.json" not in names
    assert not any("__pycache__" in name or "vendor" in name for name in names)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from inpaint_anything.setup import installation;"
        "print(installation.bundled().is_current(), 'zmq' in sys.modules, 'http.client' in sys.modules)"
    )
    line = [*PYTHON, code, tmp_path / "inpaint-anything"]
    home = {**os.environ, "INPAINT_ANYTHING_HOME": str(tmp_path / "home")}
    done = subprocess.run([*map(str, line)], capture_output=True, text=True, env=home)
    assert done.stdout.split() == ["False"] * 3, done.stderr


def test_a_releases_notes_are_its_part_of_the_changelog(tmp_path, monkeypatch):
    (tmp_path / "packaging").mkdir()
    template = "packaging/release-notes.md"
    (tmp_path / template).write_text((REPOSITORY / template).read_text("utf-8"), "utf-8")
    monkeypatch.setattr(install, "HERE", tmp_path)
    monkeypatch.setattr(install, "__version__", "2.3.0")
    changes = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- Later.\n{}\n## [0.1.0] - 2026-11-24\n\n- At first.\n"
    (tmp_path / "CHANGELOG.md").write_text(changes.format("\n## [2.3.0] - 2027-01-02\n\n### Fixed\n\n- {A fault}.\n"))
    notes = install.release_notes("v2.3.0")
    assert notes.endswith("\n\n### Fixed\n\n- {A fault}.\n") and "inpaint-anything-gimp-2.3.0.zip" in notes
    with pytest.raises(UserError, match=r"v2\.3\.1 is not the tag of version 2\.3\.0"):
        install.release_notes("v2.3.1")
    (tmp_path / "CHANGELOG.md").write_text(changes.format(""))
    with pytest.raises(UserError, match=r"has no version 2\.3\.0"):
        install.release_notes("v2.3.0")


def test_the_flatpak_packs_this_version_and_what_describes_it_is_valid():
    folder, name = REPOSITORY / "packaging" / "flatpak", "org.gimp.GIMP.Plugin.InpaintAnything"
    manifest = json.loads((folder / f"{name}.json").read_text("utf-8"))
    described = ElementTree.parse(folder / f"{name}.metainfo.xml").getroot()
    assert manifest["id"] == name == described.findtext("id") and described.findtext("extends") == "org.gimp.GIMP"
    assert described.find("releases/release").get("version") == inference_server.__version__
    (module,) = manifest["modules"]
    packed = {Path(source["path"]).name for source in module["sources"]}
    assert packed == {f"inpaint-anything-gimp-{inference_server.__version__}.zip", "LICENSE", f"{name}.metainfo.xml"}
    if program := shutil.which("appstreamcli"):
        line = [program, "validate", "--no-net", folder / f"{name}.metainfo.xml"]
        done = subprocess.run(line, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_pre_commit_has_the_versions_of_the_project():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {*project["dependencies"], *project["optional-dependencies"]["test"]}
    hooks = (REPOSITORY / ".pre-commit-config.yaml").read_text("utf-8")
    used = {
        name for line in re.findall(r"additional_dependencies: \[(.+)\]", hooks) for name in re.findall('"(.+?)"', line)
    }
    assert used and used <= declared


def test_every_declared_package_has_a_lowest_version():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    assert lowest.lowest(["numpy>=2.1,<3", "onnx >= 1.18"]) == ["numpy==2.1", "onnx==1.18"]
    assert len(lowest.lowest(project["dependencies"])) == len(project["dependencies"])
    with pytest.raises(ValueError, match="no lowest version: numpy<3"):
        lowest.lowest(["numpy<3"])
