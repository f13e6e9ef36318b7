"""What is told of runs: they are queued, started and finished; so are their jobs; and some wait for an approval."""

from typing import Any

from agents.connectors.links import run_url
from agents.connectors.notifications.announcement import Announcement, Telling, text
from agents.connectors.notifications.beginnings import Beginning, Beginnings
from core.notifications.notification import Tone
from core.runs.events import (
    ApprovalDecided,
    ApprovalRequested,
    JobFinished,
    JobStarted,
    RunFinished,
    RunRequested,
    RunStarted,
)

# CDEvents knows success, failure, cancel and error.
_OUTCOMES = {"success": "success", "failure": "failure", "cancelled": "cancel", "ignored": "cancel"}
_WORDS = {
    "success": "succeeded",
    "failure": "failed",
    "cancelled": "was cancelled",
    "ignored": "was not wanted",
    "invalid": "has a broken pipeline file",
}
DECIDED = {
    "granted": "is approved",
    "rejected": "was rejected",
    "expired": "was not approved in time",
    "withdrawn": "needs no approval any more",
}
_TONES: dict[str, Tone] = {"success": "good", "failure": "bad", "error": "bad", "invalid": "bad"}


class AboutRuns:
    def __init__(self, beginnings: Beginnings) -> None:
        self._beginnings = beginnings

    def run_requested(self, telling: Telling) -> tuple[Announcement, ...]:
        message: RunRequested = telling.message
        return self._run(telling, "pipelinerun.queued", f"{message.app} #{message.number} is queued")

    def run_started(self, telling: Telling) -> tuple[Announcement, ...]:
        message: RunStarted = telling.message
        begun = self._beginnings.of(telling.event.stream)
        again = f" (round {message.round})" if message.round > 1 else ""
        return self._run(telling, "pipelinerun.started", f"{_name(begun)} has started{again}", round=message.round)

    def run_finished(self, telling: Telling) -> tuple[Announcement, ...]:
        message: RunFinished = telling.message
        begun = self._beginnings.of(telling.event.stream)
        title = f"{_name(begun)} {_WORDS.get(message.outcome, 'had an error')}"
        content = {"outcome": _OUTCOMES.get(message.outcome, "error")}
        if message.outcome != "success":
            content["errors"] = text(": ".join(filter(None, (message.code, message.detail))) or message.outcome)
        details = {"outcome": message.outcome, "round": message.round, "code": message.code, "detail": message.detail}
        return self._run(telling, "pipelinerun.finished", title, content, _TONES.get(message.outcome, ""), **details)

    def job_started(self, telling: Telling) -> tuple[Announcement, ...]:
        message: JobStarted = telling.message
        return self._job(telling, "taskrun.started", "has started", agent=message.agent_id)

    def job_finished(self, telling: Telling) -> tuple[Announcement, ...]:
        message: JobFinished = telling.message
        content = {"outcome": _OUTCOMES.get(message.outcome, "error")}
        if message.outcome != "success":
            content["errors"] = text(": ".join(filter(None, (message.reason, message.detail))) or message.outcome)
        words = _WORDS.get(message.outcome, "had an error") + (" and is tried again" if message.will_retry else "")
        details = {"code": message.reason, "detail": message.detail, "will_retry": message.will_retry}
        return self._job(telling, "taskrun.finished", words, content, _TONES.get(message.outcome, ""), **details)

    def approval_requested(self, telling: Telling) -> tuple[Announcement, ...]:
        message: ApprovalRequested = telling.message
        content = {"count": message.count, "groups": list(message.groups), "expiresAt": message.expires_at.isoformat()}
        return self._approval(telling, "approval.requested", "waits for an approval", content)

    def approval_decided(self, telling: Telling) -> tuple[Announcement, ...]:
        message: ApprovalDecided = telling.message
        content = {"decision": message.decision, "by": message.by, "comment": text(message.comment)}
        return self._approval(telling, "approval.decided", DECIDED[message.decision], content)

    def _run(
        self,
        telling: Telling,
        kind: str,
        title: str,
        content: dict[str, str] | None = None,
        tone: Tone = "",
        **custom: object,
    ) -> tuple[Announcement, ...]:
        begun = self._beginnings.of(telling.event.stream)
        link = run_url(telling.url, telling.id)
        about = {"pipelineName": begun.app, "uri": link, **(content or {})}
        occurrence = telling.occurrence(kind, telling.id, about, **_facts(telling, begun), **custom)
        return (Announcement(occurrence, title, begun.app, region=telling.event.region, link=link, tone=tone),)

    def _job(
        self,
        telling: Telling,
        kind: str,
        words: str,
        content: dict[str, str] | None = None,
        tone: Tone = "",
        **custom: object,
    ) -> tuple[Announcement, ...]:
        message: JobStarted | JobFinished = telling.message
        begun = self._beginnings.of(telling.event.stream)
        link = run_url(telling.url, telling.id)
        subject = f"{telling.id}/{message.job_id}/{message.attempt}"
        about = {"taskName": message.job_id, "uri": link, "pipelineRun": {"id": telling.id}, **(content or {})}
        facts = _facts(telling, begun) | {"attempt": message.attempt}
        occurrence = telling.occurrence(kind, subject, about, **facts, **custom)
        title = f"{message.job_id} of {_name(begun)} {words}"
        return (Announcement(occurrence, title, begun.app, region=telling.event.region, link=link, tone=tone),)

    def _approval(self, telling: Telling, kind: str, words: str, content: dict[str, Any]) -> tuple[Announcement, ...]:
        message: ApprovalRequested | ApprovalDecided = telling.message
        begun = self._beginnings.of(telling.event.stream)
        link = run_url(telling.url, telling.id)
        about = {"stage": message.stage, "uri": link, "pipelineRun": {"id": telling.id}, **content}
        occurrence = telling.occurrence(kind, f"{telling.id}/{message.stage}", about, **_facts(telling, begun))
        title = f"{message.stage} of {_name(begun)} {words}"
        return (Announcement(occurrence, title, begun.app, region=telling.event.region, link=link),)


def _name(begun: Beginning) -> str:
    return f"{begun.app} #{begun.number}"


def _facts(telling: Telling, begun: Beginning) -> dict[str, object]:
    return {
        "app": begun.app,
        "run": telling.id,
        "number": begun.number,
        "ref": begun.ref,
        "commit": begun.commit,
        "title": begun.title,
        "by": begun.by,
        "region": telling.event.region,
    }
