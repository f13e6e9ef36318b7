"""A concurrency group: at most one run of it at a time. What becomes of the others is the pipeline's choice.

queue           they wait, in order
cancel_running  the newest wins: what runs and what waits is superseded
newest_only     what runs goes on; of those that wait only the newest is kept
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from core.aggregate import CommandIgnored, CommandRejected, Tick
from core.concurrency import commands as c
from core.concurrency import events as e
from core.eventlog.serialization import Message

Events = tuple[Message, ...]


class Member(msgspec.Struct, frozen=True):
    run_id: str
    round: int


class GroupState(msgspec.Struct, omit_defaults=True):
    """`id` is `<app>/<group>`. A superseded run keeps its place until it has left, if it runs; else it is out."""

    id: str
    running: Member | None = None
    superseded: bool = False
    waiting: list[Member] = []


def decide(state: GroupState, command: Any, now: datetime) -> Events:
    """The events the command leads to; a group refuses nothing."""
    if isinstance(command, Tick):
        return ()
    if isinstance(command, c.EnterGroup):
        return _enter(state, command)
    return _leave(state, command.run_id)


def _enter(state: GroupState, command: c.EnterGroup) -> Events:
    member = Member(command.run_id, command.round)
    if member == state.running or member in state.waiting:
        return ()
    if state.running is None:
        return (e.RunAdmitted(run_id=member.run_id, round=member.round),)
    older = [] if command.policy == "queue" else list(state.waiting)
    if command.policy == "cancel_running" and not state.superseded:
        older.insert(0, state.running)
    behind = state.waiting[-1].run_id if command.policy == "queue" and state.waiting else state.running.run_id
    superseded = (
        e.RunSuperseded(run_id=each.run_id, by=member.run_id, round=each.round)
        for each in older
        if each.run_id != member.run_id
    )
    return (e.RunQueued(run_id=member.run_id, round=member.round, behind=behind), *superseded)


def _leave(state: GroupState, run_id: str) -> Events:
    here = [each for each in (state.running, *state.waiting) if each is not None]
    if not any(each.run_id == run_id for each in here):
        return ()
    left = e.RunLeft(run_id=run_id)
    if state.running is None or state.running.run_id != run_id:
        return (left,)
    successor = next((each for each in state.waiting if each.run_id != run_id), None)
    if successor is None:
        return (left,)
    return left, e.RunAdmitted(run_id=successor.run_id, round=successor.round)


def evolve(state: GroupState, event: Any) -> GroupState:
    _EVOLVE[type(event)](state, event)
    return state


def _admitted(state: GroupState, event: e.RunAdmitted) -> None:
    state.running = Member(event.run_id, event.round)
    state.superseded = False
    state.waiting = [each for each in state.waiting if each.run_id != event.run_id]


def _queued(state: GroupState, event: e.RunQueued) -> None:
    state.waiting = [*state.waiting, Member(event.run_id, event.round)]


def _left(state: GroupState, event: e.RunLeft) -> None:
    if state.running is not None and state.running.run_id == event.run_id:
        state.running = None
    state.waiting = [each for each in state.waiting if each.run_id != event.run_id]


def _superseded(state: GroupState, event: e.RunSuperseded) -> None:
    if state.running is not None and state.running.run_id == event.run_id:
        state.superseded = True
    state.waiting = [each for each in state.waiting if each.run_id != event.run_id]


def _nothing(state: GroupState, event: Any) -> None:
    """A refusal changes nothing."""


_EVOLVE: dict[type[Any], Callable[[GroupState, Any], None]] = {
    e.RunAdmitted: _admitted,
    e.RunQueued: _queued,
    e.RunSuperseded: _superseded,
    e.RunLeft: _left,
    CommandRejected: _nothing,
    CommandIgnored: _nothing,
}


def deadline(state: GroupState) -> datetime | None:
    return None


def finished(state: GroupState) -> bool:
    return state.running is None and not state.waiting
