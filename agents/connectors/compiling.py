"""From the bytes of a pipeline file to the command that answers for its run."""

import logging

from agents.connectors.delivering import delivery_of, settings_of, with_warnings
from agents.connectors.documents import read_pipeline
from agents.connectors.repository import Commit, FileProblem, Missing, Repository, Unavailable
from core.eventlog.serialization import Message
from core.pipeline.context import CompileContext
from core.pipeline.document import Document
from core.pipeline.plan import Plan
from core.pipeline.problems import Problem
from core.pipeline.trigger import NoMatch, matches, needs_paths
from core.runs.commands import IgnoreRun, InvalidateRun, PlanRun
from core.runs.events import RunRequested

_log = logging.getLogger("sealane.connectors")


def compiled(repository: Repository, event: RunRequested, commit: Commit, source: bytes, region: str) -> Message:
    """PlanRun, InvalidateRun with every problem, or IgnoreRun where the trigger section does not ask for a run."""
    delivery = delivery_of(repository, event, commit)
    document = read_pipeline(source, event.pipeline_path, delivery.regions if delivery else None)
    if document.problems:
        return InvalidateRun(commit=commit.id, problems=(*document.problems, *(delivery.problems if delivery else ())))
    refusal = _refusal(repository, event, commit, document)
    if refusal is not None:
        return IgnoreRun(commit=commit.id, code=refusal.code, reason=refusal.reason)
    plan = document.compile(_context(event, commit, region))
    if not isinstance(plan, Plan):
        return InvalidateRun(commit=commit.id, problems=plan)
    if delivery and delivery.problems and any(stage.deploy for stage in plan.stages):
        return InvalidateRun(commit=commit.id, problems=delivery.problems)
    trigger = event.trigger
    return PlanRun(
        plan=with_warnings(plan, delivery),
        commit=commit.id,
        title=trigger.title or commit.title,
        author=trigger.author or commit.author,
        environments=settings_of(delivery),
    )


def invalid(event: RunRequested, commit: str, problem: FileProblem) -> InvalidateRun:
    """The answer where the file itself can't be had."""
    found = Problem(problem.code, problem.message, 1, 1, suggestion=problem.suggestion, file=event.pipeline_path)
    return InvalidateRun(commit=commit, problems=(found,))


def _refusal(repository: Repository, event: RunRequested, commit: Commit, document: Document) -> NoMatch | None:
    trigger = event.trigger
    changed = trigger.changed_paths
    if changed is None and needs_paths(document.trigger, trigger):
        pull_request = trigger.source == "pull_request"
        before = "" if pull_request else trigger.before
        base = f"refs/heads/{trigger.base_branch or event.default_branch}"
        try:
            changed = repository.changed_paths(before, commit.id, trigger.ref, base)
        except (Unavailable, Missing) as error:
            # Better one run too many than one too few.
            _log.warning("changed files of %s are unknown, path filters let it pass: %s", commit.id, error)
    answer = matches(document.trigger, trigger, changed)
    return answer if isinstance(answer, NoMatch) else None


def _context(event: RunRequested, commit: Commit, region: str) -> CompileContext:
    trigger = event.trigger
    return CompileContext(
        app=event.app,
        commit=commit.id,
        region=region,
        event=trigger.source,
        branch=trigger.branch,
        tag=trigger.tag,
        actor=trigger.author or commit.author,
        run_number=event.number,
        inputs=trigger.inputs,
        pull_request=trigger.pull_request,
        base_branch=trigger.base_branch,
        title=trigger.title or commit.title,
    )
