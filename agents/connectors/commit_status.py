"""Posts a run's state to the forge its commit came from: pending when it is planned, then how it ended, with a link.

A status is about somebody else's system: what can't be posted in the end is logged and counted, the run goes on.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import httpx

from agents.connectors.base import Later, Result, Work
from agents.connectors.forge_status import Api, State, Status, post_of
from agents.connectors.links import run_url
from agents.connectors.metrics import ConnectorMetrics
from core.eventlog.envelope import EventEnvelope, Stream
from core.eventlog.routing import decode_event
from core.eventlog.topics import events_topic
from core.ports import OutgoingRecord, Record
from core.runs.events import EVENTS, RunFinished, RunPlanned, RunRerunRequested

ATTEMPTS = 8
LAST_PAUSE_SECONDS = 120.0
TIMEOUT_SECONDS = 10.0
_TYPES = (RunPlanned.TYPE, RunRerunRequested.TYPE, RunFinished.TYPE)
_NEEDLES = tuple(f'"{name}"'.encode() for name in _TYPES)
_STATES: dict[str, State] = {"success": "success", "failure": "failure", "invalid": "error", "error": "error"}
_WORDS = {"success": "succeeded", "failure": "failed", "invalid": "has a broken pipeline file", "error": "had an error"}
_log = logging.getLogger("sealane.connectors")


class RunFacts(NamedTuple):
    """What must be known of a run to post its status. `commit` is empty where it was never found."""

    app: str
    number: int
    forge: str
    repository_url: str
    commit: str


class CommitStatus:
    """Consumes run events. `facts(run_id)` asks the views (None: not there yet); `apis` are the forges with a token."""

    name = "commit-status"
    topics: tuple[str, ...] = (events_topic("runs"),)

    def __init__(
        self,
        facts: Callable[[str], RunFacts | None],
        apis: Mapping[str, Api],
        public_url: str,
        metrics: ConnectorMetrics,
        client: httpx.Client | None = None,
    ) -> None:
        self._facts = facts
        self._apis = {forge: api for forge, api in apis.items() if api.token}
        self._public_url = public_url
        self._metrics = metrics
        self._client = client or httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False)

    def work(self, record: Record) -> Work | None:
        value = record.value or b""
        if not self._apis or not any(needle in value for needle in _NEEDLES):
            return None
        event = decode_event(value)
        if event.type not in _TYPES:
            return None
        return Work(event.stream, lambda attempt: self._post(event, attempt), lambda error: self._lost(event, error))

    def _post(self, event: EventEnvelope, attempt: int) -> Result:
        run = Stream.parse(event.stream).id
        facts = self._facts(run)
        if facts is None:
            return self._later(event, attempt, "run-unknown", f"the views don't know run {run} yet")
        status = self._status(event, run, facts)
        if status is None or facts.forge not in self._apis:
            return ()
        try:
            post = post_of(facts.forge, self._apis[facts.forge], status)
            answer = self._client.post(post.url, headers=post.headers, json=post.body)
        except httpx.HTTPError as error:
            return self._later(event, attempt, "forge-unavailable", f"{type(error).__name__}: {error}")
        return self._judge(event, attempt, answer)

    def _judge(self, event: EventEnvelope, attempt: int, answer: httpx.Response) -> Result:
        said = answer.text[:300]
        # GitLab refuses to set a state that the status already has.
        if answer.is_success or (answer.status_code == 400 and "Cannot transition status" in said):
            return ()
        reason = f"{answer.request.url} answered {answer.status_code}: {said}"
        if answer.status_code == 429 or answer.status_code >= 500:
            return self._later(event, attempt, "forge-unavailable", reason)
        return self._give_up(event, "status-refused", reason)

    def _status(self, event: EventEnvelope, run: str, facts: RunFacts) -> Status | None:
        message = EVENTS.decode(event.type, event.schema_version, event.data)
        state: State | None = "pending"
        words = f"run #{facts.number} is going on"
        if isinstance(message, RunFinished):
            state = "cancelled" if message.outcome == "cancelled" else _STATES.get(message.outcome)
            words = f"run #{facts.number} {_WORDS.get(message.outcome, 'was cancelled')}"
        if state is None or not facts.commit:
            return None
        link = run_url(self._public_url, run)
        return Status(facts.repository_url, facts.commit, state, words, link, f"sealane/{facts.app}")

    def _later(self, event: EventEnvelope, attempt: int, code: str, reason: str) -> Result:
        if attempt >= ATTEMPTS:
            return self._give_up(event, code, reason)
        return Later(min(2.0 ** (attempt - 1), LAST_PAUSE_SECONDS))

    def _give_up(self, event: EventEnvelope, code: str, reason: str) -> Sequence[OutgoingRecord]:
        self._metrics.given_up.labels(self.name, code).inc()
        _log.error("no commit status for %s of %s: %s", event.type, event.stream, reason, extra={"code": code})
        return ()

    def _lost(self, event: EventEnvelope, error: Exception) -> Sequence[OutgoingRecord]:
        return self._give_up(event, "status-failed", f"{type(error).__name__}: {error}")
