"""The metrics at http://127.0.0.1:PORT/metrics, for Prometheus or a person's browser on this machine."""

import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

from ..shared.errors import ErrorCode, UserError
from ..shared.text import tr

HOST = "127.0.0.1"
PATH = "/metrics"
PATIENCE = 5  # seconds for a request, as there is one at a time
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricsPage:
    """A page that shows `text`, which any thread may replace."""

    def __init__(self, port: int) -> None:
        """port: 0 for any free one.  Raises UserError."""
        self.text = ""
        try:
            self._server = _Server((HOST, port), self._handler())
        except OSError as error:
            raise UserError(
                ErrorCode.TAKEN,
                tr("The port {port} cannot be used for metrics: {error}.", port=port, error=error.strerror),
                "Another program may hold it; choose another one.",
            ) from None
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        page = self

        class Handler(BaseHTTPRequestHandler):
            timeout = PATIENCE

            def do_GET(self) -> None:
                # Another name is how a page of the web would reach this machine (DNS rebinding).
                asked = urlsplit(f"//{self.headers.get('Host', '')}").hostname
                if self.path != PATH or asked not in (HOST, "localhost"):
                    self.send_error(404)
                    return
                content = page.text.encode()
                self.send_response(200)
                self.send_header("Content-Type", CONTENT_TYPE)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Who asked is nobody's business."""

        return Handler


class _Server(HTTPServer):
    allow_reuse_address = os.name == "posix"  # on Windows it would take another program's port
