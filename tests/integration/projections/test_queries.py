"""The read side over views that were made of a real history, and its cost when many runs are stored."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import event

from core.eventlog.envelope import Position
from projections.queries.approvals import pending_approvals
from projections.queries.apps import apps_by_repository, list_apps
from projections.queries.audit import EventFilter, list_events, stream_range
from projections.queries.consistency import NotYetProjected, wait_for
from projections.queries.cursors import InvalidCursor
from projections.queries.database import ReadSide
from projections.queries.decisions import events_of_command
from projections.queries.run_detail import run_detail
from projections.queries.runs import RunFilter, find_run, list_runs
from tests.integration.projections.conftest import Views, crowd, reading, rows_of, views_of
from tests.support.histories import full_history

RUNS = 7


@pytest.fixture(scope="module")
def views(postgres: str, views_template: str) -> Iterator[Views]:
    with views_of(full_history(3).log, postgres, views_template) as made:
        yield made


@pytest.fixture
async def db(views: Views) -> AsyncIterator[ReadSide]:
    async with reading(views.dsn) as read_side:
        yield read_side


async def numbers(db: ReadSide, wanted: RunFilter) -> list[int]:
    return [run.number for run in (await list_runs(db, wanted)).items]


async def test_pages_of_runs_are_complete_and_newest_first(db: ReadSide) -> None:
    found: list[int] = []
    cursor: str | None = None
    while True:
        page = await list_runs(db, RunFilter(app="shop"), cursor, limit=3)
        found += [run.number for run in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == list(range(RUNS, 0, -1))


async def test_filters_of_runs(db: ReadSide) -> None:
    assert await numbers(db, RunFilter(outcome="failure")) == [2]
    assert await numbers(db, RunFilter(state="waiting")) == [4]
    assert await numbers(db, RunFilter(state="queued")) == [5]
    assert await numbers(db, RunFilter(unfinished=True)) == [5, 4]
    assert await numbers(db, RunFilter(outcome="invalid", branch="main", region="us-east")) == [7]
    assert await numbers(db, RunFilter(app="other")) == []


async def test_foreign_cursor_is_refused(db: ReadSide) -> None:
    with pytest.raises(InvalidCursor):
        await list_runs(db, RunFilter(), "bm9uc2Vuc2U")


async def test_waiting_run_says_for_whom(db: ReadSide) -> None:
    run_id = await find_run(db, "shop#4")
    assert run_id is not None
    run = await run_detail(db, run_id)
    assert run is not None
    assert (run.state, run.reason) == ("waiting", "waits for approval of deploy")
    (stage,) = run.stages
    assert (stage.state, stage.reason) == ("waiting_approval", "waits for 1 more approval(s)")
    assert [job.state for job in stage.jobs] == ["waiting_approval"]
    (approval,) = await pending_approvals(db)
    assert (approval.run_id, approval.given, [vote.by for vote in approval.votes]) == (run_id, 1, ["bob"])


async def test_queued_run_says_behind_whom(db: ReadSide) -> None:
    run = await run_detail(db, await find_run(db, "shop#5") or "")
    assert run is not None
    assert run.concurrency is not None
    assert (run.concurrency.state, run.concurrency.position) == ("queued", 1)
    assert run.concurrency.behind == await find_run(db, "shop#4")


async def test_run_in_one_document(db: ReadSide) -> None:
    run = await run_detail(db, await find_run(db, "shop#1") or "")
    assert run is not None
    assert [(stage.name, stage.layer, stage.outcome) for stage in run.stages] == [
        ("lint", 0, "success"),
        ("unit", 0, "success"),
        ("build", 1, "success"),
    ]
    assert [len(stage.jobs) for stage in run.stages] == [1, 3, 1]
    assert [step.name for step in run.stages[0].jobs[0].steps] == ["checkout", "test"]


async def test_stages_behind_a_failure_are_skipped_with_their_jobs(db: ReadSide) -> None:
    run = await run_detail(db, await find_run(db, "shop#2") or "")
    assert run is not None
    build = run.stages[2]
    assert (build.state, build.jobs[0].state) == ("skipped", "skipped")
    assert "lint" in build.reason
    assert build.jobs[0].reason == build.reason


async def test_repository_is_found_however_it_is_written(db: ReadSide) -> None:
    for url in ("https://forge/shop.git", "git@forge:Shop", "ssh://git@forge/shop.git"):
        assert await apps_by_repository(db, [url]) == ("shop",)
    assert [(app.name, app.state) for app in await list_apps(db)] == [("old", "archived"), ("shop", "active")]


async def test_events_of_a_stream_and_where_they_lie(db: ReadSide) -> None:
    events = (await list_events(db, EventFilter(stream="app/shop"), limit=500)).items
    versions = [event.stream_version for event in events]
    assert versions == list(range(len(events), 0, -1))
    place = await stream_range(db, "app/shop")
    assert place is not None
    assert (place.first_offset, place.last_offset, place.version) == (events[-1].offset, events[0].offset, len(events))
    assert await stream_range(db, "app/none") is None


async def test_decision_is_found_by_its_command(db: ReadSide) -> None:
    newest = (await list_events(db, EventFilter(), limit=1)).items[0]
    assert await events_of_command(db, newest.causation_id) == (newest,)


async def test_reader_waits_for_a_position_and_no_longer_than_it_wants(db: ReadSide) -> None:
    newest = (await list_events(db, EventFilter(), limit=1)).items[0]
    await wait_for(db, Position.parse(newest.position), 5.0)
    beyond = Position(newest.topic, newest.partition, newest.offset + 100)
    with pytest.raises(NotYetProjected, match="did not reach"):
        await wait_for(db, beyond, 0.05)


_MANY = """
INSERT INTO runs (id, app, number, region, state, outcome, branch, actor, commit, created_at, finished_at)
SELECT 'us-east-' || lpad(to_hex(n), 16, '0'), 'app-' || n % 50, n, 'us-east', 'finished',
    CASE WHEN n % 10 = 0 THEN 'failure' ELSE 'success' END, 'branch-' || n % 7, 'actor-' || n % 20,
    md5(n::text), now() - n * interval '1 second', now()
FROM generate_series(1, 50000) AS n
"""

Query = Callable[[ReadSide], Awaitable[Any]]
QUERIES: dict[str, Query] = {
    "newest": lambda db: list_runs(db, RunFilter()),
    "of app": lambda db: list_runs(db, RunFilter(app="app-7")),
    "of branch": lambda db: list_runs(db, RunFilter(app="app-7", branch="branch-3")),
    "of actor": lambda db: list_runs(db, RunFilter(actor="actor-3")),
    "failed": lambda db: list_runs(db, RunFilter(outcome="failure")),
    "waiting": lambda db: list_runs(db, RunFilter(state="waiting")),
    "by number": lambda db: find_run(db, "app-7#7"),
    "apps": list_apps,
}


@pytest.fixture(scope="module")
def crowded(postgres: str, views_template: str) -> Iterator[Views]:
    with views_of(full_history(3).log, postgres, views_template) as made:
        crowd(made, _MANY)
        yield made


@pytest.mark.parametrize("name", QUERIES)
async def test_no_query_reads_all_runs(crowded: Views, name: str) -> None:
    asked: list[tuple[str, Any]] = []
    with crowded.place.connect(crowded.place.schema)() as connection:
        async with reading(crowded.dsn) as db:
            event.listen(
                db._engine.sync_engine, "before_cursor_execute", lambda *args: asked.append((args[2], args[3]))
            )
            await QUERIES[name](db)
        assert asked
        for statement, values in asked:
            explained = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}".encode(), values).fetchone()
            assert explained is not None
            assert rows_of("runs", explained[0][0]["Plan"]) < 1000, explained
