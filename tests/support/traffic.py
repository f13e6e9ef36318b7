"""Users of a target: clients with kept connections that send requests at a steady rate and remember every answer."""

import http.client
import json
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Self

CLIENTS = 8


class Traffic:
    """While entered, about `rate` requests a second go to `address`; every fifth is a POST with a body.

    `answers` counts by what the instance said its release is, `failures` lists all else.
    """

    def __init__(self, address: str, rate: float = 200, path: str = "/") -> None:
        self._host, _, port = address.removeprefix("http://").partition(":")
        self._port = int(port)
        self._pause = CLIENTS / rate
        self._path = path
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._visit, args=(number,)) for number in range(CLIENTS)]
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []

    @property
    def total(self) -> int:
        return sum(self.answers.values()) + len(self.failures)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, more: int) -> None:
        """Returns when so many more requests have been answered."""
        wanted = self.total + more
        deadline = time.monotonic() + 60
        while self.total < wanted:
            assert time.monotonic() < deadline, f"only {self.total} of {wanted} requests came through"
            time.sleep(0.01)

    def _visit(self, number: int) -> None:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=20)
        sent = 0
        next_at = time.monotonic() + self._pause * number / CLIENTS
        while not self._stop.is_set():
            sent += 1
            self._once(connection, "POST" if sent % 5 == 0 else "GET")
            next_at = max(next_at + self._pause, time.monotonic() - 1)
            self._stop.wait(max(0.0, next_at - time.monotonic()))
        connection.close()

    def _once(self, connection: http.client.HTTPConnection, method: str) -> None:
        try:
            connection.request(method, self._path, body=b"x" * 100 if method == "POST" else None)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self._note("", f"{method}: {type(error).__name__}: {error}")
            return
        if answer.status == 200:
            self._note(json.loads(body)["RELEASE"], "")
        else:
            self._note("", f"{method}: {answer.status} {body[:100]!r}")

    def _note(self, release: str, failure: str) -> None:
        with self._lock:
            if failure:
                self.failures.append(failure)
            else:
                self.answers[release] += 1
