"""Whether an instance answers as its health check wants it: one HTTP request to it, past the proxy."""

import http.client
from typing import NamedTuple

from core.environments.settings import Health


class Answer(NamedTuple):
    """`said` tells a person what came instead."""

    ok: bool
    said: str


def ask(host: str, port: int, health: Health) -> Answer:
    connection = http.client.HTTPConnection(host, port, timeout=health.timeout_seconds)
    try:
        connection.request("GET", health.path, headers={"Host": "localhost", "Connection": "close"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return Answer(False, f"GET {health.path} got no answer ({error or type(error).__name__})")
    finally:
        connection.close()
    return Answer(200 <= status < 300, f"GET {health.path} answered {status}")


class Streaks:
    """Which instances answered so often in a row. Asks each at most once per call of `look`."""

    def __init__(self) -> None:
        self._good: dict[str, int] = {}
        self.last: dict[str, str] = {}

    def look(self, name: str, port: int, health: Health) -> bool:
        """Whether it is ready with this answer."""
        answer = ask("127.0.0.1", port, health)
        self.last[name] = answer.said
        self._good[name] = self._good.get(name, 0) + 1 if answer.ok else 0
        return self._good[name] >= health.successes

    def good(self, name: str) -> int:
        """How often in a row it answered well."""
        return self._good.get(name, 0)
