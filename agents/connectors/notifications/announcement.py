"""What is told of an event of the log: an occurrence in CDEvents' words, and a title for people."""

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from agents.connectors.links import environment_url
from core.environments.release import Release
from core.eventlog.envelope import EventEnvelope
from core.eventlog.serialization import Catalogue
from core.notifications.cdevents import Occurrence
from core.notifications.notification import Notification, Tone, notification_of

MOST_CHARACTERS = 1000
TITLE_CHARACTERS = 250


class Announcement(NamedTuple):
    """`occurrence` and what filters and people look at."""

    occurrence: Occurrence
    title: str
    app: str
    environment: str = ""
    region: str = ""
    link: str = ""
    tone: Tone = ""


class Telling(NamedTuple):
    """An event that is told of. `url` is the installation's public one."""

    event: EventEnvelope
    message: Any
    id: str
    url: str

    def occurrence(self, kind: str, subject: str, content: dict[str, Any], **custom: Any) -> Occurrence:
        """`custom` without what is empty."""
        event = self.event
        told = {name: _short(value) for name, value in custom.items() if value not in ("", None, (), {})}
        return Occurrence(kind, event.event_id, event.recorded_at, subject, content, event.correlation_id, told)


def notification(announcement: Announcement, url: str, subscription: str) -> Notification:
    occurrence, title, app, environment, region, link, tone = announcement
    return notification_of(
        occurrence,
        url,
        subscription,
        title=text(title, TITLE_CHARACTERS),
        app=app,
        environment=environment,
        region=region,
        link=link,
        tone=tone,
    )


def environment_of(url: str, app: str, environment: str) -> dict[str, str]:
    """An environment as a part of other subjects. Its name is unique in its app only."""
    return {"id": f"{app}/{environment}", "source": environment_url(url, app, environment)}


def service_id(app: str, environment: str, region: str) -> str:
    return f"{app}/{environment}/{region}"


def purl(release: Release) -> str:
    """The package URL (purl) of what a release deploys."""
    artifact = release.artifact
    if artifact.kind == "image":
        name = release.app if artifact.location == artifact.digest else artifact.location.partition("@")[0]
        repository, _, last = name.rpartition("/")
        last = last.partition(":")[0]
        where = f"?repository_url={quote(f'{repository}/{last}', safe='/')}" if repository else ""
        return f"pkg:oci/{quote(last.lower())}@{quote(artifact.digest, safe='')}{where}"
    base = f"pkg:generic/{quote(release.app)}@{quote(release.id, safe='')}"
    if artifact.kind == "file":
        return f"{base}?checksum={artifact.digest}"
    if urlsplit(artifact.location).scheme in ("http", "https", "ssh"):
        commit = artifact.digest.removeprefix("git:")
        return f"{base}?vcs_url={quote(f'git+{artifact.location}@{commit}', safe='')}"
    return base


def text(value: str, most: int = MOST_CHARACTERS) -> str:
    """Not more of a text than a receiver wants to read."""
    return value if len(value) <= most else f"{value[: most - 1]}…"


def _short(value: Any) -> Any:
    return text(value) if isinstance(value, str) else value


class Told(NamedTuple):
    """How one type of event is read and told of. `tell` may raise NotKnownYet."""

    events: Catalogue
    tell: Callable[[Telling], tuple[Announcement, ...]]
