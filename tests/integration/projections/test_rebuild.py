"""Rebuilding beside the live views, and finding where they differ from the log."""

from dataclasses import replace
from datetime import timedelta

import pytest

from infra.memory.reader import MemoryLogReader
from projections.projector import LogMismatch
from projections.rebuild import RebuildHalted, rebuild
from projections.verify import verify
from tests.integration.projections.conftest import NewPlace, count, project_all, projecting
from tests.support.histories import full_history
from tests.support.household import START


def test_rebuilt_views_equal_the_live_ones_and_replace_wrong_ones(new_place: NewPlace) -> None:
    history = full_history(2)
    place = new_place(history.log)
    project_all(place)
    with place.connect(place.schema)() as connection:
        connection.execute("UPDATE runs SET state = 'lost' WHERE number = 1")
        connection.commit()
    difference = verify(place).difference
    assert difference is not None
    assert "state is 'lost', should be 'finished'" in str(difference)
    rebuild(place)
    assert verify(place).difference is None


def test_missing_and_surplus_rows_are_named(new_place: NewPlace) -> None:
    history = full_history(1)
    place = new_place(history.log)
    project_all(place)
    with place.connect(place.schema)() as connection:
        connection.execute("DELETE FROM agents")
        connection.commit()
        assert "agents (us-east, default, a1) is missing in the live views" in str(verify(place).difference)
        connection.execute(
            "INSERT INTO agents (region, pool, agent_id, connected_at, last_seen_at)"
            " VALUES ('a', 'b', 'c', now(), now())"
        )
        connection.commit()
    assert "agents (a, b, c) is missing in the log's own account" in str(verify(place).difference)


def test_live_projector_goes_on_in_the_new_views(new_place: NewPlace) -> None:
    history = full_history(1)
    place = new_place(history.log)
    with projecting(place) as projector:
        for _ in range(8):
            history.push(100 + _)
            while projector.run_once(0):
                pass
        rebuild(place)
        history.push(200)
        while projector.run_once(0):
            pass
        projector.run_once(0)
    assert count(place, "audit") == len(history.house.events)
    assert verify(place).difference is None


def test_archived_logs_are_carried_over(new_place: NewPlace) -> None:
    place = new_place(full_history(1).log)
    project_all(place)
    with place.connect(place.schema)() as connection:
        connection.execute("INSERT INTO log_segments (attempt_key, first_seq) VALUES ('r/j/1', 0)")
        connection.commit()
    rebuild(place)
    assert count(place, "log_segments") == 1


def test_interrupted_rebuild_goes_on_where_it_stopped(new_place: NewPlace) -> None:
    history = full_history(1)
    place = new_place(history.log)
    project_all(place)
    seen: list[tuple[int, int]] = []

    def stop_at_first_progress(done: int, total: int) -> None:
        seen.append((done, total))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(place, stop_at_first_progress)
    rebuild(place, lambda done, total: seen.append((done, total)))
    assert seen[0][0] == history.total()
    assert seen[-1] == (history.total(), history.total())
    assert verify(place).difference is None


def test_unreadable_event_leaves_the_live_views_as_they_are(new_place: NewPlace) -> None:
    history = full_history(1)
    place = new_place(history.log)
    project_all(place)
    history.append("sealane.runs.events", 0, b"garbage")
    with pytest.raises(RebuildHalted, match=r"sealane\.runs\.events:0, offset"):
        rebuild(place)
    assert count(place, "audit") == len(history.house.events)


def test_views_of_another_longer_log_are_replaced(new_place: NewPlace) -> None:
    """Kafka was restored or made anew: the live views are further than this log goes."""
    place = new_place(full_history(3).log)
    project_all(place)
    shorter = full_history(1)
    place = replace(place, new_reader=lambda: MemoryLogReader(shorter.log))
    with pytest.raises(LogMismatch, match=r"the log ends at \d+"):
        verify(place)
    rebuild(place)
    assert count(place, "audit") == len(shorter.house.events)
    assert verify(place).difference is None


def test_rebuild_begun_on_another_log_starts_over(new_place: NewPlace) -> None:
    place = new_place(full_history(3).log)

    def stop_at_first_progress(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(place, stop_at_first_progress)
    shorter = full_history(1)
    place = replace(place, new_reader=lambda: MemoryLogReader(shorter.log))
    rebuild(place)
    assert count(place, "audit") == len(shorter.house.events)


def test_second_rebuild_at_the_same_time_is_refused(new_place: NewPlace) -> None:
    place = new_place(full_history(1).log)
    refused: list[str] = []

    def try_another(done: int, total: int) -> None:
        if not refused:
            with pytest.raises(RebuildHalted) as error:
                rebuild(place)
            refused.append(str(error.value))

    rebuild(place, try_another)
    assert "another rebuild" in refused[0]


def test_second_verification_at_the_same_time_is_refused(new_place: NewPlace) -> None:
    place = new_place(full_history(1).log)
    project_all(place)
    refused: list[str] = []

    def try_another(done: int, total: int) -> None:
        if not refused:
            with pytest.raises(RebuildHalted) as error:
                verify(place)
            refused.append(str(error.value))

    assert verify(place, try_another).difference is None
    assert "another verification" in refused[0]


def test_until_a_time_only_what_never_changes_is_compared(new_place: NewPlace) -> None:
    history = full_history(1)
    place = new_place(history.log)
    project_all(place)
    moment = START + timedelta(milliseconds=5)
    with place.connect(place.schema)() as connection:
        connection.execute("UPDATE runs SET state = 'lost'")
        connection.execute("UPDATE audit SET actor = 'eve' WHERE recorded_at > %s", (moment,))
        connection.commit()
        result = verify(place, until=moment)
        assert (result.difference, result.rows > 5) == (None, True)
        connection.execute("UPDATE audit SET actor = 'eve' WHERE recorded_at = %s", (moment,))
        connection.commit()
    assert "actor is 'eve', should be 'ada'" in str(verify(place, until=moment).difference)
