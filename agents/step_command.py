"""The command of one step: a script file run by its shell, or a built-in action."""

from pathlib import Path

from agents.checkout import checkout_command
from agents.environment import step_environment
from agents.executors.base import Command, JobPaths
from agents.workspace import inside_workspace
from core.pipeline.plan import Step
from core.runs.spec import JobSpec

SHELLS: dict[str, tuple[str, ...]] = {
    "bash": ("bash", "--noprofile", "--norc", "-eo", "pipefail"),
    "sh": ("sh", "-e"),
    "python3": ("python3", "-u"),
    "python": ("python3", "-u"),
}


class StepError(Exception):
    """A step that can't be started as it is written; the text is for its author."""


def step_command(
    spec: JobSpec, index: int, step: Step, paths: JobPaths, scripts: Path, machine: dict[str, str]
) -> Command:
    """Writes the step's script where it has one. Raises StepError, CheckoutError or OSError."""
    env = step_environment(machine, spec.env, step.env, paths)
    if step.uses == "git-checkout":
        return checkout_command(spec.source, step.with_, paths, machine)
    if step.uses is not None:
        raise StepError(f"'uses: {step.uses}' is not known to this agent")
    directory = inside_workspace(paths.workspace, step.working_directory)
    if directory is None:
        raise StepError(f"working_directory '{step.working_directory}' leaves the workspace")
    shell = SHELLS.get(step.shell)
    if shell is None:
        raise StepError(f"shell '{step.shell}' is not known (known: {', '.join(SHELLS)})")
    file = scripts / f"step-{index}"
    file.write_text(step.run or "")
    file.chmod(0o444)
    return Command((*shell, f"{paths.scripts}/{file.name}"), directory, env)
