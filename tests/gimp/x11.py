"""Text that X11 windows have as properties, read with Xlib itself: xdotool does not read them."""

import ctypes
from functools import cache

MAX_WORDS = 256  # of 4 bytes, that are read of a property
ANY_TYPE = 0
SUCCESS = 0


class Display:
    """A connection to an X server, from its name, as in $DISPLAY."""

    def __init__(self, name: str) -> None:
        self._x = _library()
        self._display = self._x.XOpenDisplay(name.encode())
        if not self._display:
            raise OSError(f"there is no X server at {name}")

    def close(self) -> None:
        self._x.XCloseDisplay(self._display)

    def text(self, window: int, name: str) -> str:
        """The property of this name; "" where the window has none, or is gone."""
        kind, length, left = ctypes.c_ulong(), ctypes.c_ulong(), ctypes.c_ulong()
        bits, data = ctypes.c_int(), ctypes.c_void_p()
        atom = self._x.XInternAtom(self._display, name.encode(), 0)
        found = self._x.XGetWindowProperty(
            self._display,
            window,
            atom,
            0,
            MAX_WORDS,
            0,
            ANY_TYPE,
            *(ctypes.byref(answer) for answer in (kind, bits, length, left, data)),
        )
        if found != SUCCESS or not data.value:
            return ""
        text = ctypes.string_at(data.value, length.value).decode("utf-8", "replace")
        self._x.XFree(data)
        return text


@cache
def _library() -> ctypes.CDLL:
    x = ctypes.CDLL("libX11.so.6")
    pointer, number, window = ctypes.c_void_p, ctypes.c_long, ctypes.c_ulong
    x.XOpenDisplay.argtypes, x.XOpenDisplay.restype = [ctypes.c_char_p], pointer
    x.XCloseDisplay.argtypes = [pointer]
    x.XInternAtom.argtypes, x.XInternAtom.restype = [pointer, ctypes.c_char_p, ctypes.c_int], window
    x.XGetWindowProperty.argtypes = [pointer, window, window, number, number, ctypes.c_int, window, *[pointer] * 5]
    x.XFree.argtypes = [pointer]
    x.XSetErrorHandler(_IGNORE_ERRORS)
    return x


# Xlib ends the program at an error, and a window may be gone at any time.
@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
def _IGNORE_ERRORS(_display: object, _error: object) -> int:
    return 0
