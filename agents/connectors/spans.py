"""From the events of one round of a run to its spans: trigger -> run -> stage -> attempt -> step, and every wait.

Pure. The trace id is the correlation id, each span id follows from the event that opened the span: the same events
make the same spans, however often they are exported. Names of attributes are those of OpenTelemetry's CI/CD
conventions where there are any.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.serialization import Message
from core.ids import derived_id, trace_id
from core.runs import events as e

Value = str | int | bool
Attributes = Mapping[str, Value]


class SpanKey(NamedTuple):
    """`trace_id` has 32, `span_id` 16 hex digits."""

    trace_id: str
    span_id: str


class Span(NamedTuple):
    """`parent` None: a root. `error` None: nothing failed; else what is to be said about it, maybe nothing."""

    key: SpanKey
    parent: SpanKey | None
    name: str
    start: datetime
    end: datetime
    attributes: Attributes
    error: str | None = None
    links: tuple[SpanKey, ...] = ()


class Fact(NamedTuple):
    """An event of the run with its message."""

    event: EventEnvelope
    message: Message


class Cause(NamedTuple):
    """What is known of the time before the run: when the delivery came in (if one did), and the accepted trigger."""

    accepted: EventEnvelope
    received_at: datetime | None = None
    forge: str = ""


def spans_of_round(facts: Sequence[Fact], finished: str, cause: Cause | None) -> tuple[Span, ...]:
    """The spans of the round that the event with the id `finished` ended. Parents come before their children.

    `facts` are all events of the run in their order. Empty where `finished` is not among them.
    """
    end = next((index for index, fact in enumerate(facts) if fact.event.event_id == finished), None)
    if end is None:
        return ()
    begin = max((index for index in range(end) if isinstance(facts[index].message, e.RunRerunRequested)), default=0)
    return tuple(_Round(facts[begin : end + 1], facts[0], cause).spans())


class _Round:
    """Opened things by what names them, until the event that closes them comes."""

    def __init__(self, facts: Sequence[Fact], first: Fact, cause: Cause | None) -> None:
        self._facts = facts
        self._opening = facts[0]
        self._end = facts[-1].event.recorded_at
        self._first_run = key_of(first.event, "run")
        self._requested = first.message
        self._cause = cause if facts[0] is first else None
        self._trace = key_of(facts[0].event, "run").trace_id
        self._run = SpanKey(self._trace, key_of(facts[0].event, "run").span_id)

    def spans(self) -> Iterator[Span]:
        if self._cause is not None:
            yield self._trigger(self._cause)
        yield self._whole()
        yield from self._preparation()
        for stage, facts in self._by_stage().items():
            yield from _stage_spans(stage, facts, self._run, self._end)

    def _trigger(self, cause: Cause) -> Span:
        """From the delivery's arrival to the decision that it makes a run."""
        assert isinstance(self._requested, e.RunRequested)
        trigger = self._requested.trigger
        attributes = {
            "sealane.trigger.source": trigger.source,
            "sealane.delivery.id": trigger.delivery_id,
            "sealane.forge": cause.forge,
            "vcs.ref.head.name": trigger.ref,
            "vcs.ref.head.revision": trigger.commit,
        }
        start = cause.received_at or cause.accepted.recorded_at
        name = f"{trigger.source} {trigger.ref}".strip()
        return Span(self._trigger_key(cause), None, name, start, cause.accepted.recorded_at, _known(attributes))

    def _trigger_key(self, cause: Cause) -> SpanKey:
        return SpanKey(self._trace, key_of(cause.accepted, "trigger").span_id)

    def _whole(self) -> Span:
        requested, finished = self._requested, self._facts[-1].message
        assert isinstance(requested, e.RunRequested)
        assert isinstance(finished, e.RunFinished)
        attributes: dict[str, Value] = {
            "cicd.pipeline.name": requested.app,
            "cicd.pipeline.run.id": Stream.parse(self._opening.event.stream).id,
            "cicd.pipeline.result": finished.outcome,
            "sealane.run.number": requested.number,
            "sealane.run.code": finished.code,
            "sealane.region": self._opening.event.region,
        }
        parent = self._trigger_key(self._cause) if self._cause is not None else None
        again = self._opening.message is not requested
        return Span(
            self._run,
            parent,
            f"{'re-run' if again else 'run'} {requested.app} #{requested.number}",
            self._opening.event.recorded_at,
            self._end,
            _known(attributes),
            _error(finished.outcome, finished.detail or finished.code),
            (self._first_run,) if again else (),
        )

    def _preparation(self) -> Iterator[Span]:
        """Reading the pipeline file, and waiting for the concurrency group."""
        begin, waits = self._opening.event, getattr(self._opening.message, "concurrency", None) is not None
        for event, message in self._facts:
            match message:
                case e.RunPlanned() | e.RunInvalidated():
                    yield self._child(begin, event, "plan", {})
                    begin, waits = event, isinstance(message, e.RunPlanned) and message.plan.concurrency is not None
                case e.RunStarted() if waits:
                    yield self._child(begin, event, "wait for the concurrency group", {"sealane.wait": "concurrency"})
                case _:
                    pass

    def _child(self, begin: EventEnvelope, end: EventEnvelope, name: str, attributes: Attributes) -> Span:
        key = SpanKey(self._trace, key_of(begin, name).span_id)
        return Span(key, self._run, name, begin.recorded_at, end.recorded_at, attributes)

    def _by_stage(self) -> dict[str, list[Fact]]:
        """The events of each stage, in the order the stages began; a job's belong to the stage it was queued in."""
        stages: dict[str, list[Fact]] = {}
        of_job: dict[str, str] = {}
        for fact in self._facts:
            stage = getattr(fact.message, "stage", "")
            job = getattr(fact.message, "job_id", "")
            if stage and job:
                of_job[job] = stage
            stage = stage or of_job.get(job, "")
            if stage:
                stages.setdefault(stage, []).append(fact)
        return stages


def _stage_spans(name: str, facts: Sequence[Fact], run: SpanKey, end: datetime) -> Iterator[Span]:
    first = facts[0].event
    key = SpanKey(run.trace_id, key_of(first, f"stage {name}").span_id)
    outcome = detail = ""
    for event, message in facts:
        if isinstance(message, e.StageFinished):
            outcome, detail, end = message.outcome, message.detail or message.code, event.recorded_at
        elif isinstance(message, e.StageSkipped):
            outcome, detail, end = "skip", message.reason, event.recorded_at
    attributes = {"sealane.stage": name, "cicd.pipeline.task.run.result": outcome, "sealane.reason": detail}
    yield Span(key, run, f"stage {name}", first.recorded_at, end, _known(attributes), _error(outcome, detail))
    yield from _approvals(facts, key, end)
    attempts: dict[tuple[str, int], list[Fact]] = {}
    for fact in facts:
        job = getattr(fact.message, "job_id", "")
        if job:
            attempts.setdefault((job, getattr(fact.message, "attempt", 0)), []).append(fact)
    for (job, number), found in attempts.items():
        if isinstance(found[0].message, e.JobQueued):
            yield from _attempt_spans(job, number, found, key, end)


def _approvals(facts: Sequence[Fact], stage: SpanKey, end: datetime) -> Iterator[Span]:
    for index, (event, message) in enumerate(facts):
        if not isinstance(message, e.ApprovalRequested):
            continue
        attributes: dict[str, Value] = {"sealane.wait": "approval", "sealane.approval.count": message.count}
        until = end
        for later, decided in facts[index:]:
            if isinstance(decided, e.ApprovalDecided):
                attributes |= {"sealane.approval.decision": decided.decision, "sealane.approval.by": decided.by}
                until = later.recorded_at
                break
        key = SpanKey(stage.trace_id, key_of(event, "approval").span_id)
        yield Span(key, stage, "wait for approval", event.recorded_at, until, _known(attributes))


def _attempt_spans(job: str, number: int, facts: Sequence[Fact], stage: SpanKey, end: datetime) -> Iterator[Span]:
    queued = facts[0]
    assert isinstance(queued.message, e.JobQueued)
    key = SpanKey(stage.trace_id, key_of(queued.event, "attempt").span_id)
    started = next((fact for fact in facts if isinstance(fact.message, e.JobStarted)), None)
    finished = next((fact for fact in facts if isinstance(fact.message, e.JobFinished)), None)
    attributes: dict[str, Value] = {
        "cicd.pipeline.task.name": queued.message.spec.name or job,
        "cicd.pipeline.task.run.id": queued.message.spec.attempt_key,
        "sealane.attempt": number,
        "sealane.pool": f"{queued.message.region}/{queued.message.pool}",
        "sealane.cause": queued.message.cause,
    }
    error = None
    if started is not None and isinstance(started.message, e.JobStarted):
        attributes["cicd.worker.id"] = started.message.agent_id
    if finished is not None and isinstance(finished.message, e.JobFinished):
        said, end = finished.message, finished.event.recorded_at
        attributes |= {"cicd.pipeline.task.run.result": said.outcome, "sealane.reason": said.reason}
        error = _error(said.outcome, said.detail or said.reason)
    begin = queued.event.recorded_at
    yield Span(key, stage, f"{job} attempt {number}", begin, end, _known(attributes), error)
    taken_at = started.event.recorded_at if started is not None else end
    wait = SpanKey(key.trace_id, key_of(queued.event, "queue").span_id)
    reasons = [fact.message.reason for fact in facts if isinstance(fact.message, e.JobBlocked) and fact.message.reason]
    waited = {"sealane.wait": "queue", "sealane.reason": reasons[-1] if reasons else ""}
    yield Span(wait, key, "wait for an agent", begin, taken_at, _known(waited))
    yield from _steps(facts, key, taken_at, end)


def _steps(facts: Sequence[Fact], attempt: SpanKey, begin: datetime, end: datetime) -> Iterator[Span]:
    """By the agent's clock, which is moved as a whole where it puts steps outside of their attempt."""
    ends = {fact.message.index: fact.message for fact in facts if isinstance(fact.message, e.StepFinished)}
    begun = [(fact.event, fact.message) for fact in facts if isinstance(fact.message, e.StepStarted)]
    times = [message.at for _, message in begun] + [message.at for message in ends.values()]
    shift = _shift(min(times), max(times), begin, end) if times else timedelta()
    for event, message in begun:
        last = ends.get(message.index)
        attributes: dict[str, Value] = {"sealane.step.index": message.index}
        error = None
        if shift:
            attributes["sealane.agent_clock_moved_ms"] = int(shift / timedelta(milliseconds=1))
        if last is not None:
            attributes |= {"cicd.pipeline.task.run.result": last.outcome, "sealane.reason": last.reason}
            error = _error(last.outcome, last.reason)
            if last.exit_code is not None:
                attributes["process.exit.code"] = last.exit_code
        start = message.at + shift
        until = max(start, last.at + shift if last is not None else end)
        key = SpanKey(attempt.trace_id, key_of(event, "step").span_id)
        yield Span(key, attempt, message.name, start, until, _known(attributes), error)


def _shift(first: datetime, last: datetime, begin: datetime, end: datetime) -> timedelta:
    if first >= begin and last <= end:
        return timedelta()
    return begin - first


def key_of(event: EventEnvelope, what: str) -> SpanKey:
    """The key of what `event` opened."""
    trace = event.correlation_id
    if len(trace) != 32 or set(trace) - set("0123456789abcdef") or not trace.strip("0"):
        trace = trace_id(trace)
    return SpanKey(trace, derived_id(event.event_id, what).replace("-", "")[:16])


def _known(attributes: Mapping[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in attributes.items() if value != ""}


def _error(outcome: str, detail: str) -> str | None:
    return detail if outcome in ("failure", "error", "invalid") else None
