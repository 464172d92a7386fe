"""An HTTP server that stands in for the model hub, and for all the ways in which the network lets one down."""

import hashlib
import http.server
import json
import threading
import urllib.parse
from contextlib import contextmanager
from dataclasses import dataclass, field

PAGE = 4  # files on a page of a listing


@dataclass
class Hub:
    """files: what is at which path.  moods: what the next answers for a path do wrong, see `_Handler`."""

    files: dict[str, bytes] = field(default_factory=dict)
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    listings: dict[str, list] = field(default_factory=dict)  # made up ones
    moods: dict[str, list[str]] = field(default_factory=dict)
    asked: list[tuple[str, dict]] = field(default_factory=list)
    sent: int = 0
    port: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def publish(self, name: str, files: dict[str, bytes], revision: str = "main") -> None:
        """A repository, as the real one lists it: weights are kept apart (LFS), the rest are git blobs."""
        self.repositories[name] = files
        self.listings[f"{name}/{revision}"] = [{"type": "directory", "path": "unet", "oid": "0" * 40, "size": 0}] + [
            described(path, data) for path, data in files.items()
        ]
        for path, data in files.items():
            self.files[f"/{name}/resolve/{revision}/{path}"] = data


def described(path: str, data: bytes) -> dict:
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    entry = {"type": "file", "path": path, "size": len(data), "oid": blob}
    if path.endswith((".safetensors", ".bin")):
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return entry


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET, with Range.  Moods: whole (ignores Range), cut (half, then the end), stall (half, then silence),
    lie (other bytes of the same number), elsewhere (redirects to another name of this host), to ADDRESS (redirects
    there), or a status.
    """

    hub: Hub

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        hub, path = self.hub, urllib.parse.unquote(url.path)
        hub.asked.append((path, dict(self.headers)))
        mood = hub.moods[path].pop(0) if hub.moods.get(path) else ""
        if mood.isdigit():
            return self.answer(int(mood), b"")
        if mood.startswith("to "):
            return self.answer(302, b"", Location=mood.removeprefix("to "))
        if mood == "elsewhere":
            return self.answer(302, b"", Location=f"http://localhost:{hub.port}/moved{path}")
        if path.startswith("/api/models/"):
            return self.list(path.removeprefix("/api/models/").replace("/tree/", "/"), url)
        data = hub.files.get(path.removeprefix("/moved"))
        if data is None:
            return self.answer(404, b"")
        if mood == "lie":
            data = bytes(255 - value for value in data)
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        if start == 0 or mood == "whole":
            return self.answer(200, data, mood)
        if start >= len(data):
            return self.answer(416, b"")
        return self.answer(206, data[start:], mood, **{"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"})

    def list(self, name: str, url) -> None:
        entries = self.hub.listings.get(name)
        if entries is None:
            return self.answer(404, b"")
        start = int(urllib.parse.parse_qs(url.query).get("cursor", ["0"])[0])
        link = f'<{self.hub.address}{url.path}?recursive=true&cursor={start + PAGE}>; rel="next"'
        more = {"Link": link} if start + PAGE < len(entries) else {}
        return self.answer(200, json.dumps(entries[start : start + PAGE]).encode(), **more)

    def answer(self, status: int, body: bytes, mood: str = "", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        body = body[: len(body) // 2] if mood in ("cut", "stall") else body
        self.hub.sent += len(body)
        self.wfile.write(body)
        self.wfile.flush()
        if mood == "stall":
            self.hub.released.wait()

    def log_message(self, *_):
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that went away is what is being tested."""


@contextmanager
def running():
    """A `Hub` that answers on this machine."""
    here = Hub()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": here}))
    here.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield here
    finally:
        here.released.set()
        server.shutdown()
        server.server_close()
