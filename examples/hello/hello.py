"""A very small web service: says hello, says that it is well, and counts what it does for Prometheus.

PORT, HOST and VERSION come from the environment. `fault.json` beside this file breaks it on purpose; see faults.py.
"""

import contextlib
import json
import os
import select
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer

from faults import Faults
from measured import Measured

VERSION = os.environ.get("VERSION", "dev")


def greeting(name: str) -> str:
    return f"Hello, {name or 'world'}!"


class Service(ThreadingHTTPServer):
    """Every connection has a thread. `close_gently` ends it without cutting off an answer."""

    daemon_threads = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], faults: Faults) -> None:
        self.measured = Measured(VERSION)
        self.faults = faults
        self.closing = False
        self._handlers: set[Handler] = set()
        self._lock = threading.Lock()
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        """As socketserver has it: HTTPServer would ask the DNS for our name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def note(self, handler: "Handler", there: bool) -> None:
        with self._lock:
            (self._handlers.add if there else self._handlers.discard)(handler)

    def close_gently(self) -> None:
        """Who is connected or just connecting still gets an answer, who is idle is let go; then it is over."""
        self.closing = True
        self.shutdown()
        while select.select([self.socket], [], [], 0)[0]:
            self.handle_request()
        with self._lock:
            for handler in self._handlers:
                handler.let_go()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service
    timeout = 60
    # Headers and body leave in one piece.
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server.note(self, there=True)
        if self.server.closing:
            self.let_go()

    def finish(self) -> None:
        self.server.note(self, there=False)
        super().finish()

    def let_go(self) -> None:
        """What was sent already is still read and answered; then the connection ends."""
        with contextlib.suppress(OSError):  # It may have ended by itself.
            self.connection.shutdown(0)

    def do_GET(self) -> None:
        if self.path == "/healthz":
            well = self.server.faults.is_well()
            self._answer(200 if well else 503, {"status": "ok" if well else "not yet"})
        elif self.path == "/version":
            self._answer(200, {"version": VERSION})
        elif self.path == "/metrics":
            self._send(200, "text/plain; version=0.0.4", self.server.measured.page())
        else:
            self._serve_users()

    def _serve_users(self) -> None:
        """What is counted and timed: requests of users, not those that look after the service."""
        began = time.perf_counter()
        status, body = self._page()
        self._answer(status, body)
        self.server.measured.note(status, time.perf_counter() - began)

    def _page(self) -> tuple[int, dict]:
        if self.path != "/" and not self.path.startswith("/hello"):
            return 404, {"error": "there is only /hello/<name>, /version, /healthz and /metrics"}
        if self.server.faults.strike():
            return 500, {"error": "something went wrong"}
        return 200, {"greeting": greeting(self.path.partition("/hello/")[2])}

    def _answer(self, status: int, body: dict) -> None:
        self._send(status, "application/json", json.dumps(body).encode())

    def _send(self, status: int, kind: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Version", VERSION)
        if self.server.closing:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Only what goes wrong is worth a line."""
        if int(code) >= 500:
            super().log_request(code, size)

    def log_message(self, template: str, *values: object) -> None:
        print(template % values, flush=True)


def serve(port: int = 0, host: str = "127.0.0.1") -> Service:
    return Service((host, port), Faults.read())


def main() -> None:
    ends = {signal.SIGTERM, signal.SIGINT}
    # Blocked in all threads, so that they come to the one that waits for them.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    server = serve(int(os.environ.get("PORT", "8000")), os.environ.get("HOST", "127.0.0.1"))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
    print(f"version {VERSION} listens on http://{server.server_name}:{server.server_port}", flush=True)
    signal.sigwait(ends)
    server.close_gently()
    print("all answers are given; good-bye", flush=True)


if __name__ == "__main__":
    main()
