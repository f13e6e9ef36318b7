"""The runtime socket of a running HAProxy: what it is doing, and what it shall do from now on."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

TIMEOUT_SECONDS = 2.0
# One command line has to fit into the proxy's buffer.
_LINES_AT_ONCE = 50


class ProxyGone(Exception):
    """Nobody answers at the socket."""


class ProxyRefused(Exception):
    """It did not do what it was told; the text is its own."""


class ServerStatus(NamedTuple):
    """A server as the proxy sees it: `up` ones get requests, `busy` is how many it works on."""

    slot: str
    name: str
    up: bool
    draining: bool
    busy: int


class Stats(NamedTuple):
    """`requests` counts by slot, since the process started; `table` are the lines of a map file in use."""

    servers: tuple[ServerStatus, ...]
    requests: dict[str, int]
    table: list[str]


class Runtime:
    """`directory` holds the socket `name`. Raises ProxyGone and ProxyRefused."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = name

    def ask(self, command: str) -> str:
        try:
            with self._connected() as connection:
                connection.sendall(command.encode() + b"\n")
                connection.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: connection.recv(65536), b"")).decode("utf-8", "replace").strip()
        except OSError as error:
            raise ProxyGone(f"the proxy's socket in {self._directory} does not answer: {error}") from error

    def tell(self, command: str, *expected: str) -> None:
        """A command whose answer must be empty or one of those."""
        said = self.ask(command)
        if said and not any(words in said for words in expected):
            raise ProxyRefused(f"the proxy refused '{command[:200]}': {said[:300]}")

    def stats(self, file: str) -> Stats:
        """In one question, because it is asked every second."""
        counters, _, table = self.ask(f"show stat;show map {file}").partition("\n\n")
        header, *rows = counters.splitlines()
        columns = header.removeprefix("# ").split(",")
        servers, requests = [], {}
        for row in rows:
            values = dict(zip(columns, row.split(","), strict=False))
            if values["svname"] == "BACKEND":
                requests[values["pxname"]] = int(values["req_tot"] or 0)
            elif values["svname"] != "FRONTEND":
                servers.append(_server(values))
        return Stats(tuple(servers), requests, _lines(table))

    def table(self, file: str) -> list[str]:
        """The lines of a map file as they are in use."""
        return _lines(self.ask(f"show map {file}"))

    def replace_table(self, file: str, lines: Sequence[str]) -> None:
        """All lines at once: no request sees half of them."""
        said = self.ask(f"prepare map {file}")
        version = said.rpartition(" ")[2]
        if not version.isdigit():
            raise ProxyRefused(f"the proxy can't change {file}: {said}")
        for first in range(0, len(lines), _LINES_AT_ONCE):
            payload = "\n".join(lines[first : first + _LINES_AT_ONCE])
            self.tell(f"add map @{version} {file} <<\n{payload}\n")
        self.tell(f"commit map @{version} {file}")

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        # A path through /proc, because a socket's address is short and the directory may be deep.
        directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(TIMEOUT_SECONDS)
                connection.connect(f"/proc/self/fd/{directory}/{self._name}")
                yield connection
        finally:
            os.close(directory)


def _lines(table: str) -> list[str]:
    """Each comes with the address it has in memory."""
    return [line.partition(" ")[2].strip() for line in table.splitlines() if line.startswith("0x")]


def _server(values: dict[str, str]) -> ServerStatus:
    status = values["status"]
    draining = status.startswith(("DRAIN", "MAINT")) or values["weight"] == "0"
    up = status.startswith(("UP", "no check", "DRAIN"))
    return ServerStatus(values["pxname"], values["svname"], up, draining, int(values["scur"] or 0))
