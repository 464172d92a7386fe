"""A small window that shows how a job goes: a picture that forms, a word, and Cancel.

It blocks nothing: GIMP can be used meanwhile.  GTK runs whenever the client asks whether to go on, or has news.
"""

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GdkPixbuf, GimpUi, GLib, Gtk  # noqa: E402  gi wants the versions first

SIDE = 384  # pixels of the longer side of the picture


class Window:
    """As `session.StatusBar`."""

    def __init__(self, title: str):
        self._cancelled = False
        self._dialog = Gtk.Dialog(title=title, resizable=False)
        self._cancel = self._dialog.add_button("_Cancel", Gtk.ResponseType.CANCEL)
        self._picture = Gtk.Image()
        self._bar = Gtk.ProgressBar(show_text=True, text="Starting", ellipsize=3)
        self._bar.set_size_request(SIDE, -1)
        area = self._dialog.get_content_area()
        area.set_properties(border_width=12, spacing=12)
        for widget in (self._picture, self._bar):
            area.pack_start(widget, False, False, 0)
        self._dialog.connect("response", self._stop)
        self._dialog.connect("delete-event", lambda *_: True)  # it leaves when the job has ended
        GimpUi.window_set_transient(self._dialog)
        self._dialog.show_all()

    def __enter__(self) -> "Window":
        return self

    def __exit__(self, *_: object) -> None:
        self._dialog.destroy()
        _turn()

    def waiting(self, sentence: str) -> None:
        self._bar.set_text(sentence)
        self._bar.pulse()
        _turn()

    def progress(self, share: float, word: str) -> None:
        if not self._cancelled:
            self._bar.set_text(word)
        self._bar.set_fraction(share)
        _turn()

    def picture(self, width: int, height: int, rgb: bytes) -> None:
        """Show a picture of width x height, 8-bit RGB."""
        scale = SIDE / max(width, height)
        size = (max(1, round(edge * scale)) for edge in (width, height))
        seen = GdkPixbuf.Pixbuf.new_from_bytes(
            GLib.Bytes.new(rgb), GdkPixbuf.Colorspace.RGB, False, 8, width, height, 3 * width
        )
        self._picture.set_from_pixbuf(seen.scale_simple(*size, GdkPixbuf.InterpType.BILINEAR))
        _turn()

    def cancelled(self) -> bool:
        _turn()
        return self._cancelled

    def _stop(self, *_: object) -> None:
        self._cancelled = True
        self._cancel.set_sensitive(False)
        self._bar.set_text("Cancelling")


def _turn() -> None:
    """Let GTK do what waits."""
    while Gtk.events_pending():
        Gtk.main_iteration_do(False)
