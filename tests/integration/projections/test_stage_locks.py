"""What run and environment show of stages that deploy by their own steps: what they wait for, and who has the lock."""

from collections.abc import AsyncIterator

import pytest

from core.catalog.commands import SetEnvironments
from core.environments.settings import EnvironmentSettings, ProcessTarget
from core.ids import stage_key
from core.pipeline.plan import Approval
from core.runs.commands import ApproveStage, CancelRun, RerunRun
from infra.postgres.reading import open_read_side
from projections.queries.approvals import pending_approvals
from projections.queries.database import ReadSide
from projections.queries.environment_types import Place as EnvironmentPlace
from projections.queries.environments import get_environment
from projections.queries.run_detail import run_detail
from projections.queries.run_types import RunDetail
from projections.rebuild import Place
from projections.verify import verify
from tests.integration.projections.conftest import NewPlace, project_all
from tests.support.histories import History
from tests.support.script_stage import script

LIVE = EnvironmentSettings("production", ("us-east",), ProcessTarget("./serve"))


class Told:
    """Runs of an app whose stage goes to production, and the views of them."""

    def __init__(self, new_place: NewPlace, db: ReadSide, environment: EnvironmentSettings = LIVE) -> None:
        self.history = History()
        self.place: Place = new_place(self.history.log)
        self._db = db
        self.history.send("app/shop", SetEnvironments(environments=(environment,), source="api", by="ann"))

    def push(self, number: int) -> str:
        run = self.history.push(number)
        self.history.plan(run, script())
        return run

    async def run(self, run: str) -> RunDetail:
        project_all(self.place)
        found = await run_detail(self._db, run)
        assert found is not None
        return found

    async def production(self) -> EnvironmentPlace:
        project_all(self.place)
        found = await get_environment(self._db, "shop", "production")
        assert found is not None
        return found.places[0]


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[ReadSide]:
    read_side = open_read_side(database_url, connections=1)
    yield read_side
    await read_side.close()


async def test_waiting_stage_says_behind_whom_and_the_environment_who(new_place: NewPlace, db: ReadSide) -> None:
    told = Told(new_place, db)
    first, second = told.push(1), told.push(2)
    before = await told.run(second)
    (stage,) = before.stages
    words = f"production in us-east: waits for stage 'live' of run {first} with release 1-cccccccc by ada"
    assert (stage.state, stage.reason, before.reason) == ("waiting_environment", words, f"live: {words}")
    assert [(lock.state, lock.round, lock.region) for lock in stage.locks] == [("queued", 1, "us-east")]
    place = await told.production()
    assert place.lock is not None
    assert (place.lock.run_id, place.lock.stage, place.lock.by, place.lock.rollout_id) == (first, "live", "ada", "")
    assert [(each.run_id, each.stage, each.position) for each in place.queue] == [(second, "live", 1)]
    told.history.work()
    after = await told.run(second)
    assert (after.outcome, after.stages[0].reason) == ("success", "")
    assert [lock.state for lock in after.stages[0].locks] == ["released"]
    assert after.version > before.version
    assert (await told.production()).lock is None
    assert verify(told.place).difference is None


async def test_stage_that_has_the_lock_is_what_its_jobs_are(new_place: NewPlace, db: ReadSide) -> None:
    told = Told(new_place, db)
    stage = (await told.run(told.push(1))).stages[0]
    assert (stage.state, stage.reason) == ("queued", "")
    assert [lock.state for lock in stage.locks] == ["holding"]


async def test_approval_of_the_environment_is_among_those_that_are_pending(new_place: NewPlace, db: ReadSide) -> None:
    told = Told(new_place, db, EnvironmentSettings("production", ("us-east",), LIVE.target, approval=Approval()))
    run = told.push(1)
    shown = await told.run(run)
    assert (shown.state, shown.stages[0].state) == ("waiting", "waiting_approval")
    assert [(each.run_id, each.stage) for each in await pending_approvals(db)] == [(run, "live")]
    told.history.send(f"run/{run}", ApproveStage(stage="live", by="bob"))
    told.history.work()
    assert (await told.run(run)).outcome == "success"


async def test_cancelled_and_repeated_stage_shows_the_locks_of_each_round(new_place: NewPlace, db: ReadSide) -> None:
    told = Told(new_place, db)
    first, second = told.push(1), told.push(2)
    told.history.send(f"run/{second}", CancelRun(by="bob"))
    told.history.send(f"run/{second}", RerunRun(mode="all", by="bob"))
    stage = (await told.run(second)).stages[0]
    assert [(lock.round, lock.state) for lock in stage.locks] == [(1, "left"), (2, "queued")]
    assert f"of run {first}" in stage.reason
    waiting = (await told.production()).queue
    assert [each.deployment_id for each in waiting] == [stage_key(second, "live", 2)]
