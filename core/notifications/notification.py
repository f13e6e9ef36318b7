"""What a subscription is: where notifications go, which ones are wanted; and a notification itself. Pure data."""

from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

from core.ids import derived_id
from core.notifications.cdevents import Occurrence, cdevent, names_of, type_of

SinkKind = Literal["webhook", "slack", "email"]
Tone = Literal["", "good", "bad"]


class Sink(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where to. Secrets are named here (`url_secret`, `signing_secret`), never held: the settings have them.

    webhook  `url`, or the one that `url_secret` names. Signed with what `signing_secret` names; where that is empty,
             with the installation's own secret number `secret_version` for this subscription (and the one before it
             until `old_secret_until`).
    slack    the incoming webhook's URL, which `url_secret` names: who knows it may post.
    email    `address`.
    """

    kind: SinkKind
    url: str = ""
    url_secret: str = ""
    address: str = ""
    signing_secret: str = ""
    secret_version: int = 1
    old_secret_until: datetime | None = None


class Wanted(msgspec.Struct, frozen=True, omit_defaults=True):
    """Globs; an empty list wants all. A type may be named whole, without its version, or as `subject.predicate`.

    A list of apps or environments leaves out what belongs to none.
    """

    types: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()

    def has(self, type_name: str, app: str, environment: str) -> bool:
        names = names_of(type_name)
        return (
            (not self.types or any(_fits(name, self.types) for name in names))
            and (not self.apps or _fits(app, self.apps))
            and (not self.environments or _fits(environment, self.environments))
        )


class Notification(msgspec.Struct, frozen=True, omit_defaults=True):
    """One CDEvent (`event`, whole) on its way to one subscription. `id` is its webhook-id, the same for every attempt.

    `title`, `link` and `tone` are for people.
    """

    id: str
    type: str
    event: dict[str, Any]
    title: str
    app: str = ""
    environment: str = ""
    region: str = ""
    link: str = ""
    tone: Tone = ""


def notification_of(
    occurrence: Occurrence,
    source: str,
    subscription: str,
    *,
    title: str,
    app: str = "",
    environment: str = "",
    region: str = "",
    link: str = "",
    tone: Tone = "",
) -> Notification:
    """For one subscription: the id says for whom, so that it can be a receiver's key of what it has seen."""
    identity = derived_id("notification", subscription, occurrence.kind, occurrence.cause)
    return Notification(
        id=f"msg_{identity.replace('-', '')}",
        type=type_of(occurrence.kind),
        event=cdevent(source, occurrence),
        title=title,
        app=app,
        environment=environment,
        region=region,
        link=link,
        tone=tone,
    )


def _fits(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)
