"""Where runs stand in their concurrency groups."""

from core.concurrency.events import RunAdmitted, RunLeft, RunQueued, RunSuperseded
from projections.changes import Changes
from projections.facts import Fact
from projections.tables.runs import concurrency
from projections.views.handlers import Handlers

HANDLERS = Handlers("concurrency")


@HANDLERS.on(RunAdmitted)
def admitted(fact: Fact, changes: Changes) -> None:
    message: RunAdmitted = fact.message
    _put(fact, changes, "admitted", message.round)


@HANDLERS.on(RunQueued)
def queued(fact: Fact, changes: Changes) -> None:
    message: RunQueued = fact.message
    _put(fact, changes, "queued", message.round, message.behind)


def _put(fact: Fact, changes: Changes, state: str, round_: int, behind: str = "") -> None:
    changes.put(
        concurrency,
        run_id=fact.message.run_id,
        stream=fact.event.stream,
        state=state,
        round=round_,
        behind=behind,
        log_offset=fact.record.offset,
    )


@HANDLERS.on(RunSuperseded)
def superseded(fact: Fact, changes: Changes) -> None:
    message: RunSuperseded = fact.message
    changes.set(concurrency, (message.run_id,), state="superseded", superseded_by=message.by)


@HANDLERS.on(RunLeft)
def left(fact: Fact, changes: Changes) -> None:
    changes.set(concurrency, (fact.message.run_id,), state="left", behind="")
