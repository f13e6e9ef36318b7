"""The HTTP server behind /metrics. Imported with the first request only (see endpoint.py)."""

import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

REQUEST_SECONDS = 10.0


def serve(listener: socket.socket, registry: CollectorRegistry) -> None:
    """Answers on the listening socket for the rest of the process's life."""
    ProcessCollector(registry=registry)

    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_SECONDS

        def do_GET(self) -> None:
            found = self.path.partition("?")[0] == "/metrics"
            body = generate_latest(registry) if found else b"Metrics are at /metrics.\n"
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", CONTENT_TYPE_LATEST if found else "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Requests of a scraper are no news."""

    server = ThreadingHTTPServer(listener.getsockname()[:2], Handler, bind_and_activate=False)
    server.daemon_threads = True
    server.socket.close()
    server.socket = listener
    # Nobody ever shuts it down, so it need not wake up to look for that.
    server.serve_forever(poll_interval=None)  # type: ignore[arg-type]  # select() takes None as "for ever"
