"""The projector over real Postgres: each event counts once, whatever dies when."""

from collections.abc import Callable
from typing import Any, Self

import psycopg
import pytest

from core.ports import TopicPartition
from infra.postgres.connections import sqlalchemy_url
from projections.projector import LogMismatch, Projector
from projections.rebuild import Place
from projections.store import stores
from projections.verify import verify
from tests.integration.projections.conftest import NewPlace, count, project_all, projecting
from tests.support.histories import History, full_history, new_log, stage


@pytest.mark.parametrize("batch", [1, 7])
def test_batches_of_any_size_give_the_same_rows_as_one_batch(new_place: NewPlace, batch: int) -> None:
    history = full_history(2)
    place = new_place(history.log)
    assert project_all(place, batch) == history.total()
    assert verify(place).difference is None


def test_every_event_is_in_the_audit_view_once(new_place: NewPlace) -> None:
    history = full_history(2)
    place = new_place(history.log)
    project_all(place)
    assert count(place, "audit") == len(history.house.events)
    assert count(place, "deliveries") == 6
    assert count(place, "dead_letters") == 1


class Killed(BaseException):
    """Ends the projector as a crash would: nothing below catches it."""


def dying(place: Place, at: int) -> Callable[[], psycopg.Connection[tuple[object, ...]]]:
    """Connections that end the process at the `at`th statement."""
    connect = place.connect(place.schema)
    left = at

    def died() -> psycopg.Connection[tuple[object, ...]]:
        connection = connect()

        class Cursor(psycopg.Cursor[tuple[object, ...]]):
            def execute(self, *args: Any, **kwargs: Any) -> Self:
                nonlocal left
                left -= 1
                if left <= 0:
                    raise Killed
                return super().execute(*args, **kwargs)

        connection.cursor_factory = Cursor
        return connection

    return died


def test_kill_at_any_statement_counts_each_event_once(new_place: NewPlace) -> None:
    history = full_history(1)
    place = new_place(history.log)
    deaths = 0
    for at in range(1, 40):
        projector = Projector(place.new_reader(), stores(dying(place, at)), place.partitions, max_batch=4)
        try:
            while projector.run_once(0):
                pass
        except Killed:
            deaths += 1
        projector.close()
    assert deaths > 10
    project_all(place)
    assert count(place, "audit") == len(history.house.events)
    assert verify(place).difference is None


def test_two_projectors_take_turns(new_place: NewPlace) -> None:
    history = full_history(1)
    place = new_place(history.log)
    with projecting(place, max_batch=20) as first, projecting(place) as second:
        assert first.run_once(0) == 20
        assert second.run_once(0) == 0
        assert second.status.state == "standby"
        first.close()
        assert second.run_once(0) == history.total() - 20
    assert verify(place).difference is None


def test_zombie_that_lost_its_lock_writes_nothing_twice(new_place: NewPlace) -> None:
    history = full_history(1)
    place = new_place(history.log)
    with projecting(place, max_batch=20) as zombie:
        assert zombie.run_once(0) == 20
        with place.connect(place.schema)() as connection:
            connection.execute("UPDATE projection_offsets SET next_offset = next_offset")
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
            )
        with pytest.raises(psycopg.OperationalError):
            zombie.run_once(0)
        project_all(place)
        assert zombie.run_once(0) == 0
    assert count(place, "audit") == len(history.house.events)


def test_offsets_moved_by_another_make_it_start_over(new_place: NewPlace) -> None:
    history = full_history(1)
    place = new_place(history.log)
    with projecting(place, max_batch=20) as projector:
        projector.run_once(0)
        with place.connect(place.schema)() as connection:
            connection.execute("UPDATE projection_offsets SET next_offset = next_offset + 1 WHERE next_offset > 0")
            connection.commit()
        assert projector.run_once(0) == 0
        with place.connect(place.schema)() as connection:
            connection.execute("UPDATE projection_offsets SET next_offset = next_offset - 1 WHERE next_offset > 0")
            connection.commit()
    project_all(place)
    assert verify(place).difference is None


def test_unreadable_event_halts_its_partition_and_no_other(new_place: NewPlace) -> None:
    history = full_history(1)
    pools = TopicPartition("sealane.pools.events", 0)
    bad = history.append(*pools, b'{"not": "an event"}')
    place = new_place(history.log)
    with projecting(place) as projector:
        while projector.run_once(0):
            pass
        assert list(projector.status.halted) == [pools]
        history.push(99)
        assert projector.run_once(0) > 0
    with place.connect(place.schema)() as connection:
        rows = connection.execute("SELECT topic, next_offset, halted FROM projection_offsets WHERE halted <> ''")
        ((topic, next_offset, reason),) = rows.fetchall()
    assert (topic, next_offset) == (pools.topic, bad)
    assert reason.startswith(f"offset {bad}: not an event")


def test_views_of_another_log_are_refused(new_place: NewPlace) -> None:
    project_all(new_place(full_history(1).log))
    with projecting(new_place(new_log())) as projector, pytest.raises(LogMismatch, match="projections rebuild"):
        projector.run_once(0)


def test_nul_in_text_reaches_the_views_as_replacement_and_the_audit_as_written(new_place: NewPlace) -> None:
    history = History()
    run = history.push(1)
    history.plan(run, stage("lint\x00"))
    place = new_place(history.log)
    project_all(place)
    with place.connect(place.schema)() as connection:
        (name,) = connection.execute("SELECT name FROM stages").fetchone() or ("",)
        (data,) = connection.execute("SELECT data FROM audit WHERE type = 'run.planned'").fetchone() or ("",)
    assert name == "lint\ufffd"
    assert r"lint\u0000" in data


def test_migrations_make_the_tables_that_the_code_knows(new_place: NewPlace, database_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlalchemy import create_engine

    from projections.tables import metadata

    place = new_place(new_log())
    options = {"options": f"-c search_path={place.schema}"}
    engine = create_engine(sqlalchemy_url(database_url), connect_args=options)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "version_table": "view_migrations"}
        )
        assert compare_metadata(context, metadata) == []
    engine.dispose()
