"""The projector over views in memory: whatever fails between two records, none is left out."""

import psycopg

from core.ports import LogUnavailable
from infra.memory.log import Call
from infra.memory.reader import MemoryLogReader
from infra.memory.views import MemoryViews, MemoryViewStore
from projections.projector import Projector, partitions_of
from tests.support.histories import full_history
from tests.support.household import TOPOLOGY


def audited(views: MemoryViews) -> int:
    return len(views.tables["audit"])


def test_reader_that_can_not_be_placed_after_a_failure_leaves_nothing_out() -> None:
    history = full_history(1)
    views = MemoryViews()
    calls: list[str] = []

    def refuse_a_write(owner: str, operation: str) -> None:
        calls.append(operation)
        if operation == "views.write" and calls.count(operation) == 2:
            raise psycopg.OperationalError("injected")

    def refuse_an_assign(call: Call) -> None:
        if call.operation == "reader.assign" and call.phase == "before":
            calls.append(call.operation)
            if calls.count(call.operation) == 2:
                raise LogUnavailable("injected")

    views.on_call = refuse_a_write
    history.log.on_call = refuse_an_assign
    reader = MemoryLogReader(history.log, "projector")
    projector = Projector(reader, lambda: MemoryViewStore(views), partitions_of(TOPOLOGY), max_batch=4)
    failures = 0
    for _ in range(500):
        try:
            projector.run_once(0)
        except (psycopg.OperationalError, LogUnavailable):
            failures += 1

    assert failures == 2
    assert audited(views) == len(history.house.events)


def test_failure_at_any_call_of_the_store_counts_each_event_once() -> None:
    whole = MemoryViews()
    history = full_history(1)
    _project(history.log, whole)
    for number in range(1, 30):
        views = MemoryViews()
        left = number

        def fail(owner: str, operation: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise psycopg.OperationalError(f"injected at {operation}")

        views.on_call = fail
        _project(history.log, views)
        assert views.tables == whole.tables
        assert views.offsets == whole.offsets


class Crashing(MemoryViews):
    """Their server dies at one call, with the last commits; `lost` is by how much the offsets went back."""

    def __init__(self, at_call: int) -> None:
        super().__init__(self._count)
        self._left = at_call
        self.lost = 0

    def _count(self, owner: str, operation: str) -> None:
        self._left -= 1
        if self._left == 0:
            before = sum(self.offsets.values())
            self.crash(5)
            self.lost = before - sum(self.offsets.values())


def test_commits_that_a_crash_of_the_server_took_back_are_made_again() -> None:
    whole = MemoryViews()
    history = full_history(1)
    _project(history.log, whole)
    lost = []
    for number in range(1, 40):
        views = Crashing(number)
        _project(history.log, views)
        assert views.tables == whole.tables
        assert views.offsets == whole.offsets
        lost.append(views.lost)
    assert max(lost) > 0


def _project(log: object, views: MemoryViews) -> None:
    reader = MemoryLogReader(log, "projector")  # type: ignore[arg-type]
    projector = Projector(reader, lambda: MemoryViewStore(views), partitions_of(TOPOLOGY), max_batch=7)
    idle = 0
    while idle < 3:
        try:
            idle = 0 if projector.run_once(0) else idle + 1
        except psycopg.OperationalError:
            idle = 0
    projector.close()
