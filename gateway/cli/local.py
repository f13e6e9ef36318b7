"""`sealane run --local`: the pipeline file here, on the working tree, without a server.

Stages run one after the other in topological order, in the same sandbox an agent would use; approvals are
asked for on the terminal, and `git-checkout` is the working tree as it is, uncommitted changes included.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime
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
from gateway.cli.output import console
from gateway.cli.run_view import problem_line

FILE = Path(".pipeline.yml")


def run_local(inputs: dict[str, str]) -> int:
    """The exit code: 0 when every stage succeeded or was skipped by its own condition."""
    plan = _plan(inputs)
    # Not below /tmp: jobs have a /tmp of their own.
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sealane"
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="local-", dir=cache) as folder:
        data = Path(folder)
        config = AgentConfig(gateway_url="http://127.0.0.1", token="-", region="local", data_dir=data, run_as="agent")
        executor = make_executor(config, "local", ())
        console.print(f"isolation: {executor.isolation.kind}", style="dim")
        try:
            return _run(plan, executor, data)
        finally:
            executor.close()


def _run(plan: Plan, executor: Executor, data: Path) -> int:
    source = _snapshot(data)
    outcome = asyncio.run(LocalRun(plan, executor, data, source, _commit(source)).run())
    style = "green" if outcome == "success" else "red"
    console.print(Text(f"{plan.name}: {outcome}", style=style))
    return Exit.OK if outcome == "success" else Exit.RUN_FAILED


def _plan(inputs: dict[str, str]) -> Plan:
    document = read_pipeline(read_file(FILE), str(FILE))
    branch = _git("rev-parse", "--abbrev-ref", "HEAD") or "main"
    context = CompileContext(
        app=Path.cwd().name,
        commit=_git("rev-parse", "HEAD") or "0" * 40,
        region="local",
        event="manual",
        branch=branch,
        actor=os.environ.get("USER", "local"),
        run_number=0,
        inputs=inputs,
    )
    compiled = document.compile(context)
    if isinstance(compiled, Plan):
        return compiled
    for problem in compiled:
        console.print(problem_line(msgspec.to_builtins(problem)), soft_wrap=True)
    raise CliError(f"{FILE} has problems; nothing was run", Exit.INVALID_INPUT, "pipeline-invalid")


def _snapshot(data: Path) -> Path:
    """The working tree as a repository of its own: what git tracks or would track, as it is now."""
    listed = subprocess.run(
        ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), capture_output=True, check=False
    )
    if listed.returncode:
        raise CliError("this is not a git work tree: run it where the repository is", Exit.USAGE, "not-a-repository")
    copy = data / "tree"
    for name in filter(None, listed.stdout.decode().split("\0")):
        if Path(name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(name, copy / name)
    identity = ("-c", "user.name=local", "-c", "user.email=local@localhost")
    for arguments in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "--all", "--force"),
        (*identity, "commit", "--quiet", "--allow-empty", "--message", f"working tree at {datetime.now(UTC):%H:%M:%S}"),
    ):
        subprocess.run(("git", *arguments), cwd=copy, check=True, capture_output=True)
    return copy


def _commit(repository: Path) -> str:
    return subprocess.run(
        ("git", "rev-parse", "HEAD"), cwd=repository, check=True, capture_output=True, text=True
    ).stdout.strip()


def _git(*arguments: str) -> str:
    done = subprocess.run(("git", *arguments), capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
