"""What is deployed where, since when, by whom, from which commit: the read side over a history of deliveries."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import msgspec
import pytest
from sqlalchemy import event

from core.catalog.commands import SetEnvironments
from core.environments.settings import Window
from core.pipeline.plan import DeployPlan, StagePlan
from gateway.git.progress_lines import told_enough
from projections.queries.approvals import pending_rollout_approvals
from projections.queries.database import ReadSide
from projections.queries.deployment_detail import deployment_detail
from projections.queries.deployments import DeploymentFilter, get_deployment, list_deployments, list_samples
from projections.queries.environments import get_environment, list_environments
from projections.queries.place_history import HistoryFilter, place_history
from projections.queries.releases import (
    deployed_releases,
    get_release,
    list_releases,
    newest_release,
    release_that_ran,
    whole_release,
)
from projections.queries.rollout_detail import rollout_detail
from projections.queries.rollout_types import DeploymentDetail, RolloutDetail
from projections.queries.rollouts import RolloutFilter, find_rollout, list_rollouts
from projections.queries.run_detail import run_detail
from projections.queries.run_types import RunDetail
from projections.verify import verify
from tests.integration.projections.conftest import NewPlace, Views, crowd, project_all, reading, rows_of, views_of
from tests.support.delivery_history import APP, PRODUCTION, STAGING, full_delivery, release
from tests.support.histories import History


@pytest.fixture(scope="module")
def views(postgres: str, views_template: str) -> Iterator[Views]:
    with views_of(full_delivery().history.log, postgres, views_template, 7) as made:
        yield made


@pytest.fixture
async def db(views: Views) -> AsyncIterator[ReadSide]:
    async with reading(views.dsn) as read_side:
        yield read_side


async def rollout(db: ReadSide, number: int) -> RolloutDetail:
    found = await rollout_detail(db, await find_rollout(db, f"{APP}@{number}") or "")
    assert found is not None
    return found


async def deployment(db: ReadSide, number: int, region: str) -> DeploymentDetail:
    placements = (await rollout(db, number)).placements
    found = next(each.deployment for each in placements if each.region == region)
    assert found is not None
    return found


def test_live_views_are_what_the_log_says(views: Views) -> None:
    assert verify(views.place).difference is None


async def test_what_is_deployed_where(db: ReadSide) -> None:
    staging, production = await list_environments(db)
    assert (staging.name, staging.strategy, staging.places[0].release) == ("staging", "rolling", None)
    assert (production.strategy, production.waves) == ("canary", (("us-east",), ("eu-west",)))
    us_east, eu_west = production.places
    for each in (us_east, eu_west):
        assert each.release is not None
        assert (each.release.id, each.release.commit, each.by) == (release(2).id, release(2).commit, "ada")
        assert each.previous is not None
        assert each.previous.id == release(1).id
        assert each.address == "http://127.0.0.1:8000"
    assert [each.release_id for each in us_east.quarantine] == [release(3).id]
    assert eu_west.frozen is not None
    assert (eu_west.frozen.by, eu_west.frozen.reason) == ("eve", "holidays")
    (waiting,) = eu_west.queue
    assert (waiting.position, waiting.reason) == (1, "the environment is frozen: holidays")
    assert [each.number for each in production.rollouts] == [5]


async def test_environment_that_was_dropped_is_shown_as_long_as_something_runs_there(
    new_place: NewPlace, database_url: str
) -> None:
    told = full_delivery()
    told.declare()
    project_all(new_place(told.history.log))
    async with reading(database_url) as db:
        (production,) = await list_environments(db, APP)
        assert (production.name, production.declared, len(production.places)) == ("production", False, 2)
        assert await list_environments(db, "other") == ()


async def test_environment_that_its_settings_close_says_so(new_place: NewPlace, database_url: str) -> None:
    told, always = full_delivery(), Window(cron="* * * * *", duration_seconds=3600)
    told.declare(msgspec.structs.replace(PRODUCTION, freezes=(always,)), STAGING)
    project_all(new_place(told.history.log))
    async with reading(database_url) as db:
        production, staging = await list_environments(db, APP)
    assert production.closed is not None
    assert production.closed.reason.startswith("frozen until")
    assert staging.closed is None


async def test_quarantined_release_is_not_what_a_rollback_takes(db: ReadSide) -> None:
    production = await get_environment(db, APP, "production")
    assert production is not None
    assert production.settings == PRODUCTION
    assert [each.id for each in production.places[0].kept] == [release(1).id]


async def test_history_of_a_place_names_who_when_and_what(db: ReadSide) -> None:
    page = await place_history(db, HistoryFilter(app=APP, environment="production", region="us-east"))
    newest, oldest = page.items
    assert (newest.release.id, newest.until, newest.by, newest.rollback) == (release(2).id, None, "ada", False)
    assert (oldest.release.commit, oldest.until) == (release(1).commit, newest.since)
    everything = (await place_history(db, HistoryFilter(app=APP))).items
    first = await place_history(db, HistoryFilter(app=APP), limit=3)
    rest = await place_history(db, HistoryFilter(app=APP), first.next_cursor)
    assert (*first.items, *rest.items) == everything
    assert len(everything) == 4


async def test_releases_say_where_they_are(db: ReadSide) -> None:
    third, second, first = (await list_releases(db, APP)).items
    assert (third.deployed, third.quarantined) == ((), ("production/us-east",))
    assert second.deployed == ("production/eu-west", "production/us-east")
    assert (first.id, first.deployed) == (release(1).id, ())
    assert await get_release(db, APP, "9-nothing") is None


async def test_release_comes_back_as_it_was_made(db: ReadSide) -> None:
    assert await whole_release(db, APP, release(1).id) == release(1)
    assert await newest_release(db, APP) == release(3)
    assert await deployed_releases(db, APP, "production") == {"us-east": release(2), "eu-west": release(2)}
    ran = await release_that_ran(db, APP, "production", release(1).id)
    assert ran == {"us-east": release(1), "eu-west": release(1)}
    assert await release_that_ran(db, APP, "production", release(3).id) == {}


async def test_rollout_in_one_document(db: ReadSide) -> None:
    found = await rollout(db, 2)
    assert (found.state, found.outcome, found.strategy, found.wave) == ("finished", "success", "canary", 1)
    assert found.approval is not None
    assert (found.approval.state, [vote.by for vote in found.approval.votes]) == ("granted", ["bob"])
    (hook,) = found.hooks
    assert (hook.direction, hook.state, hook.output) == ("up", "success", "2 migrations\n")
    assert [(each.region, each.wave, each.outcome) for each in found.placements] == [
        ("us-east", 0, "success"),
        ("eu-west", 1, "success"),
    ]
    assert found.placements[0].requests == 120
    assert found.version > 20


async def test_waiting_rollout_says_for_whom(db: ReadSide) -> None:
    found = await rollout(db, 4)
    assert (found.state, found.reason) == ("waiting_approval", "waits for 1 more approval(s)")
    (pending,) = await pending_rollout_approvals(db)
    assert (pending.number, pending.environment, pending.given, pending.count) == (4, "staging", 1, 2)
    assert (pending.release.id, pending.asked_by) == (release(3).id, "ada")


async def test_deployment_shows_steps_weights_and_samples(db: ReadSide) -> None:
    found = await deployment(db, 2, "us-east")
    assert [(step.name, step.weight, step.state) for step in found.steps] == [
        ("canary 5%", 5, "done"),
        ("canary 100%", 100, "done"),
    ]
    assert [shift.weights[release(2).id] for shift in found.traffic] == [5, 100]
    error_rate, p99 = found.checks
    assert (error_rate.name, error_rate.max, [point.value for point in error_rate.points]) == (
        "error-rate",
        0.01,
        [0.001, 0.002, 0.003, 0.004, 0.005],
    )
    assert {point.value for point in p99.points} == {0.125}
    assert (found.samples, found.weight, found.state, found.watch_ended) == (5, 100, "finished", "quiet")


async def test_deployment_that_was_taken_back_says_why(db: ReadSide) -> None:
    found = await deployment(db, 3, "us-east")
    assert found.rollback is not None
    assert (found.rollback.code, found.rollback.check, found.rollback.sample) == ("analysis-failed", "error-rate", 2)
    assert [step.state for step in found.steps] == ["done", "skipped"]
    assert (found.outcome, found.health[0].detail) == ("rolled_back", "an instance ended")
    assert [action.at_once for action in found.actions] == [False, True]


async def test_deployment_that_waits_says_for_what(db: ReadSide) -> None:
    found = await deployment(db, 5, "eu-west")
    assert (found.state, found.reason) == ("waiting", "the environment is frozen: holidays")
    assert await get_deployment(db, found.id) is not None
    alone = await deployment_detail(db, found.id)
    assert alone is not None
    assert (alone.id, alone.version) == (found.id, 11)


async def test_deployment_is_watched_after_its_end(db: ReadSide) -> None:
    found = await deployment(db, 2, "eu-west")
    assert (found.state, found.outcome, found.watch_ended) == ("watching", "success", None)


async def test_lists_are_filtered_and_paged(db: ReadSide) -> None:
    deployments = await list_deployments(db, DeploymentFilter(app=APP))
    assert len(deployments.items) == 6
    first = await list_deployments(db, DeploymentFilter(app=APP), limit=4)
    rest = await list_deployments(db, DeploymentFilter(app=APP), first.next_cursor)
    assert (*first.items, *rest.items) == deployments.items
    unfinished = (await list_deployments(db, DeploymentFilter(unfinished=True, region="eu-west"))).items
    assert [each.release.id for each in unfinished] == [release(1).id]
    taken_back = (await list_rollouts(db, RolloutFilter(app=APP, outcome="rolled_back"))).items
    assert [each.number for each in taken_back] == [3]
    assert [each.number for each in (await list_rollouts(db, RolloutFilter(unfinished=True))).items] == [5, 4]


async def test_samples_come_in_order_with_all_that_was_measured(db: ReadSide) -> None:
    found = await deployment(db, 2, "us-east")
    page = await list_samples(db, found.id, limit=2)
    rest = await list_samples(db, found.id, page.next_cursor)
    assert [sample.number for sample in (*page.items, *rest.items)] == [1, 2, 3, 4, 5]
    assert [measured.check for measured in page.items[0].measurements] == ["error-rate", "p99"]
    assert page.items[1].total_requests == 80


@pytest.fixture
async def waiting_run(new_place: NewPlace, database_url: str) -> RunDetail:
    """A run whose stage deploys to an environment that wants an approval; by the real aggregates."""
    history = History()
    settings = SetEnvironments(environments=(PRODUCTION,), source="api", by="eve")
    history.send(f"app/{APP}", settings)
    run = history.push(1)
    history.plan(run, StagePlan(name="ship", jobs=(), deploy=DeployPlan(environment="production")))
    project_all(new_place(history.log))
    async with reading(database_url) as db:
        found = await run_detail(db, run)
    assert found is not None
    return found


async def test_run_shows_the_rollout_of_its_stage_and_waits_with_it(waiting_run: RunDetail) -> None:
    (stage,) = waiting_run.stages
    assert stage.rollout is not None
    assert (stage.rollout.number, stage.rollout.environment) == (1, "production")
    assert stage.rollout.state == "waiting_approval"
    assert stage.reason.endswith("to production: waiting approval (waits for 1 more approval(s))")
    assert (waiting_run.state, waiting_run.reason) == ("waiting", "waits for approval of production")


async def test_who_pushes_is_told_how_to_approve(waiting_run: RunDetail) -> None:
    assert told_enough(waiting_run) == "sealane: the run goes on when it is approved: sealane approve 'shop@1'"


_MANY = """
INSERT INTO {table}
    (id, app, environment, region, kind, state, outcome, release_id, release, settings, {time}, finished_at)
SELECT '{table}-' || n, 'app-' || n % 50, 'env-' || n % 3, 'us-east', 'deploy', 'finished', 'success', 'r' || n,
    '{{"id": "r"}}', '{{"name": "e", "regions": [], "target": {{"kind": "static", "link": "/x"}}}}',
    now() - n * interval '1 second', now()
FROM generate_series(1, 20000) AS n
"""
QUERIES: dict[str, tuple[str, Callable[[ReadSide], Awaitable[Any]]]] = {
    "newest rollouts": ("rollouts", lambda db: list_rollouts(db, RolloutFilter())),
    "rollouts of one": ("rollouts", lambda db: list_rollouts(db, RolloutFilter(app="app-7", environment="env-1"))),
    "rollouts under way": ("rollouts", lambda db: list_rollouts(db, RolloutFilter(unfinished=True))),
    "rollout by number": ("rollouts", lambda db: find_rollout(db, "app-7@7")),
    "environments": ("rollouts", list_environments),
    "newest deployments": ("deployments", lambda db: list_deployments(db, DeploymentFilter())),
    "deployments of an app": ("deployments", lambda db: list_deployments(db, DeploymentFilter(app="app-7"))),
    "what runs": ("deployments", list_environments),
}


@pytest.fixture(scope="module")
def crowded(postgres: str, views_template: str) -> Iterator[Views]:
    times = {"rollouts": "created_at", "deployments": "requested_at"}
    with views_of(full_delivery().history.log, postgres, views_template) as made:
        crowd(made, *(_MANY.format(table=table, time=time) for table, time in times.items()))
        yield made


@pytest.mark.parametrize("name", QUERIES)
async def test_no_query_reads_all_there_ever_was(crowded: Views, name: str) -> None:
    table, query = QUERIES[name]
    asked: list[tuple[str, Any]] = []
    with crowded.place.connect(crowded.place.schema)() as connection:
        async with reading(crowded.dsn) as db:
            event.listen(
                db._engine.sync_engine, "before_cursor_execute", lambda *args: asked.append((args[2], args[3]))
            )
            await query(db)
        assert asked
        for statement, values in asked:
            explained = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}".encode(), values).fetchone()
            assert explained is not None
            assert rows_of(table, explained[0][0]["Plan"]) < 1000, explained
