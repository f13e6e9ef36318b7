"""Whole histories, event by event as they lie in the log: all that is told of them keeps to the rules."""

import msgspec
import pytest

from agents.connectors.metrics import ConnectorMetrics
from agents.connectors.notifications.all_told import all_told
from agents.connectors.notifications.beginnings import Beginnings
from agents.connectors.notifications.dispatcher import Notifications
from agents.connectors.notifications.subscriptions import Subscriber, Subscriptions
from core.eventlog.envelope import EventEnvelope
from core.eventlog.routing import decode_command, decode_event
from core.notifications.cdevents import cloud_event, names_of
from core.notifications.commands import Notify
from core.notifications.notification import Notification, Wanted
from core.ports import Record
from infra.memory.clock import ManualClock
from infra.memory.log import MemoryLog
from tests.support.cdevents_schema import check_cloud_event
from tests.support.delivery_history import full_delivery
from tests.support.histories import full_history
from tests.support.household import START, TOPOLOGY


def records_of(log: MemoryLog, topics: tuple[str, ...]) -> list[Record]:
    partitions = [where for where in log.all_partitions() if where.topic in topics]
    return [record for where in partitions for record in log.partition(where).read(0, 10**9)[0]]


def told(log: MemoryLog) -> list[Notification]:
    """To one subscription that wants all."""
    everything = [Subscriber("ops", Wanted(), START)]
    beginnings = Beginnings(lambda stream: None)

    def with_previous(event: EventEnvelope) -> tuple[EventEnvelope, ...]:
        return (event,)

    clock = ManualClock(START)
    clock.advance(1e6)
    dispatcher = Notifications(
        TOPOLOGY,
        clock,
        Subscriptions(lambda: everything, clock),
        beginnings,
        all_told(beginnings, with_previous),
        "https://sealane.example.com",
        ConnectorMetrics(),
    )
    found = []
    for record in records_of(log, dispatcher.topics):
        work = dispatcher.work(record)
        if work is not None:
            result = work.run(1)
            assert isinstance(result, tuple), f"{decode_event(record.value or b'').type}: {result}"
            found += [decode_command(each.value or b"").data for each in result]
    return [msgspec.json.decode(each, type=Notify).notification for each in found]


@pytest.mark.parametrize(
    ("log", "kinds"),
    [
        (full_history(3).log, {"pipelinerun.queued", "pipelinerun.finished", "taskrun.finished", "approval.requested"}),
        (
            full_delivery().history.log,
            {"artifact.published", "service.deployed", "incident.detected", "rollout.finished"},
        ),
    ],
    ids=["runs", "deliveries"],
)
def test_history_is_told_by_the_rules(log: MemoryLog, kinds: set[str]) -> None:
    found = told(log)
    for each in found:
        check_cloud_event(names_of(each.type)[2], cloud_event(each.event))
        assert each.title
        assert len(msgspec.json.encode(each)) < 5000
    assert kinds <= {names_of(each.type)[2] for each in found}
    assert len({each.id for each in found}) == len(found)
