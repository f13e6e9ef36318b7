"""A small HTTP service for tests of targets: says which release it is, and misbehaves as its files and variables say.

Standard library only, run as `python service.py` with PORT. BEHAVIOUR: never-ready, crash (at once), crash-after:S
(seconds), slow-stop, deaf (ignores SIGTERM). Every request with a path below /count is written to COUNT_FILE.
"""

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

BEHAVIOUR = os.environ.get("BEHAVIOUR", "")
BEGAN = time.monotonic()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body leave together: two small packets would wait for each other.
    wbufsize = -1

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/healthz":
            ready = BEHAVIOUR != "never-ready" and time.monotonic() - BEGAN >= float(os.environ.get("READY_AFTER", 0))
            self._answer(200 if ready else 503, {"ready": ready})
        elif path == "/slow":
            time.sleep(float(self.path.partition("?")[2] or 1))
            self._answer(200, self._about())
        else:
            self._count(path)
            self._answer(200, self._about())

    do_POST = do_GET

    def _about(self) -> dict[str, Any]:
        names = ("RELEASE", "VERSION", "APP", "ENVIRONMENT", "REGION", "DEPLOYMENT_ID", "GREETING")
        known = {name: os.environ[name] for name in names if name in os.environ}
        marker = Path("version.txt")
        return {**known, "pid": os.getpid(), "file": marker.read_text().strip() if marker.exists() else ""}

    def _count(self, path: str) -> None:
        if path.startswith("/count"):
            line = f"{os.environ['RELEASE']} {self.headers.get('X-Number', '')}\n"
            with open(os.environ["COUNT_FILE"], "a") as file:
                file.write(line)

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length:
            self.rfile.read(length)
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    if BEHAVIOUR == "crash":
        sys.exit("this version can't start: no such table")
    if BEHAVIOUR.startswith("crash-after:"):
        threading.Timer(float(BEHAVIOUR.partition(":")[2]), lambda: os._exit(3)).start()
    if BEHAVIOUR == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    host = os.environ.get("HOST_ADDRESS", "127.0.0.1")
    print(f"listening on {os.environ['PORT']}", flush=True)
    Server((host, int(os.environ["PORT"])), Handler).serve_forever()


if __name__ == "__main__":
    main()
