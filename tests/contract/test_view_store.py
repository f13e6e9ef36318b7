"""What a ViewStore promises to the projector: the same rows in memory and in Postgres, all of a transaction or none."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Table

from core.ports import TopicPartition
from infra.memory.views import MemoryViews, MemoryViewStore
from infra.postgres.connections import connector, sqlalchemy_url
from projections.changes import Changes
from projections.migrations.runner import migrate
from projections.offsets import OffsetsMoved
from projections.store import PostgresViewStore, ViewStore
from projections.tables.pools import agents, pools, queue
from projections.tables.runs import concurrency

WHERE = TopicPartition("sealane.pools.events", 0)
AT = datetime(2026, 1, 1, tzinfo=UTC)
SCHEMA = "sealane"


class Place:
    """One schema: `open()` connects to it, `rows()` shows what is committed."""

    def __init__(self, open_store: Callable[[], ViewStore], rows: Callable[[Table], list[dict[str, Any]]]) -> None:
        self.open = open_store
        self.rows = rows


@pytest.fixture(params=["memory", "postgres"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "memory":
        views = MemoryViews()
        yield Place(
            lambda: MemoryViewStore(views),
            lambda table: [dict(row) for row in views.tables.get(table.name, {}).values()],
        )
        return
    url = request.getfixturevalue("database_url")
    migrate(sqlalchemy_url(url).render_as_string(hide_password=False), SCHEMA)
    connect = connector(url, SCHEMA)

    def rows(table: Table) -> list[dict[str, Any]]:
        with connect() as connection:
            names = [column.name for column in table.columns]
            found = connection.execute(f"SELECT {', '.join(names)} FROM {table.name}".encode()).fetchall()
            return [dict(zip(names, row, strict=True)) for row in found]

    yield Place(lambda: PostgresViewStore(connect()), rows)


def pool(name: str) -> dict[str, Any]:
    return {"region": "us-east", "name": name}


def changed(edit: Callable[[Changes], None]) -> Changes:
    changes = Changes()
    edit(changes)
    return changes


def apply(store: ViewStore, before: int, after: int, edit: Callable[[Changes], None], copy: bool = True) -> None:
    store.advance({WHERE: before}, {WHERE: after})
    store.write(changed(edit), copy)
    store.commit()


def started(place: Place) -> ViewStore:
    store = place.open()
    assert store.lock()
    assert store.load([WHERE]) == {WHERE: 0}
    store.commit()
    return store


def test_rows_and_offsets_are_there_after_the_commit(place: Place) -> None:
    store = started(place)
    apply(store, 0, 3, lambda changes: changes.ensure(pools, **pool("default")))
    store.close()
    again = place.open()
    assert again.load([WHERE]) == {WHERE: 3}
    again.close()
    assert [row["name"] for row in place.rows(pools)] == ["default"]


def test_without_the_commit_nothing_has_happened(place: Place) -> None:
    store = started(place)
    store.advance({WHERE: 0}, {WHERE: 3})
    store.write(changed(lambda changes: changes.ensure(pools, **pool("default"))), True)
    store.rollback()
    store.close()
    again = place.open()
    assert again.load([WHERE]) == {WHERE: 0}
    again.close()
    assert place.rows(pools) == []


def test_offsets_that_another_one_moved_are_noticed(place: Place) -> None:
    store = started(place)
    apply(store, 0, 3, lambda changes: None)
    with pytest.raises(OffsetsMoved):
        store.advance({WHERE: 0}, {WHERE: 5})
    store.rollback()
    store.close()


def test_only_one_at_a_time_holds_the_lock(place: Place) -> None:
    first = started(place)
    second = place.open()
    assert not second.lock()
    first.close()
    second.close()
    third = place.open()
    assert third.lock()
    third.close()


def test_set_changes_the_columns_it_names_and_only_rows_that_are_there(place: Place) -> None:
    store = started(place)
    key = {"region": "us-east", "pool": "default", "agent_id": "a"}

    def connect(changes: Changes) -> None:
        changes.put(agents, **key, session="s", slots=2, connected_at=AT, last_seen_at=AT, connected=True)

    apply(store, 0, 1, connect)
    apply(store, 1, 2, lambda changes: changes.set(agents, tuple(key.values()), connected=False))
    apply(store, 2, 3, lambda changes: changes.set(agents, ("us-east", "default", "other"), connected=False))
    store.close()
    (row,) = place.rows(agents)
    assert (row["session"], row["slots"], row["connected"], row["connected_at"]) == ("s", 2, False, AT)


def test_many_new_rows_are_what_was_put_with_defaults_for_the_rest(place: Place) -> None:
    """So many that Postgres gets them by COPY: times to the microsecond, and text as it is."""
    store = started(place)
    times = {f"{n} \\N\t\n\\ é": AT + timedelta(days=1000 * n, microseconds=7919 * n) for n in range(20)}

    def put(changes: Changes) -> None:
        for key, at in times.items():
            changes.put(queue, attempt_key=key, region="us-east", pool="p", queued_at=at, accepted_at=at)

    apply(store, 0, 1, put)
    store.close()
    found = place.rows(queue)
    assert {row["attempt_key"]: row["queued_at"] for row in found} == times
    assert {row["attempt_key"]: row["accepted_at"] for row in found} == times
    assert {(row["priority"], row["state"], row["accept_by"]) for row in found} == {(0, "", None)}


def test_put_replaces_the_whole_row_and_delete_takes_it_away(place: Place) -> None:
    store = started(place)

    def admit(state: str, round_: int) -> Callable[[Changes], None]:
        def edit(changes: Changes) -> None:
            changes.put(concurrency, run_id="r", stream="concurrency/g", state=state, round=round_, log_offset=1)

        return edit

    apply(store, 0, 1, admit("queued", 1))
    apply(store, 1, 2, admit("admitted", 2))
    assert [(row["state"], row["round"], row["behind"]) for row in place.rows(concurrency)] == [("admitted", 2, "")]
    apply(store, 2, 3, lambda changes: changes.delete(concurrency, ("r",)))
    store.close()
    assert place.rows(concurrency) == []


def test_ensure_leaves_a_row_that_is_there_as_it_is(place: Place) -> None:
    store = started(place)
    for number in range(2):
        apply(store, number, number + 1, lambda changes: changes.ensure(pools, **pool("default")))
    store.close()
    assert len(place.rows(pools)) == 1


def test_closed_store_can_not_be_used(place: Place) -> None:
    store = started(place)
    store.close()
    with pytest.raises(psycopg.OperationalError):
        store.advance({WHERE: 0}, {WHERE: 1})
