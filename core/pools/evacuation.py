"""Waiting jobs leave a pool that can't run them, and come back when it can.

working --(last agent gone)--> deserted --(evacuate_after_seconds)--> evacuated --(an agent connects)--> working
   `------------------------(EvacuatePool)--------------------------> evacuated --(RestorePool)-------> working

One event takes an attempt out of this queue and makes the command that puts it into another, so it is in one pool at
any time; what an agent holds or is offered stays. Without a fallback pool, and where the pipeline names the region
itself, a job waits and says so: that is how data is kept in its region.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import msgspec

from core.aggregate import Rejected
from core.draft import peek
from core.pools import commands as c
from core.pools import events as e
from core.pools.draft import Draft
from core.pools.entries import QueueEntry
from core.pools.reasons import next_pool
from core.pools.state import Waiting
from core.runs.spec import JobSpec

# More would make a transaction that takes seconds.
MOVES_AT_ONCE: Final = 500
MAX_FALLBACKS: Final = 20
LONGEST_WAIT_SECONDS: Final = 24 * 3600


def configure_pool(draft: Draft, command: c.ConfigurePool) -> None:
    state = draft.state
    if state.id in command.fallback or len(set(command.fallback)) != len(command.fallback):
        raise Rejected("fallback-invalid", f"the fallback pools of {state.id} are other pools, each named once")
    if len(command.fallback) > MAX_FALLBACKS or not all(map(_is_pool, command.fallback)):
        raise Rejected("fallback-invalid", f"fallback pools are named <region>/<pool>, at most {MAX_FALLBACKS} of them")
    if not 0 <= command.evacuate_after_seconds <= LONGEST_WAIT_SECONDS:
        raise Rejected("fallback-invalid", f"evacuate_after_seconds lies between 0 and {LONGEST_WAIT_SECONDS}")
    wanted = (command.fallback, command.evacuate_after_seconds)
    if wanted != (state.fallback, state.evacuate_after_seconds):
        draft.tell(e.PoolConfigured(fallback=command.fallback, evacuate_after_seconds=command.evacuate_after_seconds))


def _is_pool(name: str) -> bool:
    region, _, pool = name.partition("/")
    return bool(region and pool) and "/" not in pool


def evacuate_pool(draft: Draft, command: c.EvacuatePool) -> None:
    evacuation = draft.state.evacuation
    if evacuation is None or not evacuation.asked:
        draft.tell(e.PoolEvacuated(reason="asked", at=draft.now, by=command.by))


def restore_pool(draft: Draft, command: c.RestorePool) -> None:
    if draft.state.evacuation is not None:
        draft.tell(e.PoolRestored(reason="asked", by=command.by, fallback=draft.state.fallback))


def evacuate_deserted(draft: Draft) -> None:
    if draft.state.evacuation is None:
        draft.tell(e.PoolEvacuated(reason="no-agents", at=draft.now))


def follow_agents(draft: Draft) -> None:
    """The last agent gone starts the wait for another; the first one back ends an evacuation nobody asked for."""
    state = draft.state
    if state.evacuation is not None:
        if state.classes and not state.evacuation.asked:
            draft.tell(e.PoolRestored(reason="agents-connected", fallback=state.fallback))
    elif state.fallback and not state.classes and not state.deserted:
        draft.tell(e.PoolDeserted(evacuate_at=draft.now + timedelta(seconds=state.evacuate_after_seconds)))


def move_waiting(draft: Draft) -> None:
    """What an evacuated pool has in its queue moves on: all of it at first, later what comes in."""
    if draft.state.evacuation is None:
        return
    if any(isinstance(event, e.PoolEvacuated | e.PoolConfigured) for event in draft.events):
        go_on(draft)
        return
    for key in tuple(_came_in(draft)):
        if key in draft.state.queue:
            _move_on(draft, peek(draft.state.queue, key))


def _came_in(draft: Draft) -> Iterator[str]:
    for event in draft.events:
        if isinstance(event, e.JobEnqueued):
            yield event.entry.attempt_key
        elif isinstance(event, e.LeaseReturned):
            yield event.attempt_key


def go_on(draft: Draft) -> None:
    """The next part of the queue moves; where more is left, the next decision is due at once."""
    movable = [key for key in draft.state.queue if next_pool(draft.state, peek(draft.state.queue, key).entry)]
    for key in movable[:MOVES_AT_ONCE]:
        _move_on(draft, peek(draft.state.queue, key))
    if len(movable) > MOVES_AT_ONCE:
        draft.tell(e.EvacuationProgressed(next_at=draft.now))
    elif "move:" in draft.before.timers.due:
        draft.tell(e.EvacuationProgressed())


def _move_on(draft: Draft, waiting: Waiting) -> None:
    to = next_pool(draft.state, waiting.entry)
    if to is not None:
        _move(draft, waiting, to, (*waiting.entry.moved_from, draft.state.id), "evacuated")


def recall_jobs(draft: Draft, command: c.RecallJobs) -> None:
    """The youngest go back, as the eldest are next in line here; what is beyond one decision's measure stays."""
    waiting = [peek(draft.state.queue, key) for key in draft.state.queue]
    came = [each for each in waiting if command.pool in each.entry.moved_from]
    came.sort(key=lambda each: (each.entry.queued_at, each.entry.attempt_key))
    for each in came[-MOVES_AT_ONCE:]:
        before = each.entry.moved_from[: each.entry.moved_from.index(command.pool)]
        _move(draft, each, command.pool, before, "restored")


def _move(draft: Draft, waiting: Waiting, to: str, moved_from: tuple[str, ...], reason: e.MoveReason) -> None:
    entry = msgspec.structs.replace(
        waiting.entry, spec=_placed(waiting.entry, to), moved_from=moved_from, epoch=waiting.epoch
    )
    draft.tell(e.JobMoved(attempt_key=entry.attempt_key, to=to, entry=entry, reason=reason))


def _placed(entry: QueueEntry, pool: str) -> JobSpec:
    """The job sees the region it runs in."""
    spec = entry.spec
    if "REGION" not in spec.env:
        return spec
    return msgspec.structs.replace(spec, env=spec.env | {"REGION": pool.partition("/")[0]})
