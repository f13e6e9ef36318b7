"""What an aggregate is to the processor shell: four pure functions and the messages they speak.

decide(state, command, now) -> events   (or raises Rejected)
evolve(state, event) -> state           (total; validates nothing; may update in place)
deadline(state) -> datetime | None      (when decide must be asked again with Tick)
finished(state) -> bool                 (may leave memory)
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.serialization import Catalogue, Message
from core.eventlog.topics import Topology


class Rejected(Exception):
    """A command that is refused: `code` is stable and kebab-case, `detail` is for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Tick(Message, frozen=True, kw_only=True):
    """Asks an aggregate what is due at `now`. Made by the shell when a deadline has passed."""

    TYPE = "tick"


class CommandRejected(Message, frozen=True, kw_only=True):
    """A command was refused; nothing else changed. Belongs to every aggregate."""

    TYPE = "command.rejected"
    command_type: str
    code: str
    detail: str


class CommandIgnored(Message, frozen=True, kw_only=True):
    """A command whose sender waits for an answer changed nothing (it was already so)."""

    TYPE = "command.ignored"
    command_type: str


SHELL_EVENTS: tuple[type[Message], ...] = (CommandRejected, CommandIgnored)


@dataclass(frozen=True)
class Aggregate:
    """One kind of aggregate as the shell sees it. State is a msgspec Struct that msgspec can encode.

    `recurs`: one that is finished may be used again by whoever knows its name (a pool, a concurrency group).
    """

    kind: str
    state_type: type[Any]
    initial: Callable[[str], Any]
    decide: Callable[[Any, Any, datetime], tuple[Message, ...]]
    evolve: Callable[[Any, Any], Any]
    deadline: Callable[[Any], datetime | None]
    finished: Callable[[Any], bool]
    commands: Catalogue
    events: Catalogue
    recurs: bool = False


@dataclass(frozen=True)
class Send:
    """A command that a policy wants sent: to which stream, in which region."""

    region: str
    stream: Stream
    command: Message


Policy = Callable[[Topology, EventEnvelope, Any], tuple[Send, ...]]
