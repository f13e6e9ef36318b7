"""Answers `run.requested`: reads the pipeline file at the exact commit, asks its trigger section, compiles the plan.

Whatever is found is an answer: a plan, the file's problems, "not asked for", or why it can't be read.
"""

import logging
from collections.abc import Sequence

import msgspec

from agents.connectors.answers import to_run
from agents.connectors.base import Later, Result, Work
from agents.connectors.mirror import Commit, FileTooLarge, Mirrors, Missing, Repository, Unavailable
from core.eventlog.envelope import EventEnvelope
from core.eventlog.routing import decode_event
from core.eventlog.serialization import Message
from core.eventlog.topics import Topology, events_topic
from core.pipeline.context import CompileContext
from core.pipeline.document import Document, read_pipeline
from core.pipeline.plan import Plan
from core.pipeline.problems import Problem
from core.pipeline.trigger import NoMatch, matches, needs_paths
from core.ports import Clock, OutgoingRecord, Record
from core.runs.commands import FailRun, IgnoreRun, InvalidateRun, PlanRun
from core.runs.events import RunRequested

log = logging.getLogger("sealane.connectors")
ACTOR = "connector/definition"
# Retried for about two minutes; the run itself gives up after ten.
FETCH_ATTEMPTS = 6
FETCH_PAUSE_SECONDS = 2.0


class Definition:
    """Consumes run events."""

    name = "definition"
    topics = (events_topic("runs"),)

    def __init__(self, topology: Topology, clock: Clock, mirrors: Mirrors) -> None:
        self._topology = topology
        self._clock = clock
        self._mirrors = mirrors

    def work(self, record: Record) -> Work | None:
        value = record.value or b""
        if b'"run.requested"' not in value:
            return None
        envelope = decode_event(value)
        if envelope.type != RunRequested.TYPE:
            return None
        event = msgspec.json.decode(envelope.data, type=RunRequested)
        return Work(
            event.repository_url,
            lambda attempt: self._answer(envelope, event, attempt),
            lambda error: self._give_up(envelope, error),
        )

    def _answer(self, envelope: EventEnvelope, event: RunRequested, attempt: int) -> Result:
        try:
            command = self.read(envelope, event)
        except Unavailable as error:
            builtin = event.repository_url.startswith("builtin:")
            if attempt < FETCH_ATTEMPTS and not builtin:
                return Later(FETCH_PAUSE_SECONDS * attempt)
            detail = f"repository {event.repository_url} can't be read: {error.words}"
            command = FailRun(code="repository-unavailable", detail=detail)
        return (self._record(envelope, command),)

    def _give_up(self, envelope: EventEnvelope, error: Exception) -> Sequence[OutgoingRecord]:
        detail = f"the pipeline file could not be read: {type(error).__name__}: {error}"
        return (self._record(envelope, FailRun(code="definition-failed", detail=detail)),)

    def _record(self, envelope: EventEnvelope, command: Message) -> OutgoingRecord:
        return to_run(self._topology, envelope, command, actor=ACTOR, now=self._clock.now())

    def read(self, envelope: EventEnvelope, event: RunRequested) -> Message:
        """The answer to one request. Raises Unavailable."""
        repository = self._mirrors.repository(event.repository_url)
        try:
            commit = repository.commit(event.trigger.commit, event.trigger.ref)
            source = repository.file(commit.id, event.pipeline_path)
        except Missing as error:
            return FailRun(code=error.code, detail=f"{error.detail} ({event.repository_url})")
        except FileTooLarge as error:
            return _invalid(event, event.trigger.commit, "file-too-large", str(error), "split the pipeline")
        if source is None:
            text = f"there is no {event.pipeline_path} at commit {commit.id[:12]}"
            return _invalid(
                event, commit.id, "pipeline-missing", text, "add the file, or change the app's pipeline path"
            )
        return self._compile(envelope, event, repository, commit, source)

    def _compile(
        self, envelope: EventEnvelope, event: RunRequested, repository: Repository, commit: Commit, source: bytes
    ) -> Message:
        document = read_pipeline(source, event.pipeline_path)
        if document.problems:
            return InvalidateRun(commit=commit.id, problems=document.problems)
        refusal = self._trigger_refusal(event, repository, commit, document)
        if refusal is not None:
            return IgnoreRun(commit=commit.id, code=refusal.code, reason=refusal.reason)
        plan = document.compile(_context(envelope, event, commit))
        if not isinstance(plan, Plan):
            return InvalidateRun(commit=commit.id, problems=plan)
        trigger = event.trigger
        return PlanRun(
            plan=plan, commit=commit.id, title=trigger.title or commit.title, author=trigger.author or commit.author
        )

    def _trigger_refusal(
        self, event: RunRequested, repository: Repository, commit: Commit, document: Document
    ) -> NoMatch | None:
        trigger = event.trigger
        changed = trigger.changed_paths
        if changed is None and needs_paths(document.trigger, trigger):
            try:
                changed = repository.changed_paths(trigger.before, commit.id, event.default_branch)
            except (Unavailable, Missing) as error:
                # Better one run too many than one too few.
                log.warning("changed files of %s are unknown, path filters let it pass: %s", commit.id, error)
        answer = matches(document.trigger, trigger, changed)
        return answer if isinstance(answer, NoMatch) else None


def _context(envelope: EventEnvelope, event: RunRequested, commit: Commit) -> CompileContext:
    trigger = event.trigger
    return CompileContext(
        app=event.app,
        commit=commit.id,
        region=envelope.region,
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


def _invalid(event: RunRequested, commit: str, code: str, message: str, suggestion: str) -> InvalidateRun:
    problem = Problem(code=code, message=message, line=1, column=1, suggestion=suggestion, file=event.pipeline_path)
    return InvalidateRun(commit=commit, problems=(problem,))
