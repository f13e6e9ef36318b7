"""What is told of the catalog: releases that are fixed, and environments that come, change and go."""

from collections.abc import Callable

from agents.connectors.links import app_url, environment_url
from agents.connectors.notifications.announcement import Announcement, Telling, purl
from agents.connectors.notifications.beginnings import NotKnownYet
from core.catalog.events import APP_EVENTS, EnvironmentsSet, ReleaseCreated
from core.environments.settings import EnvironmentSettings
from core.eventlog.envelope import EventEnvelope

# The event itself and the one of the same type before it; None: not there yet, or not to be had now.
WithPrevious = Callable[[EventEnvelope], tuple[EventEnvelope, ...] | None]


def release_created(telling: Telling) -> tuple[Announcement, ...]:
    message: ReleaseCreated = telling.message
    release = message.release
    content = {"user": release.author} if release.author else {}
    custom = {"app": release.app, "release": release.id, "commit": release.commit, "run": release.run_id}
    occurrence = telling.occurrence("artifact.published", purl(release), content, **custom, title=release.title)
    title = f"{release.app} has a new release {release.id}"
    return (Announcement(occurrence, title, release.app, link=app_url(telling.url, release.app)),)


class AboutEnvironments:
    """The log has all environments of an app at once; what changed is told of each."""

    def __init__(self, with_previous: WithPrevious) -> None:
        self._with_previous = with_previous

    def environments_set(self, telling: Telling) -> tuple[Announcement, ...]:
        """Raises NotKnownYet."""
        found = self._with_previous(telling.event)
        if found is None:
            raise NotKnownYet(f"the views don't have '{telling.event.type}' of {telling.event.stream} yet")
        old = _settings(found[1]) if len(found) > 1 else {}
        new = _settings(telling.event)
        changes = [(name, "created") for name in new if name not in old]
        changes += [(name, "modified") for name in new if name in old and new[name] != old[name]]
        changes += [(name, "deleted") for name in old if name not in new]
        return tuple(_told(telling, name, what) for name, what in changes)


def _settings(event: EventEnvelope) -> dict[str, EnvironmentSettings]:
    message = APP_EVENTS.decode(event.type, event.schema_version, event.data)
    assert isinstance(message, EnvironmentsSet)
    return {each.name: each for each in message.environments}


def _told(telling: Telling, environment: str, what: str) -> Announcement:
    message: EnvironmentsSet = telling.message
    link = environment_url(telling.url, telling.id, environment)
    content = {"name": environment} | ({} if what == "deleted" else {"uri": link})
    custom = {"app": telling.id, "environment": environment, "by": message.by, "commit": message.commit}
    occurrence = telling.occurrence(f"environment.{what}", f"{telling.id}/{environment}", content, **custom)
    # One event of the log may tell of several environments, each in a CDEvent of its own.
    occurrence = occurrence._replace(cause=f"{occurrence.cause}/{environment}")
    title = f"environment {environment} of {telling.id} was {what}"
    return Announcement(occurrence, title, telling.id, environment, link=link)
