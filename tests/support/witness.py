"""Sees from outside when each attempt of a job is alive: a step holds a connection open for as long as it lives.

The kernel closes the connection of a step that is killed, so no process has to be trusted to say that it ended.
"""

import socketserver
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

# What a step's script begins with; `{port}` is the witness's.
SCRIPT = 'exec 3<>/dev/tcp/127.0.0.1/{port}; echo "$RUN_ID/$STAGE $ATTEMPT" >&3; read -r seen <&3'


@dataclass
class Seen:
    """What was seen of one job: its attempts in the order they began, and how many were ever alive at once."""

    attempts: list[str] = field(default_factory=list)
    alive: int = 0
    most_alive: int = 0


class Witness:
    """Use as a context manager; put `script` at the head of a step."""

    def __init__(self) -> None:
        self.jobs: dict[str, Seen] = {}
        self._changed = threading.Condition()
        witness = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                job, attempt = self.rfile.readline().decode().split()
                witness.began(job, attempt)
                try:
                    self.wfile.write(b"seen\n")
                    self.rfile.read()
                except OSError:
                    pass  # reset by a kill: that is an end too
                finally:
                    witness.ended(job)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Handler)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def script(self) -> str:
        return SCRIPT.format(port=self._server.server_address[1])

    def began(self, job: str, attempt: str) -> None:
        with self._changed:
            seen = self.jobs.setdefault(job, Seen())
            seen.attempts.append(attempt)
            seen.alive += 1
            seen.most_alive = max(seen.most_alive, seen.alive)
            self._changed.notify_all()

    def ended(self, job: str) -> None:
        with self._changed:
            self.jobs[job].alive -= 1

    @property
    def attempts(self) -> int:
        """How many attempts of all jobs began so far."""
        with self._changed:
            return sum(len(seen.attempts) for seen in self.jobs.values())

    def wait_for_more(self, count: int, seconds: float) -> None:
        """Until so many further attempts began. Fails when they do not in time."""
        goal = self.attempts + count
        with self._changed:
            met = self._changed.wait_for(
                lambda: sum(len(each.attempts) for each in self.jobs.values()) >= goal, seconds
            )
        assert met, f"no {count} further jobs began within {seconds:g} s"
