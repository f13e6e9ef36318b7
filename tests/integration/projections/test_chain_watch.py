"""An altered log is seen by the projector that reads it, wherever it begins."""

import pytest

from core.eventlog.topics import events_topic
from core.ports import TopicPartition
from projections.rebuild import Place
from tests.integration.projections.conftest import NewPlace, project_all, projecting
from tests.support.histories import full_history

RUNS = TopicPartition(events_topic("runs"), 0)


def watched(place: Place) -> dict[TopicPartition, int]:
    with projecting(place) as projector:
        while projector.run_once(0):
            pass
        return projector.status.chains.mismatches


def test_whole_log_has_no_mismatch(new_place: NewPlace) -> None:
    place = new_place(full_history().log)
    assert watched(place) == {}


def test_projector_goes_on_from_the_chain_that_the_views_have(new_place: NewPlace) -> None:
    history = full_history()
    place = new_place(history.log)
    project_all(place)
    history.push(99)
    assert watched(place) == {}


@pytest.mark.parametrize("restarted", [False, True], ids=["at once", "after a restart"])
def test_event_that_does_not_follow_the_last_one_is_counted(new_place: NewPlace, restarted: bool) -> None:
    history = full_history()
    place = new_place(history.log)
    if restarted:
        project_all(place)
    records, _ = history.log.partition(RUNS).read(0, 1000)
    history.append(*RUNS, (records[-2].value or b"").replace(b'"actor":"ada"', b'"actor":"eve"'))
    assert watched(place) == {RUNS: 1}
