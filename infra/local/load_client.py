"""A bare HTTP/1.1 client for many small requests: connections are kept, and the client takes little of the machine."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

import httptools


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]


class Closed(Exception):
    """The connection ended. `used`: part of an answer had come."""

    def __init__(self, used: bool) -> None:
        super().__init__("the connection ended within an answer" if used else "the connection ended without an answer")
        self.used = used


class Client:
    """Asks one server. One request at a time on each connection; as many connections as requests are under way."""

    def __init__(self, url: str, headers: dict[str, str], on_reconnect: Callable[[], None]) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        lines = [f"Host: {parts.netloc}", *(f"{name}: {value}" for name, value in headers.items())]
        self._head = "\r\n".join(lines)
        self._idle: list[_Connection] = []
        self._on_reconnect = on_reconnect

    async def get(self, path: str) -> Answer:
        """Raises OSError, or Closed. As browsers do, what a kept connection never began to answer is asked again."""
        request = f"GET {path} HTTP/1.1\r\n{self._head}\r\n\r\n".encode()
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                try:
                    return await self._ask(connection, request)
                except Closed as closed:
                    if closed.used:
                        raise
                    self._on_reconnect()
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, self._host, self._port)
        return await self._ask(connection, request)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    async def _ask(self, connection: "_Connection", request: bytes) -> Answer:
        try:
            answer = await connection.ask(request)
        except BaseException:
            connection.close()
            raise
        if connection.usable:
            self._idle.append(connection)
        return answer


class _Connection(asyncio.Protocol):
    """`on_*` are called by the parser."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._began = False

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> Answer:
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._headers, self._began = {}, False
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._began = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Closed(self._began))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_message_complete(self) -> None:
        if not self._parser.should_keep_alive():
            self.close()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(Answer(self._parser.get_status_code(), self._headers))
