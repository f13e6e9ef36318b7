"""Whatever is said to a run, in any order: it refuses or decides, and it ends."""

from collections.abc import Iterator
from typing import Any

from hypothesis import given as randomly
from hypothesis import settings
from hypothesis import strategies as some

from core.aggregate import Rejected
from core.environments.settings import Protection
from core.eventlog.serialization import Message
from core.pipeline.plan import Approval, Concurrency, Need, Retry, StagePlan
from core.runs import commands as c
from core.runs import events as e
from core.runs.aggregate import RUN
from core.runs.state import RunState
from tests.support.given import Scene
from tests.unit.runs import scenes

CONDITIONS = some.sampled_from(
    (
        None,
        None,
        None,
        "always()",
        "failure()",
        "cancelled()",
        "false",
        "stages.s0.outputs.x == '1'",
        "stages.s0.outcome",
    )
)
OUTCOMES = some.sampled_from(("success", "success", "failure", "cancelled", "error"))


@some.composite
def plans(draw: Any) -> c.PlanRun:
    stages: list[StagePlan] = []
    for number in range(draw(some.integers(1, 5))):
        name = f"s{number}"
        needs = [stage.name for stage in stages if draw(some.booleans())]
        retry = Retry(draw(some.integers(0, 2)), ("failure", "timeout"))
        jobs = tuple(scenes.job(f"{name}-{index}", retry=retry) for index in range(draw(some.integers(0, 3))))
        stages.append(
            scenes.stage(
                name,
                *(Need(need, draw(some.booleans())) for need in needs),
                jobs=jobs,
                if_=draw(CONDITIONS),
                approval=draw(some.sampled_from((None, None, Approval(timeout_seconds=600)))),
                environment=draw(some.sampled_from((None, None, "production"))),
                max_parallel=draw(some.sampled_from((None, 1, 2))),
                fail_fast=draw(some.booleans()),
            )
        )
    return scenes.plan(*stages, concurrency=draw(some.sampled_from((None, Concurrency("g")))))


OPEN, BOTH = Protection(("r1",)), Protection(("r1", "r2"))
JOBS = some.builds("s{}-{}".format, some.integers(0, 4), some.integers(0, 2))
STAGES = some.builds("s{}".format, some.integers(0, 4))
LEASE: dict[str, Any] = {"job_id": JOBS, "attempt": some.integers(1, 3), "epoch": some.integers(1, 2)}
AGENT = {"agent_id": some.sampled_from(("a1", "a2"))}
ROUNDS = some.integers(1, 2)
PLACE: dict[str, Any] = {"stage": STAGES, "round": ROUNDS, "region": some.sampled_from(("r1", "r2"))}
PROTECTIONS = some.sampled_from(
    (None, Protection(("r1",)), Protection(("r1", "r2")), Protection(("r2",), Approval(timeout_seconds=600)))
)
# What drives a run on is drawn more often than what could end it early.
COMMANDS: some.SearchStrategy[Any] = some.one_of(
    some.sampled_from(("start", "start", "finish")),
    some.sampled_from(("start", "finish", "lose", "enter", "enter")),
    some.builds(
        c.NoteProtection, stage=STAGES, round=ROUNDS, protection=PROTECTIONS, code=some.sampled_from(("", "x"))
    ),
    some.builds(c.AdmitStage, **PLACE, epoch=some.integers(1, 2)),
    some.builds(c.DenyStage, **PLACE, epoch=some.integers(0, 2), code=some.just("x"), detail=some.just("y")),
    some.builds(c.StartJob, **LEASE, **AGENT),
    some.builds(scenes.step, JOBS, some.integers(-1, 2), some.sampled_from((None, "success", "failure"))),
    some.builds(c.FinishJob, **LEASE, **AGENT, outcome=OUTCOMES, outputs=some.sampled_from(({}, {"x": "1"}))),
    some.builds(c.LoseJob, **LEASE, reason=some.just("agent-lost")),
    some.builds(c.RefuseJob, job_id=JOBS, attempt=some.integers(1, 2), code=some.just("x"), detail=some.just("y")),
    some.builds(c.ExplainJob, job_id=JOBS, attempt=some.integers(1, 2), reason=some.sampled_from(("", "why"))),
    some.builds(c.ApproveStage, stage=STAGES, by=some.sampled_from(("", "bob")), approve=some.booleans()),
    some.builds(c.CancelRun, by=some.just("ann"), round=some.integers(0, 2), force=some.booleans()),
    some.builds(c.RerunRun, by=some.just("ann"), mode=some.sampled_from(("all", "failed", "from_stage")), stage=STAGES),
    some.builds(c.AdmitRun, round=some.integers(1, 2)),
    some.integers(1, 5000),
)


@settings(max_examples=200, deadline=None)
@randomly(plans(), some.lists(COMMANDS, max_size=40), some.integers(0, 7))
def test_run_refuses_or_decides_and_ends(plan: c.PlanRun, commands: list[Any], luck: int) -> None:
    scene = scenes.requested().when(plan)
    live: dict[str, int] = {}
    asked: set[tuple[str, int, str]] = set()
    check_attempts(scene, live)
    check_locks(scene, asked)
    for command in commands:
        say(scene, command, luck)
        check_attempts(scene, live)
        check_locks(scene, asked)
    for _ in finishing(scene):
        check_locks(scene, asked)
    assert not asked, "nothing that has ended holds a lock or waits for one"
    assert scene.state.status == "finished"
    assert RUN.deadline(scene.state) is None
    assert all(stage.status == "ended" for stage in scene.state.stages.values())
    scene.check_restored()


def say(scene: Scene, command: Any, luck: int) -> None:
    scene.told = ()
    try:
        if isinstance(command, int):
            scene.later(seconds=command)
            due = RUN.deadline(scene.state)
            assert due is None or due > scene.now, "a deadline that has come is dealt with"
        elif isinstance(command, str):
            push_on(scene, command, luck)
        else:
            scene.when(command)
    except Rejected:
        return


def push_on(scene: Scene, what: str, luck: int) -> None:
    """Something that is true of a job of the run, or of a stage."""
    if what == "enter":
        enter(scene, (None, OPEN, BOTH)[luck % 3])
        return
    wanted = "queued" if what == "start" else "running"
    names = [name for name, job in scene.state.jobs.items() if job.status == wanted]
    if not names:
        return
    name = names[luck % len(names)]
    job = scene.state.jobs[name]
    if what == "start":
        scene.when(scenes.start(name, job.attempt))
    elif what == "finish":
        outcome = ("success", "failure", "cancelled", "error")[luck % 4]
        scene.when(scenes.finish(name, outcome, job.attempt, job.epoch, job.agent_id, outputs={"x": str(luck)}))
    else:
        scene.when(c.LoseJob(job_id=name, attempt=job.attempt, epoch=job.epoch, reason="agent-lost"))


def enter(scene: Scene, protection: Protection | None) -> None:
    """Whatever the stages that are on their way into their environment ask for, they are given."""
    for name, stage in list(scene.state.stages.items()):
        word: dict[str, Any] = {"stage": name, "round": scene.state.round}
        if stage.status == "entering" and stage.wanted:
            scene.when(c.AdmitStage(**word, region=stage.wanted, epoch=scene.state.round))
            return
        if stage.status == "entering":
            scene.when(c.NoteProtection(**word, protection=protection))
            return


def check_locks(scene: Scene, asked: set[tuple[str, int, str]]) -> None:
    """Of a stage that asked for locks no job is queued until it has all, and what it asked for is left once."""
    for event in scene.told:
        if isinstance(event, e.StageLockRequested):
            asked.add((event.stage, event.round, event.region))
        elif isinstance(event, e.StageEnvironmentLeft):
            for region in event.regions:
                asked.remove((event.stage, event.round, region))
        elif isinstance(event, e.JobQueued):
            stage = scene.state.stages[event.stage]
            wanted = {region for name, _, region in asked if name == event.stage}
            assert stage.status == "ended" or set(stage.locks) == wanted
            assert stage.status != "entering"


def check_attempts(scene: Scene, live: dict[str, int]) -> None:
    """No job is in two live attempts, and no attempt comes twice."""
    for event in scene.told:
        if isinstance(event, e.JobQueued):
            assert event.job_id not in live
            live[event.job_id] = event.attempt
        elif isinstance(event, e.JobFinished):
            live.pop(event.job_id, None)


def finishing(scene: Scene) -> Iterator[None]:
    """From here on nothing is lost: every question and every job gets its answer. Stops after each word."""
    for _ in range(200):
        state = scene.state
        if state.status == "finished":
            return
        for word in words_for(state):
            scene.told = ()
            scene.when(word)
            yield


def words_for(state: RunState) -> Iterator[Message]:
    if state.status == "queued":
        yield c.AdmitRun(round=state.round)
        return
    for name, stage in list(state.stages.items()):
        place: dict[str, Any] = {"stage": name, "round": state.round}
        if stage.status == "approval":
            yield scenes.approve(name, "zoe")
        if stage.status == "entering" and not stage.wanted:
            yield c.NoteProtection(**place, protection=BOTH)
        if stage.status == "entering" and stage.wanted:
            yield c.AdmitStage(**place, region=stage.wanted, epoch=7)
    for name, job in list(state.jobs.items()):
        if job.status == "queued":
            yield scenes.start(name, job.attempt)
        if job.status == "running":
            yield scenes.finish(name, "success", job.attempt, job.epoch, job.agent_id)
