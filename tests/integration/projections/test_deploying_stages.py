"""The view of a run whose stage deploys: what it asks for, the rollout it waits for, and how that ended."""

from core.environments.settings import EnvironmentSettings, ProcessTarget
from core.pipeline.plan import Approval, DeployPlan, Plan, StagePlan
from core.rollouts.commands import ApproveRollout
from core.rollouts.events import RolloutRequested
from core.runs.commands import PlanRun
from infra.postgres.reading import open_read_side
from projections.queries.run_detail import run_detail
from projections.queries.run_types import Stage
from tests.integration.projections.conftest import NewPlace, project_all
from tests.support.histories import History

LIVE = EnvironmentSettings("live", ("us-east",), ProcessTarget("./serve"), approval=Approval())


class Deploying:
    """A run whose only stage deploys to an environment that wants an approval."""

    def __init__(self, new_place: NewPlace, database_url: str) -> None:
        self._history = History()
        self._place = new_place(self._history.log)
        self._url = database_url
        self._run = self._history.push(1)
        plan = Plan(name="p", stages=(StagePlan("live", (), environment="live", deploy=DeployPlan("live")),))
        command = PlanRun(plan=plan, commit="c" * 40, author="ada", environments=(LIVE,))
        self._history.send(f"run/{self._run}", command)

    @property
    def rollout(self) -> str:
        return next(stream.id for stream, event in self._history.house.events if isinstance(event, RolloutRequested))

    def reject(self) -> None:
        self._history.send(f"rollout/{self.rollout}", ApproveRollout(by="bob", approve=False, comment="not today"))

    async def stage(self) -> Stage:
        project_all(self._place)
        read_side = open_read_side(self._url, connections=1)
        try:
            run = await run_detail(read_side, self._run)
        finally:
            await read_side.close()
        assert run is not None
        return run.stages[0]


async def test_stage_that_deploys_names_its_rollout_until_it_has_ended(new_place: NewPlace, database_url: str) -> None:
    deploying = Deploying(new_place, database_url)
    stage = await deploying.stage()
    assert stage.state == "deploying"
    assert stage.reason.startswith("rollout shop@1 of 1-cccccccc to live")
    deploying.reject()
    ended = await deploying.stage()
    assert (ended.state, ended.outcome, ended.code) == ("finished", "failure", "deploy-rejected")
    assert "not today" in ended.reason
