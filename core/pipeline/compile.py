"""From a valid document to the plan for one commit: matrices expanded, defaults applied, values filled in.

What a value from outside (a branch's name, an input) says is data: it never becomes text of a script, and text
that still waits for results of earlier stages is kept as the author wrote it, so nothing in it is evaluated twice.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from core.pipeline.checks import needs_of, stage_name
from core.pipeline.context import CompileContext
from core.pipeline.dag import order
from core.pipeline.deploying import Environments, deploy_plan, regions_of, unprotected
from core.pipeline.filling import Filler, final
from core.pipeline.matrix import Combination, Matrix
from core.pipeline.plan import (
    Approval,
    Concurrency,
    DeployPlan,
    JobPlan,
    Need,
    Plan,
    Resources,
    Retry,
    RetryOn,
    Schedule,
    StagePlan,
    Step,
)
from core.pipeline.report import Report
from core.pipeline.values import Condition, Name, Section, Template

# One event holds the whole plan, and one record of the log at most 900,000 bytes.
MAX_PLAN_BYTES: Final = 800_000
_DEFAULT_TIMEOUT_SECONDS = 3600
_ALL_REASONS: tuple[RetryOn, ...] = ("agent_lost", "failure", "timeout")


class Compiler:
    """One compilation. A value that can't be had for this commit is in the report, and the plan without worth."""

    def __init__(
        self,
        root: Section,
        context: CompileContext,
        inputs: dict[str, Any],
        report: Report,
        environments: Environments | None = None,
    ) -> None:
        self._report = report
        self._environments = environments
        self._root = root
        self._context = context
        self._defaults: Section = root.get("defaults") or Section(root.node, "defaults")
        self._values: dict[str, Any] = _run_values(context, inputs)
        self._env = self._top_env()
        self._values["env"] = self._env
        self._warnings: list[str] = []
        self._bytes = 0

    def plan(self) -> Plan:
        by_name = {stage_name(stage): stage for stage in self._root.get("stages", [])}
        graph = {name: tuple(need.text for need, _ in needs_of(stage)) for name, stage in by_name.items()}
        stages = tuple(self._stage(name, by_name[name]) for name in order(graph))
        if names := unprotected(stages, self._environments):
            self._warn(
                f"delivery.yml declares no environment {' or '.join(names)}: unless the app has it by the API, "
                "nothing protects it from these steps"
            )
        return Plan(
            name=self._root.get("name") or self._context.app,
            stages=stages,
            description=self._root.get("description", ""),
            concurrency=self._concurrency(),
            schedules=schedules_of(self._root.get("trigger")),
            warnings=tuple(self._warnings),
            values=self._values,
        )

    def _top_env(self) -> dict[str, str]:
        env = {name: self._now(value) for name, value in self._root.get("env", {}).items()}
        self._values["env"] = env
        return env | {name: self._now(value) for name, value in self._defaults.get("env", {}).items()}

    def _concurrency(self) -> Concurrency | None:
        given = self._root.get("concurrency")
        if isinstance(given, Template):
            return Concurrency(self._now(given))
        if isinstance(given, Section):
            return Concurrency(self._now(given.get("group")), given.get("policy", "queue"))
        return None

    def _stage(self, name: str, stage: Section) -> StagePlan:
        matrix = stage.get("matrix")
        environment = stage.get("environment")
        given = environment.get("name") if isinstance(environment, Section) else environment
        if stage.get("image") is not None or self._defaults.get("image") is not None:
            self._warn("'image' needs an agent that runs containers; agents that run processes refuse such jobs")
        approval = stage.get("approval")
        deploy = deploy_plan(stage, Filler(self._values, self._report), self._environments, self._report)
        if deploy is not None:
            self._fits(deploy, stage)
        return StagePlan(
            name=name,
            jobs=self._jobs(name, stage, matrix) if stage.get("steps") else (),
            needs=tuple(Need(need.text, allowed) for need, allowed in needs_of(stage)),
            if_=_condition_text(stage.get("if")),
            approval=_approval(approval) if isinstance(approval, Section) else None,
            max_parallel=matrix.max_parallel if isinstance(matrix, Matrix) else None,
            fail_fast=matrix.fail_fast if isinstance(matrix, Matrix) else True,
            environment=self._now(given) if given is not None else deploy.environment if deploy else None,
            deploy=deploy,
            regions=tuple(region.text for region in regions_of(stage)) if deploy is None else (),
        )

    def _jobs(self, name: str, stage: Section, matrix: Matrix | None) -> tuple[JobPlan, ...]:
        if matrix is None:
            jobs = iter((self._job(name, name, stage, {}, {}),))
        else:
            # A value that only other jobs have is empty here.
            absent = dict.fromkeys(matrix.keys, "")
            jobs = (
                self._job(f"{name}-{number}", f"{name} ({', '.join(chosen.values())})", stage, chosen, absent | chosen)
                for number, chosen in enumerate(matrix.combinations(), 1)
            )
        return tuple(self._counted(jobs, stage))

    def _counted(self, jobs: Iterator[JobPlan], stage: Section) -> Iterator[JobPlan]:
        """Only as many as an event can hold: the rest of a plan that is too large is not even made."""
        for job in jobs:
            if not self._fits(job, stage):
                return
            yield job

    def _fits(self, part: JobPlan | DeployPlan, stage: Section) -> bool:
        self._bytes += len(msgspec.json.encode(part))
        if self._bytes <= MAX_PLAN_BYTES:
            return True
        message = f"the plan takes more than {MAX_PLAN_BYTES:,} bytes: each job holds its steps and variables"
        hint = "make the matrix smaller, move long scripts into files of the repository, or split the file"
        self._report.add(stage.node, "plan-too-large", message, stage.path, hint)
        return False

    def _job(self, job_id: str, name: str, stage: Section, matrix: Combination, known: Combination) -> JobPlan:
        fill = Filler(self._values | {"matrix": known}, self._report)
        pool, region, labels = self._pool(stage, fill)
        image = stage.get("image") or self._defaults.get("image")
        return JobPlan(
            id=job_id,
            name=name,
            matrix=matrix,
            env={key: final(text) for key, text in self._env.items()}
            | {key: fill.kept(value) for key, value in stage.get("env", {}).items()},
            steps=tuple(self._step(step, fill) for step in stage.get("steps", [])),
            pool=pool,
            region=region,
            labels=labels,
            image=fill.text(image) if image is not None else None,
            network=stage.get("network", "egress"),
            resources=_resources(stage.get("resources")),
            timeout_seconds=int(self._inherited(stage, "timeout") or _DEFAULT_TIMEOUT_SECONDS),
            retry=_retry(self._inherited(stage, "retry")),
            priority=stage.get("priority", 0),
        )

    def _inherited(self, stage: Section, key: str) -> Any:
        return stage.get(key) if key in stage else self._defaults.get(key)

    def _pool(self, stage: Section, fill: Filler) -> tuple[str, str | None, tuple[str, ...]]:
        given = self._inherited(stage, "pool")
        if isinstance(given, Template):
            region, _, name = fill.text(given).rpartition("/")
            return name, region or None, ()
        if isinstance(given, Section):
            name = given.get("name")
            region_name = given.get("region")
            labels = tuple(label.text for label in given.get("labels", []))
            return (
                fill.text(name) if name is not None else "default",
                region_name.text if isinstance(region_name, Name) else None,
                labels,
            )
        return "default", None, ()

    def _step(self, step: Section, fill: Filler) -> Step:
        run, variables = fill.script(step.get("run"))
        when, condition_ = fill.when(step.get("if"))
        directory = step.get("working_directory")
        name = step.get("name")
        return Step(
            name=fill.text(name) if name is not None else _default_name(step),
            run=run,
            uses=step.get("uses"),
            with_={key: fill.kept(value) for key, value in step.get("with", {}).items()},
            env={key: fill.kept(value) for key, value in step.get("env", {}).items()} | variables,
            shell=step.get("shell") or self._defaults.get("shell") or "bash",
            working_directory=fill.text(directory) if directory is not None else None,
            if_=condition_,
            timeout_seconds=int(step.get("timeout")) if "timeout" in step else None,
            continue_on_error=step.get("continue_on_error", False),
            when=when,
        )

    def _now(self, value: Template) -> str:
        return Filler(self._values, self._report).text(value)

    def _warn(self, text: str) -> None:
        if text not in self._warnings:
            self._warnings.append(text)


def _run_values(context: CompileContext, inputs: dict[str, Any]) -> dict[str, Any]:
    return {
        "app": context.app,
        "branch": context.branch,
        "tag": context.tag,
        "commit": context.commit,
        "event": context.event,
        "actor": context.actor,
        "region": context.region,
        "inputs": inputs,
        "run": {"number": context.run_number},
        "pull_request": {
            "number": context.pull_request or 0,
            "base_branch": context.base_branch,
            "title": context.title if context.pull_request else "",
        },
        "env": {},
    }


def schedules_of(trigger: Section | None) -> tuple[Schedule, ...]:
    given = trigger.get("schedule") if trigger is not None else None
    entries = given if isinstance(given, list) else [given] if isinstance(given, Section) else []
    return tuple(Schedule(entry.get("cron"), entry.get("timezone", "UTC")) for entry in entries)


def _condition_text(given: Condition | None) -> str | None:
    return given.text if given is not None else None


def _approval(given: Section) -> Approval:
    return Approval(
        count=given.get("count", 1),
        groups=tuple(group.text for group in given.get("groups", [])),
        timeout_seconds=int(given.get("timeout", 24 * 3600)),
        prevent_self_approval=given.get("prevent_self_approval", False),
    )


def _resources(given: Section | None) -> Resources:
    """Limits are twice what is set aside."""
    if given is None:
        return Resources()
    cpu, memory = float(given.get("cpu", 2.0)), int(given.get("memory", 4 << 30))
    return Resources(cpu=cpu, memory_bytes=memory, cpu_limit=2 * cpu, memory_limit_bytes=2 * memory)


def _retry(given: Section | int | None) -> Retry:
    if given is None:
        return Retry()
    if isinstance(given, Section):
        return Retry(given.get("max", 0), tuple(given.get("on", _ALL_REASONS)))
    return Retry(given, _ALL_REASONS)


def _default_name(step: Section) -> str:
    if step.get("uses"):
        return str(step.get("uses"))
    run = step.get("run")
    lines = run.text.strip().splitlines() if isinstance(run, Template) else []
    return lines[0][:80] if lines else "run"
