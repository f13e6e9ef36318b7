"""What happened in a concurrency group."""

from core.aggregate import SHELL_EVENTS
from core.eventlog.serialization import Catalogue, Message


class RunAdmitted(Message, frozen=True, kw_only=True):
    TYPE = "concurrency.run_admitted"
    run_id: str
    round: int


class RunQueued(Message, frozen=True, kw_only=True):
    """The run waits behind `behind`."""

    TYPE = "concurrency.run_queued"
    run_id: str
    round: int
    behind: str


class RunSuperseded(Message, frozen=True, kw_only=True):
    """The pipeline's policy lets `by` take this run's place."""

    TYPE = "concurrency.run_superseded"
    run_id: str
    by: str
    round: int = 0


class RunLeft(Message, frozen=True, kw_only=True):
    TYPE = "concurrency.run_left"
    run_id: str


EVENTS = Catalogue((RunAdmitted, RunQueued, RunSuperseded, RunLeft, *SHELL_EVENTS))
