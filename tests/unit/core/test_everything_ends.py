"""Random days of a small installation: agents die and come back, people cancel, time passes. Everything ends."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from core.catalog.commands import CreateApp, SubmitTrigger
from core.eventlog.envelope import Stream
from core.pipeline.plan import Concurrency, JobPlan, Need, Plan, StagePlan, Step
from core.pools import commands as p
from core.pools.entries import HeldLease
from core.runs import commands as c
from core.runs.events import JobFinished, JobStarted
from core.trigger import Trigger
from tests.support.household import Household

POOL = "pool/us-east/default"
STREAM = Stream.parse(POOL)
AGENTS = ("a1", "a2")
OUTCOMES: tuple[Any, ...] = ("success", "success", "failure", "error", "cancelled")


def stage(name: str, *needs: str, jobs: int = 1, if_: str | None = None) -> StagePlan:
    plans = tuple(
        JobPlan(id=f"{name}-{number}", name=name, steps=(Step(name="do", run="x"),)) for number in range(jobs)
    )
    return StagePlan(name=name, jobs=plans, needs=tuple(map(Need, needs)), if_=if_)


STAGES = (stage("a", jobs=2), stage("b"), stage("c", "a", "b"), stage("d", "c", if_="always()"))
GROUPS = (None, Concurrency("g", "queue"), Concurrency("g", "cancel_running"), Concurrency("g", "newest_only"))


class Day:
    """An installation, and what can happen in it. `choice` picks among what there is."""

    def __init__(self) -> None:
        self.house = Household()
        self.sessions = 0
        self.house.send("app/shop", CreateApp(name="shop", repository_url="https://forge/x.git", region="us-east"))

    @property
    def runs(self) -> list[str]:
        return list(dict.fromkeys(stream.id for stream, _ in self.house.events if stream.kind == "run"))

    def run_state(self, run: str) -> Any:
        return self.house.state(Stream("run", run))

    @property
    def leases(self) -> list[tuple[str, Any]]:
        return list(self.house.state(STREAM).leases.items())

    def push(self, choice: int) -> None:
        trigger = Trigger(trigger_id=f"t{len(self.house.events)}", source="manual", ref="refs/heads/main")
        self.house.send("app/shop", SubmitTrigger(trigger=trigger))
        plan = Plan(name="p", stages=STAGES, concurrency=GROUPS[choice % len(GROUPS)])
        self.house.send(f"run/{self.runs[-1]}", c.PlanRun(plan=plan, commit="c1"))

    def connect(self, choice: int) -> None:
        agent = AGENTS[choice % 2]
        held = tuple(HeldLease(key, lease.epoch) for key, lease in self.leases if lease.agent_id == agent)
        self.sessions += 1
        self.house.send(
            POOL,
            p.ConnectAgent(agent_id=agent, session=f"s{self.sessions}", slots=2, held=held if choice % 3 else ()),
        )

    def accept(self, choice: int) -> None:
        for key, lease in self.leases[choice % 3 :][:1]:
            self.house.send(POOL, p.AcceptLease(attempt_key=key, epoch=lease.epoch, agent_id=lease.agent_id))

    def refuse(self, choice: int) -> None:
        for key, lease in self.leases[choice % 3 :][:1]:
            self.house.send(
                POOL, p.RefuseLease(attempt_key=key, epoch=lease.epoch, agent_id=lease.agent_id, reason="busy")
            )

    def finish(self, choice: int) -> None:
        for key, lease in self.leases[choice % 3 :][:1]:
            self.report(key, lease, OUTCOMES[choice % len(OUTCOMES)])

    def report(self, key: str, lease: Any, outcome: Any) -> None:
        run, job, attempt = key.split("/")
        self.house.send(
            f"run/{run}",
            c.FinishJob(job_id=job, attempt=int(attempt), epoch=lease.epoch, agent_id=lease.agent_id, outcome=outcome),
        )

    def cancel(self, choice: int) -> None:
        for run in self.runs[choice % 3 :][:1]:
            self.house.send(f"run/{run}", c.CancelRun(by="ann"))

    def rerun(self, choice: int) -> None:
        for run in self.runs[choice % 3 :][:1]:
            self.house.send(f"run/{run}", c.RerunRun(mode="failed" if choice % 2 else "all", by="ann"))

    def drain(self, choice: int) -> None:
        self.house.send(POOL, p.DrainAgent(agent_id=AGENTS[choice % 2]))

    def pass_time(self, choice: int) -> None:
        self.house.pass_time((5, 11, 31, 70)[choice % 4])

    def finish_everything(self) -> None:
        """From now on agents are there, take what they are offered and bring it to an end."""
        for round_ in range(300):
            for agent in (0, 1):
                if AGENTS[agent] not in self.house.state(STREAM).agents:
                    self.connect(3 + agent)
            self.house.send(POOL, p.RecordHeartbeats(agents=AGENTS))
            for key, lease in self.leases:
                if not lease.accepted:
                    self.house.send(POOL, p.AcceptLease(attempt_key=key, epoch=lease.epoch, agent_id=lease.agent_id))
                self.report(key, lease, "success")
            if all(self.run_state(run).status == "finished" for run in self.runs) and round_ > 20:
                return
            self.house.pass_time(10)


WORDS = some.sampled_from(
    ("push", "connect", "accept", "accept", "finish", "refuse", "cancel", "rerun", "drain", "pass_time")
)


@settings(max_examples=60, deadline=None)
@given(some.lists(some.tuples(WORDS, some.integers(0, 11)), min_size=12, max_size=60))
def test_whatever_happens_everything_ends(words: list[tuple[str, int]]) -> None:
    day = Day()
    for word, choice in words:
        getattr(day, word)(choice)
    day.finish_everything()
    assert [day.run_state(run).status for run in day.runs] == ["finished"] * len(day.runs)
    assert not day.leases
    assert not day.house.state(STREAM).queue
    assert day.house.state(Stream("concurrency", "shop/g")).running is None
    check_one_live_attempt(day)


def check_one_live_attempt(day: Day) -> None:
    live: set[tuple[str, str]] = set()
    for stream, event in day.house.events:
        if isinstance(event, JobStarted):
            assert (stream.id, event.job_id) not in live
            live.add((stream.id, event.job_id))
        elif isinstance(event, JobFinished):
            live.discard((stream.id, event.job_id))
    assert not live
