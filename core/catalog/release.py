"""A Release: fixed for ever by whoever makes it first."""

from datetime import datetime
from typing import Any

import msgspec

from core.aggregate import CommandIgnored, CommandRejected, Rejected
from core.catalog import commands as c
from core.catalog import events as e
from core.catalog.rules import check_release
from core.environments.release import Release
from core.eventlog.serialization import Message
from core.ids import derived_id


class ReleaseState(msgspec.Struct, omit_defaults=True):
    """`id` is `<app>/<release id>`. Only what tells another content from this one is remembered."""

    id: str
    content: str = ""


def content_of(release: Release) -> str:
    """Equal for equal releases. Whether a contract migration goes out with it is the environment's affair."""
    plain = msgspec.structs.replace(release, incompatible_before=False)
    return derived_id("release", msgspec.json.encode(plain, order="deterministic").decode())


def decide(state: ReleaseState, command: Any, now: datetime) -> tuple[Message, ...]:
    """The events the command leads to. Raises Rejected."""
    if not isinstance(command, c.CreateRelease):
        return ()
    release = command.release
    check_release(release)
    if f"{release.app}/{release.id}" != state.id:
        raise Rejected("release-invalid", f"the command for {state.id} names another one, {release.app}/{release.id}")
    if state.content and state.content != content_of(release):
        raise Rejected("release-exists", f"release {state.id} exists with another content, and is never changed")
    return () if state.content else (e.ReleaseCreated(release=release),)


def evolve(state: ReleaseState, event: Any) -> ReleaseState:
    if isinstance(event, e.ReleaseCreated):
        state.content = content_of(event.release)
    elif not isinstance(event, CommandRejected | CommandIgnored):
        raise TypeError(f"{type(event).__name__} is no event of a release")
    return state


def deadline(state: ReleaseState) -> datetime | None:
    return None


def finished(state: ReleaseState) -> bool:
    """It recurs: what it must refuse is remembered for ever."""
    return True
