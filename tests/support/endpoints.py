"""HTTP endpoints that behave as somebody else's do: well, slowly, wrongly, or not at all."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Post(NamedTuple):
    """What came. Header names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Endpoint:
    """Records what is posted; gives the answers it is told to, the last one for ever. While `hold` is not set, none."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.posts: list[Post] = []
        self.answers: list[Answer] = [Answer(204)]
        self.hold: threading.Event | None = None
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                endpoint.posts.append(Post(self.path, headers, body))
                if endpoint.hold is not None:
                    endpoint.hold.wait(60)
                self._answer(endpoint.answers.pop(0) if len(endpoint.answers) > 1 else endpoint.answers[0])

            def _answer(self, answer: Answer) -> None:
                self.send_response(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *arguments: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait_for(self, posts: int, seconds: float = 30.0) -> list[Post]:
        deadline = time.monotonic() + seconds
        while len(self.posts) < posts:
            assert time.monotonic() < deadline, f"{len(self.posts)} of {posts} posts came within {seconds:g} s"
            time.sleep(0.02)
        return self.posts


@contextmanager
def endpoint(tls: ssl.SSLContext | None = None) -> Iterator[Endpoint]:
    made = Endpoint(tls)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def raw_endpoint(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """A URL where each connection is treated as `behave` does, once the head of its request was read."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(5)
                try:
                    connection.recv(65536)
                    behave(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        stop.set()
        thread.join()
        listener.close()
