"""What is told of deployments and rollouts: services deployed, upgraded, rolled back, and what people must know.

A service is an app in one region of an environment.
"""

from typing import Any

from agents.connectors.links import rollout_url
from agents.connectors.notifications.about_runs import DECIDED
from agents.connectors.notifications.announcement import (
    Announcement,
    Telling,
    environment_of,
    purl,
    service_id,
    text,
)
from agents.connectors.notifications.beginnings import Beginning, Beginnings
from core.deployments.events import DeploymentFinished, ReleaseActivated, RollbackTriggered
from core.environments.release import Release
from core.notifications.notification import Tone
from core.rollouts.events import (
    RolloutApprovalDecided,
    RolloutApprovalRequested,
    RolloutFinished,
    RolloutHalted,
    RolloutRequested,
)

# What was aborted, by people or because of another region, has no fault of its own.
_ABORTED = "aborted"
_ENDS = {
    "success": "is complete",
    "rolled_back": "was rolled back",
    "aborted": "was aborted",
    "rejected": "was rejected",
    "error": "had an error",
}


class AboutDeployments:
    """Of one deployment: a place (app, environment, region) and what happened there."""

    def __init__(self, beginnings: Beginnings) -> None:
        self._beginnings = beginnings

    def release_activated(self, telling: Telling) -> tuple[Announcement, ...]:
        """All requests go to it now, at the address that users have."""
        message: ReleaseActivated = telling.message
        title = f"{_place(message)} serves {message.release.id}"
        return (self._service(telling, "service.published", title, message.release, with_artifact=False),)

    def deployment_finished(self, telling: Telling) -> tuple[Announcement, ...]:
        message: DeploymentFinished = telling.message
        if message.outcome == "success":
            return self._succeeded(telling, message)
        if message.outcome == "rolled_back":
            return (self._taken_back(telling, message), self._resolved(telling, message))
        if message.outcome == _ABORTED and message.touched:
            return (self._taken_back(telling, message),)
        return ()

    def _succeeded(self, telling: Telling, message: DeploymentFinished) -> tuple[Announcement, ...]:
        release = message.now_on or self._beginnings.of(telling.event.stream).release
        if release is None:
            return ()
        if message.kind == "rollback":
            title = f"{_place(message)} was rolled back to {release.id}"
            return (self._service(telling, "service.rolledback", title, release, "bad"),)
        if message.rollback_to is None:
            title = f"{release.id} is deployed to {_place(message)}"
            return (self._service(telling, "service.deployed", title, release, "good"),)
        title = f"{_place(message)} was upgraded to {release.id}"
        return (self._service(telling, "service.upgraded", title, release, "good"),)

    def _taken_back(self, telling: Telling, message: DeploymentFinished) -> Announcement:
        back_on = message.now_on
        if back_on is None:
            title = f"{message.release_id} was taken from {_place(message)}, where nothing was before"
            return self._service(telling, "service.removed", title, None, "bad", with_artifact=False)
        title = f"{_place(message)} was rolled back from {message.release_id} to {back_on.id}"
        return self._service(telling, "service.rolledback", title, back_on, "bad")

    def _resolved(self, telling: Telling, message: DeploymentFinished) -> Announcement:
        back_on = message.now_on
        where = f"all requests are with {back_on.id} again" if back_on else "nothing runs there any more"
        return self._incident(telling, "incident.resolved", f"{_place(message)}: {where}", back_on, "")

    def rollback_triggered(self, telling: Telling) -> tuple[Announcement, ...]:
        message: RollbackTriggered = telling.message
        if message.code == _ABORTED:
            return ()
        title = f"{message.release_id} fails in {_place(message)}: {message.detail or message.code}"
        begun = self._beginnings.of(telling.event.stream)
        return (self._incident(telling, "incident.detected", title, begun.release, "bad"),)

    def _service(
        self,
        telling: Telling,
        kind: str,
        title: str,
        release: Release | None,
        tone: Tone = "",
        with_artifact: bool = True,
    ) -> Announcement:
        message: DeploymentFinished | ReleaseActivated = telling.message
        content: dict[str, Any] = {"environment": environment_of(telling.url, message.app, message.environment)}
        if with_artifact and release is not None:
            content["artifactId"] = purl(release)
        subject = service_id(message.app, message.environment, message.region)
        custom = _facts(telling, release)
        return _announcement(telling, telling.occurrence(kind, subject, content, **custom), title, tone)

    def _incident(self, telling: Telling, kind: str, title: str, release: Release | None, tone: Tone) -> Announcement:
        """Its id is the rollout's in this region: what was detected there is what is resolved there."""
        message: DeploymentFinished | RollbackTriggered = telling.message
        service = service_id(message.app, message.environment, message.region)
        content: dict[str, Any] = {
            "description": text(title),
            "environment": environment_of(telling.url, message.app, message.environment),
            "service": {"id": service, "source": telling.url},
        }
        if release is not None:
            content["artifactId"] = purl(release)
        custom = _facts(telling, release)
        if isinstance(message, RollbackTriggered):
            custom |= {"check": message.check, "value": message.value}
        subject = f"{message.rollout_id}/{message.region}"
        return _announcement(telling, telling.occurrence(kind, subject, content, **custom), title, tone)


def _announcement(telling: Telling, occurrence: Any, title: str, tone: Tone) -> Announcement:
    message: DeploymentFinished | ReleaseActivated | RollbackTriggered = telling.message
    link = rollout_url(telling.url, message.rollout_id)
    return Announcement(occurrence, title, message.app, message.environment, message.region, link, tone)


def _place(message: DeploymentFinished | ReleaseActivated | RollbackTriggered) -> str:
    return f"{message.app} in {message.environment} ({message.region})"


def _facts(telling: Telling, release: Release | None) -> dict[str, Any]:
    message: DeploymentFinished | ReleaseActivated | RollbackTriggered = telling.message
    return {
        "app": message.app,
        "environment": message.environment,
        "region": message.region,
        "deployment": telling.id,
        "rollout": message.rollout_id,
        "release": release.id if release else "",
        "commit": release.commit if release else "",
        "run": release.run_id if release else "",
        "code": getattr(message, "code", ""),
        "detail": getattr(message, "detail", ""),
    }


class AboutRollouts:
    """Of rollouts CDEvents has no word: events of our own tell when one starts, waits for people, halts and ends."""

    def __init__(self, beginnings: Beginnings) -> None:
        self._beginnings = beginnings

    def requested(self, telling: Telling) -> tuple[Announcement, ...]:
        message: RolloutRequested = telling.message
        content = {"kind": message.kind, "regions": [region for wave in message.waves for region in wave]}
        doing = "goes back" if message.kind == "rollback" else "goes out"
        return self._told(telling, "rollout.started", f"{message.release.id} {doing}", content)

    def halted(self, telling: Telling) -> tuple[Announcement, ...]:
        message: RolloutHalted = telling.message
        content = {"code": message.code, "detail": text(message.detail)}
        title = f"the rollout has halted and waits for somebody: {message.detail or message.code}"
        return self._told(telling, "rollout.halted", title, content, "bad")

    def finished(self, telling: Telling) -> tuple[Announcement, ...]:
        message: RolloutFinished = telling.message
        content = {
            "kind": message.kind,
            "outcome": message.outcome,
            "code": message.code,
            "detail": text(message.detail),
        }
        why = f": {message.detail or message.code}" if message.outcome != "success" else ""
        title = f"the rollout of {message.release_id} {_ENDS[message.outcome]}{why}"
        tone: Tone = "good" if message.outcome == "success" else "bad"
        return self._told(telling, "rollout.finished", title, content, tone)

    def approval_requested(self, telling: Telling) -> tuple[Announcement, ...]:
        message: RolloutApprovalRequested = telling.message
        content = {"count": message.count, "groups": list(message.groups), "expiresAt": message.expires_at.isoformat()}
        return self._told(telling, "approval.requested", "the rollout waits for an approval", content)

    def approval_decided(self, telling: Telling) -> tuple[Announcement, ...]:
        message: RolloutApprovalDecided = telling.message
        content = {"decision": message.decision, "by": message.by, "comment": text(message.comment)}
        return self._told(telling, "approval.decided", f"the rollout {DECIDED[message.decision]}", content)

    def _told(
        self, telling: Telling, kind: str, words: str, content: dict[str, Any], tone: Tone = ""
    ) -> tuple[Announcement, ...]:
        begun = self._beginnings.of(telling.event.stream)
        link = rollout_url(telling.url, telling.id)
        about = {"uri": link, "environment": environment_of(telling.url, begun.app, begun.environment), **content}
        occurrence = telling.occurrence(kind, telling.id, about, **_rollout_facts(telling, begun))
        title = f"{begun.app} to {begun.environment}: {words}"
        return (Announcement(occurrence, title, begun.app, begun.environment, link=link, tone=tone),)


def _rollout_facts(telling: Telling, begun: Beginning) -> dict[str, Any]:
    return {
        "app": begun.app,
        "environment": begun.environment,
        "rollout": telling.id,
        "number": begun.number,
        "release": begun.release.id if begun.release else "",
        "commit": begun.release.commit if begun.release else "",
        "by": begun.by,
    }
