"""The check of the history itself: which repetitions are none of anybody's doing."""

from datetime import UTC, datetime, timedelta

import msgspec

from core.eventlog.chain import GENESIS, seal
from core.eventlog.envelope import EventEnvelope
from core.ports import Record
from tests.simulation.checks.history import HistoryCheck
from tests.simulation.checks.observer import Seen

RETENTION = 120.0
START = datetime(2026, 3, 2, tzinfo=UTC)


class History:
    """Events of one run in one partition, each shown to the check; `wrong` is what it says."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self._check = HistoryCheck(RETENTION)
        self._check.wrong = self.wrong.append
        self._head = GENESIS
        self._count = 0

    def add(self, kind: str, version: int, command: str, seconds: float) -> None:
        event = EventEnvelope(
            event_id=f"event of {command}",
            type=kind,
            schema_version=1,
            stream="run/us-east-1",
            stream_version=version,
            recorded_at=START + timedelta(seconds=seconds),
            region="us-east",
            actor="somebody",
            correlation_id="",
            causation_id=command,
            chain="",
            data=msgspec.Raw(b"{}"),
        )
        event = seal(self._head, event)
        self._head = event.chain
        record = Record("sealane.runs.events", 0, self._count, b"run/us-east-1", b"")
        self._count += 1
        self._check.event(Seen(record, event))


def test_command_that_is_decided_again_while_its_run_is_in_memory_is_wrong() -> None:
    history = History()
    history.add("run.requested", 1, "a", 0)
    history.add("run.finished", 2, "b", 10)
    history.add("command.rejected", 0, "a", 10 + RETENTION - 1)
    assert len(history.wrong) == 2


def test_command_that_is_repeated_after_its_run_has_left_memory_may_be_refused() -> None:
    history = History()
    history.add("run.requested", 1, "a", 0)
    history.add("run.finished", 2, "b", 10)
    history.add("command.rejected", 0, "a", 10 + RETENTION)
    assert history.wrong == []


def test_command_that_is_decided_again_to_another_end_is_wrong_at_any_time() -> None:
    history = History()
    history.add("run.requested", 1, "a", 0)
    history.add("run.finished", 2, "a", 10 + 9 * RETENTION)
    assert len(history.wrong) == 2
