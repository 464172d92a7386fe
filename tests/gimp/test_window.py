"""What runs without the dialog, by keyboard and mouse, in a real GIMP window on a virtual screen."""

from inference_server.cli import gimp_installs

from .conftest import IN_GIMP
from .window import HEIGHT, WIDTH, wait_for

pytestmark = IN_GIMP
AGAIN = "remove-again"


def test_remove_with_the_last_settings_needs_no_dialog_and_is_repeated_by_a_key(window):
    gimp = window("click")
    gimp.call(AGAIN)
    wait_for(lambda: gimp.layers() == 4, 60, "no result")  # the photo, the group and the two in it
    assert not gimp.shows("^Inpaint Anything$")
    gimp.wait_for_plug_in()  # its step can be undone once it has ended
    gimp.press("ctrl+z")
    wait_for(lambda: gimp.layers() == 1, 10, "one undo does not bring back the former layers")
    gimp.press("ctrl+f")  # GIMP's own: repeat the last filter
    wait_for(lambda: gimp.layers() == 4, 60, "it is not repeated")


def test_gimps_cancel_button_frees_the_server_and_leaves_the_image_alone(window, log):
    gimp = window("long")
    gimp.call(AGAIN)
    log.wait_for_inpainting()

    def freed() -> bool:
        for x in range(WIDTH - 250, WIDTH - 350, -15):  # Cancel is at the right end of the status bar
            gimp.do("mousemove", str(x), str(HEIGHT - 22), "click", "1")
        return "a client left; its job is cancelled" in log.text()

    wait_for(freed, 10, "the server was not freed")
    log.wait_for_rest()
    assert gimp.layers() == 1


def test_a_python_that_cannot_draw_is_told_in_a_message_and_the_quick_way_still_works(window, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['gi._gi_cairo'] = None\n")
    assert gimp_installs.lacks() == ""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert "python3-gi-cairo" in gimp_installs.lacks(), "the installer would not say so"
    gimp = window("click", options=("--console-messages",))
    gimp.call("remove")
    wait_for(
        lambda: "GIMP's Python has no pycairo. Run: sudo apt install python3-gi-cairo" in gimp.said(), 20, "no message"
    )
    gimp.call(AGAIN)
    wait_for(lambda: gimp.layers() == 4, 60, "no result")
