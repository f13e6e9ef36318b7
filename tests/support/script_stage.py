"""An app with a declared environment, runs whose stage goes there by its own steps, and rollouts that go there too."""

from typing import Any

from core.catalog.commands import CreateApp, RequestRollout, SetEnvironments, SubmitTrigger
from core.environments.release import Artifact, Release
from core.environments.settings import EnvironmentSettings, ProcessTarget
from core.environments.state import EnvironmentState
from core.eventlog.envelope import Stream
from core.eventlog.serialization import Message
from core.pipeline.plan import JobPlan, Plan, StagePlan, Step
from core.pools.commands import AcceptLease, ConnectAgent
from core.pools.events import LeaseGranted
from core.rollouts.commands import Origin
from core.runs.commands import FinishJob, PlanRun
from core.runs.state import RunState
from core.trigger import Trigger
from tests.support.household import Household

POOL = "pool/us-east/default"
TARGET = ProcessTarget("./serve")


def production(**more: Any) -> EnvironmentSettings:
    plain: dict[str, Any] = {"name": "production", "regions": ("us-east",), "target": TARGET}
    return EnvironmentSettings(**(plain | more))


def script(environment: str = "production", **more: Any) -> StagePlan:
    job = JobPlan(id="live", name="live", steps=(Step(name="deploy", run="./deploy"),))
    return StagePlan(name="live", jobs=(job,), environment=environment, **more)


class Shop:
    """`house` decides everything; an agent takes what is offered when `work` says so."""

    def __init__(self, *environments: EnvironmentSettings) -> None:
        self.house = Household()
        self.house.send("app/shop", CreateApp(name="shop", repository_url="https://forge/shop.git", region="us-east"))
        self.house.send("app/shop", SetEnvironments(environments=environments, source="api", by="ann"))
        self.house.send(POOL, ConnectAgent(agent_id="a1", session="s1", slots=4))
        self._worked: set[str] = set()

    def push(self, number: int, *stages: StagePlan) -> str:
        """A run with this plan; answers with its stream."""
        trigger = Trigger(
            trigger_id=f"t{number}",
            source="push",
            ref="refs/heads/main",
            branch="main",
            before=f"{number - 1:040x}",
            commit=f"{number:040x}",
            author="ann",
        )
        self.house.send("app/shop", SubmitTrigger(trigger=trigger))
        run = next(str(stream) for stream, _ in reversed(self.house.events) if stream.kind == "run")
        self.house.send(run, PlanRun(plan=Plan(name="p", stages=stages or (script(),)), commit=f"{number:040x}"))
        return run

    def roll_out(self, number: int) -> None:
        artifact = Artifact("tree", f"git:{number}", "https://forge/shop.git")
        command = RequestRollout(
            environment="production", release=Release(f"r{number}", "shop", artifact), origin=Origin("bob")
        )
        self.house.send("app/shop", command)

    def accept(self) -> None:
        """The agent begins whatever it was offered."""
        for grant in self._offers():
            self.house.send(
                POOL, AcceptLease(attempt_key=grant.attempt_key, epoch=grant.epoch, agent_id=grant.agent_id)
            )

    def work(self, outcome: Any = "success") -> None:
        """The agent begins and ends it."""
        self.accept()
        for grant in self._offers():
            self._worked.add(grant.attempt_key)
            run, job, attempt = grant.attempt_key.split("/")
            finish = FinishJob(
                job_id=job, attempt=int(attempt), epoch=grant.epoch, agent_id=grant.agent_id, outcome=outcome
            )
            self.house.send(f"run/{run}", finish)

    def _offers(self) -> list[LeaseGranted]:
        granted = (event for _, event in self.house.events if isinstance(event, LeaseGranted))
        return [each for each in granted if each.attempt_key not in self._worked]

    def place(self, region: str = "us-east") -> EnvironmentState:
        found = self.house.state(Stream("environment", f"shop/production/{region}"))
        assert isinstance(found, EnvironmentState)
        return found

    def owner(self, region: str = "us-east") -> str:
        lock = self.place(region).lock
        return lock.deployment_id if lock else ""

    def waiting(self, region: str = "us-east") -> list[str]:
        return [each.deployment_id for each in self.place(region).waiting]

    def run(self, run: str) -> RunState:
        found = self.house.state(Stream.parse(run))
        assert isinstance(found, RunState)
        return found

    def told(self, *kinds: type[Message]) -> list[Message]:
        return [event for _, event in self.house.events if isinstance(event, kinds)]
