"""`sealane run --local`: the pipeline file here, on the working tree, without a server.

Stages run one after the other in topological order, in the same sandbox an agent would use; approvals are
asked for on the terminal, and `git-checkout` is the working tree as it is, uncommitted changes included.
"""

import asyncio
import os
import tempfile
from pathlib import Path

import msgspec
from rich.text import Text

from agents.config import AgentConfig
from agents.executors.base import Executor
from agents.executors.detect import make_executor
from core.pipeline.context import CompileContext
from core.pipeline.document import read_pipeline
from core.pipeline.plan import Plan
from gateway.cli.errors import CliError, Exit
from gateway.cli.lint import read_file
from gateway.cli.local_run import LocalRun
from gateway.cli.local_tree import Project, find_project, snapshot
from gateway.cli.output import console
from gateway.cli.run_view import problem_line

FILE = Path(".pipeline.yml")


def run_local(inputs: dict[str, str], approve: bool | None, unsafe: bool) -> int:
    """The exit code: 0 when every stage succeeded or was skipped by its own condition.

    `approve` answers every approval, None asks; `unsafe` runs jobs without a sandbox where there is none.
    """
    project = find_project()
    plan = _plan(project, inputs)
    with tempfile.TemporaryDirectory(prefix="local-", dir=_cache()) as folder:
        data = Path(folder)
        config = AgentConfig(gateway_url="http://127.0.0.1", token="-", region="local", data_dir=data, run_as="agent")
        executor = make_executor(config, "local", ())
        try:
            _tell_isolation(executor, unsafe)
            _refuse_images(plan, executor)
            for warning in plan.warnings:
                console.print(f"warning: {warning}", style="dim yellow", markup=False, soft_wrap=True)
            return _run(plan, executor, data, project, approve)
        finally:
            executor.close()


def _cache() -> Path:
    """Where jobs can read the copy of the tree."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").resolve() / "sealane"
    if cache.is_relative_to("/tmp") or cache.is_relative_to("/var/tmp") or cache.is_relative_to("/run"):
        message = (
            f"{cache} can't be used: jobs have a /tmp and a /run of their own; set XDG_CACHE_HOME to another place"
        )
        raise CliError(message, Exit.REFUSED, "cache-hidden")
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{cache} can't be made: {error.strerror}; set XDG_CACHE_HOME to a directory that can be written"
        raise CliError(message, Exit.REFUSED, "cache-unwritable") from error
    return cache


def _tell_isolation(executor: Executor, unsafe: bool) -> None:
    isolation = executor.isolation
    if isolation.kind == "none" and not unsafe:
        message = f"no sandbox works here ({isolation.detail}); install bubblewrap, or allow --unsafe-no-sandbox"
        raise CliError(message, Exit.REFUSED, "no-sandbox")
    console.print(f"isolation: {isolation.kind}", style="dim", markup=False)


def _refuse_images(plan: Plan, executor: Executor) -> None:
    """An agent would refuse each job, again and again."""
    asking = next((stage.name for stage in plan.stages for job in stage.jobs if job.image), None)
    if asking is not None and not executor.runs_images:
        message = f"stage '{asking}' asks for an image, but jobs run as processes here; remove 'image' to try it"
        raise CliError(message, Exit.REFUSED, "image-unavailable")


def _run(plan: Plan, executor: Executor, data: Path, project: Project, approve: bool | None) -> int:
    for name in ("spool", "jobs"):
        (data / name).mkdir()
    tree = snapshot(project, data / "tree")
    run = LocalRun(plan, executor, data, tree, approve)
    outcome = asyncio.run(run.run())
    style = "green" if outcome == "success" else "red"
    console.print(Text(f"{plan.name}: {outcome}", style=style))
    if run.interrupted:
        return Exit.INTERRUPTED
    return Exit.OK if outcome == "success" else Exit.RUN_FAILED


def _plan(project: Project, inputs: dict[str, str]) -> Plan:
    if not (project.root / FILE).exists():
        hint = "a first one: stages: [{name: build, steps: [{run: make}]}]"
        raise CliError(f"there is no {FILE} in {project.root}; {hint}", Exit.NOT_FOUND, "file-missing")
    document = read_pipeline(read_file(project.root / FILE), str(FILE))
    context = CompileContext(
        app=project.app,
        commit=project.head or "0" * 40,
        region="local",
        event="manual",
        branch=project.branch,
        actor=project.actor,
        run_number=0,
        inputs=inputs,
    )
    compiled = document.compile(context)
    if isinstance(compiled, Plan):
        return compiled
    for problem in compiled:
        console.print(problem_line(msgspec.to_builtins(problem)), soft_wrap=True)
    raise CliError(f"{FILE} has problems; nothing was run", Exit.INVALID_INPUT, "pipeline-invalid")
