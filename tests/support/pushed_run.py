"""A push of app shop and what an agent makes of it, as the aggregates decide it: for the spans of its trace."""

from datetime import timedelta
from typing import Any

from agents.connectors.spans import Cause, Fact, Span, spans_of_round
from core.catalog.commands import CreateApp, SubmitTrigger
from core.eventlog.envelope import EventEnvelope
from core.pipeline.plan import Approval, Concurrency, JobPlan, Need, Plan, Retry, StagePlan, Step
from core.pools.commands import AcceptLease, ConnectAgent
from core.pools.events import LeaseGranted
from core.runs.commands import FinishJob, PlanRun, ReportStep
from core.runs.events import EVENTS, RunFinished
from core.runs.spec import Outcome
from core.trigger import Trigger
from tests.support.household import Household

POOL = "pool/us-east/default"
STEPS = (Step(name="checkout", uses="git-checkout"), Step(name="test", run="true"))


def stage(name: str, *needs: str, retries: int = 0, approval: bool = False) -> StagePlan:
    job = JobPlan(id=name, name=name, steps=STEPS, retry=Retry(max=retries, on=("failure",)) if retries else Retry())
    return StagePlan(
        name=name,
        jobs=() if approval else (job,),
        needs=tuple(map(Need, needs)),
        approval=Approval(count=1) if approval else None,
    )


class PushedRun:
    """A push of app shop, worked through by one agent; every word of it takes a second."""

    def __init__(self) -> None:
        self.house = Household()
        self.house.send("app/shop", CreateApp(name="shop", repository_url="https://forge/s.git", region="us-east"))
        self.house.send(POOL, ConnectAgent(agent_id="a1", session="s1", slots=4))
        self.received_at = self.house.now
        trigger = Trigger(
            trigger_id="d1", source="push", ref="refs/heads/main", branch="main", commit="c1", delivery_id="d1"
        )
        self.send("app/shop", SubmitTrigger(trigger=trigger))
        self.run = next(stream.id for stream, _ in self.house.events if stream.kind == "run")
        self._worked = 0

    def send(self, stream: str, command: Any) -> None:
        self.house.now += timedelta(seconds=1)
        self.house.send(stream, command)

    def plan(self, *stages: StagePlan, concurrency: Concurrency | None = None) -> None:
        self.send(f"run/{self.run}", PlanRun(plan=Plan("p", stages, concurrency=concurrency), commit="c1"))

    def work(self, outcome: Outcome = "success", agent_clock: timedelta = timedelta(), steps: int = 2) -> None:
        """The next lease, from its acceptance to its end."""
        grants = [event for _, event in self.house.events if isinstance(event, LeaseGranted)]
        grant = grants[self._worked]
        self._worked += 1
        self.send(POOL, AcceptLease(attempt_key=grant.attempt_key, epoch=grant.epoch, agent_id="a1"))
        job, attempt = grant.attempt_key.split("/")[1:]
        held: dict[str, Any] = {"job_id": job, "attempt": int(attempt), "epoch": grant.epoch, "agent_id": "a1"}
        for index in range(steps):
            for end in (None, "success"):
                self.house.now += timedelta(seconds=1)
                at = self.house.now + agent_clock
                self.house.send(f"run/{self.run}", ReportStep(index=index, outcome=end, at=at, **held))
        self.send(f"run/{self.run}", FinishJob(outcome=outcome, **held))

    def facts(self) -> list[Fact]:
        return [Fact(event, EVENTS.decode(event.type, event.schema_version, event.data)) for event in self.run_events()]

    def run_events(self) -> list[EventEnvelope]:
        return [event for event in self.house.envelopes if event.stream == f"run/{self.run}"]

    def cause(self) -> Cause:
        accepted = next(event for event in self.house.envelopes if event.type == "trigger.accepted")
        return Cause(accepted, self.received_at, "github")

    def spans(self, ending: int = -1) -> tuple[Span, ...]:
        """Those of the round that the given end of the run closed."""
        facts = self.facts()
        ends = [fact.event.event_id for fact in facts if isinstance(fact.message, RunFinished)]
        return spans_of_round(facts, ends[ending], self.cause())
