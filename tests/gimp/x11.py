"""X11's windows and their properties, read with Xlib itself: xdotool does not read all of them, and is a program each
time, which waiting for something would start twenty times a second."""

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

    def windows(self) -> list[int]:
        """The windows that the window manager knows, in the order in which they came."""
        return self._numbers("_NET_CLIENT_LIST")

    def active_window(self) -> int:
        """The window that has the keyboard; 0 for none."""
        return next(iter(self._numbers("_NET_ACTIVE_WINDOW")), 0)

    def text(self, window: int, name: str) -> str:
        """The property of this name; "" where the window has none, or is gone."""
        return self._property(window, name, 1).decode("utf-8", "replace")

    def _numbers(self, name: str) -> list[int]:
        """The numbers in a property of the root window."""
        data = self._property(self._x.XDefaultRootWindow(self._display), name, ctypes.sizeof(ctypes.c_ulong))
        return list(memoryview(data).cast("L"))

    def _property(self, window: int, name: str, size: int) -> bytes:
        """What a property holds; nothing where the window has none, or is gone.

        size: bytes that Xlib gives an item: 1 for text, those of a long for numbers of 32 bits.
        """
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
            return b""
        content = ctypes.string_at(data.value, size * length.value)
        self._x.XFree(data)
        return content


@cache
def _library() -> ctypes.CDLL:
    x = ctypes.CDLL("libX11.so.6")
    pointer, number, window = ctypes.c_void_p, ctypes.c_long, ctypes.c_ulong
    x.XOpenDisplay.argtypes, x.XOpenDisplay.restype = [ctypes.c_char_p], pointer
    x.XCloseDisplay.argtypes = [pointer]
    x.XDefaultRootWindow.argtypes, x.XDefaultRootWindow.restype = [pointer], window
    x.XInternAtom.argtypes, x.XInternAtom.restype = [pointer, ctypes.c_char_p, ctypes.c_int], window
    x.XGetWindowProperty.argtypes = [pointer, window, window, number, number, ctypes.c_int, window, *[pointer] * 5]
    x.XFree.argtypes = [pointer]
    x.XSetErrorHandler(_IGNORE_ERRORS)
    return x


# Xlib ends the program at an error, and a window may be gone at any time.
@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
def _IGNORE_ERRORS(_display: object, _error: object) -> int:
    return 0
