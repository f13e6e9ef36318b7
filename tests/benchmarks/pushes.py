"""GitHub pushes, signed, posted over kept connections: `python -m tests.benchmarks.pushes ...` is a process of its own.

Every push has another `before`, so that none is taken for a repetition; all name one commit that exists.
"""

import asyncio
import hashlib
import hmac
import json
import secrets
from typing import NamedTuple

from tests.benchmarks.measure import expect


class Push(NamedTuple):
    """A delivery ready to be sent."""

    delivery_id: str
    request: bytes


class Sender(NamedTuple):
    """Makes pushes to one app."""

    port: int
    repository_url: str
    secret: str
    commit: str

    def push(self) -> Push:
        body = json.dumps(
            {
                "ref": "refs/heads/main",
                "before": secrets.token_hex(20),
                "after": self.commit,
                "repository": {"clone_url": self.repository_url},
                "head_commit": {"id": self.commit, "message": "Benchmark"},
                "commits": [{"id": self.commit, "added": [], "modified": ["README.md"], "removed": []}],
                "pusher": {"name": "bench"},
            }
        ).encode()
        delivery_id = secrets.token_hex(16)
        signature = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        head = (
            f"POST /webhooks/github HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-GitHub-Event: push\r\nX-GitHub-Delivery: {delivery_id}\r\n"
            f"X-Hub-Signature-256: sha256={signature}\r\n\r\n"
        )
        return Push(delivery_id, head.encode() + body)


class Line:
    """One kept connection; one request at a time. The server closes it when it was idle for a while."""

    def __init__(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._port = port
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Line":
        return cls(port, *await asyncio.open_connection("127.0.0.1", port))

    async def post(self, push: Push) -> None:
        """Returns when it is accepted. Raises WrongOutput for any answer but 202."""
        try:
            await self._post(push)
        except (asyncio.IncompleteReadError, ConnectionError):
            # As a forge does it: the same delivery again.
            self._writer.close()
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            await self._post(push)

    async def _post(self, push: Push) -> None:
        self._writer.write(push.request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await self._reader.readexactly(int(length.partition(b":")[2]))
        expect(head.split(b" ", 2)[1] == b"202", f"{head!r} {body!r}")

    def close(self) -> None:
        self._writer.close()
