"""A tiny aggregate for tests of the shell: it counts, refuses, waits, breaks and finishes on request.

Its kinds are borrowed from real ones, because the kind says in which context (topics) a stream lives.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from core.aggregate import SHELL_EVENTS, Aggregate, Policy, Rejected, Send, Tick
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.serialization import Catalogue, Message
from core.eventlog.topics import Topology


class Add(Message, frozen=True, kw_only=True):
    """Count `amount` further, by `times` events; 0 times changes nothing; a negative amount is refused."""

    TYPE = "counter.add"
    amount: int = 1
    times: int = 1
    filler: str = ""


class Remind(Message, frozen=True, kw_only=True):
    """Count one further in `seconds` from now."""

    TYPE = "counter.remind"
    seconds: float


class Forward(Message, frozen=True, kw_only=True):
    """Have a policy add `amount` to another counter."""

    TYPE = "counter.forward"
    region: str
    kind: str
    id: str
    amount: int


class Break(Message, frozen=True, kw_only=True):
    """Fail in `where`: decide, evolve or react."""

    TYPE = "counter.break"
    where: str


class Finish(Message, frozen=True, kw_only=True):
    """Nothing more will come."""

    TYPE = "counter.finish"


class Added(Message, frozen=True, kw_only=True):
    TYPE = "counter.added"
    amount: int
    filler: str = ""


class Reminded(Message, frozen=True, kw_only=True):
    TYPE = "counter.reminded"
    due: datetime | None


class Forwarded(Message, frozen=True, kw_only=True):
    TYPE = "counter.forwarded"
    region: str
    kind: str
    id: str
    amount: int


class Broken(Message, frozen=True, kw_only=True):
    TYPE = "counter.broken"
    where: str


class Finished(Message, frozen=True, kw_only=True):
    TYPE = "counter.finished"


class Counter(msgspec.Struct):
    id: str
    total: int = 0
    due: datetime | None = None
    seen: dict[str, int] = {}
    finished: bool = False


Command = Add | Remind | Forward | Break | Finish | Tick
COMMANDS = Catalogue((Tick, Add, Remind, Forward, Break, Finish))
EVENTS = Catalogue((Added, Reminded, Forwarded, Broken, Finished, *SHELL_EVENTS))


def decide(state: Counter, command: Command, now: datetime) -> tuple[Message, ...]:
    match command:
        case Add(amount=amount) if amount < 0:
            raise Rejected("negative-amount", f"{amount} is below zero")
        case Add(amount=amount, times=times, filler=filler):
            return tuple(Added(amount=amount, filler=filler) for _ in range(times))
        case Remind(seconds=seconds):
            return (Reminded(due=now + timedelta(seconds=seconds)),)
        case Tick() if state.due is not None and state.due <= now:
            return (Added(amount=1), Reminded(due=None))
        case Forward(region=region, kind=kind, id=identity, amount=amount):
            return (Forwarded(region=region, kind=kind, id=identity, amount=amount),)
        case Break(where="decide"):
            raise ZeroDivisionError("broken on request")
        case Break(where=where):
            return (Broken(where=where),)
        case Finish():
            return (Finished(),)
        case _:
            return ()


def evolve(state: Counter, event: Message) -> Counter:
    state.seen[event.TYPE] = state.seen.get(event.TYPE, 0) + 1
    match event:
        case Added(amount=amount):
            state.total += amount
        case Reminded(due=due):
            state.due = due
        case Finished():
            state.finished = True
        case Broken(where="evolve"):
            raise ZeroDivisionError("broken on request")
    return state


def forward(topology: Topology, event: EventEnvelope, message: Forwarded) -> tuple[Send, ...]:
    return (Send(message.region, Stream(message.kind, message.id), Add(amount=message.amount)),)


def break_down(topology: Topology, event: EventEnvelope, message: Broken) -> tuple[Send, ...]:
    if message.where == "react":
        raise ZeroDivisionError("broken on request")
    return ()


POLICIES: dict[str, tuple[Policy, ...]] = {Forwarded.TYPE: (forward,), Broken.TYPE: (break_down,)}


def counter(kind: str = "run", events: Catalogue = EVENTS) -> Aggregate:
    """A counter that lives where streams of `kind` live."""
    initial: Callable[[str], Counter] = Counter
    return Aggregate(
        kind=kind,
        state_type=Counter,
        initial=initial,
        decide=decide,
        evolve=evolve,
        deadline=lambda state: state.due,
        finished=lambda state: state.finished,
        commands=COMMANDS,
        events=events,
    )
