"""Bitbucket Data Center: `repo:refs_changed` (several changes in one delivery), `pr:*` and its test of a webhook."""

import msgspec

from core.forges.base import (
    Change,
    Dialect,
    Incoming,
    Outcome,
    PullRequest,
    closed,
    decode,
    ping,
    proposed,
    pushed,
    unsupported,
)


class _Href(msgspec.Struct, frozen=True):
    href: str = ""


class _Links(msgspec.Struct, frozen=True):
    clone: tuple[_Href, ...] = ()


class _Repository(msgspec.Struct, frozen=True):
    links: _Links = _Links()


class _Actor(msgspec.Struct, frozen=True):
    name: str = ""


class _Moved(msgspec.Struct, frozen=True, rename="camel"):
    ref_id: str
    from_hash: str
    to_hash: str


class _Commit(msgspec.Struct, frozen=True):
    message: str = ""


class _Push(msgspec.Struct, frozen=True, rename="camel"):
    changes: tuple[_Moved, ...]
    actor: _Actor = _Actor()
    to_commit: _Commit | None = None


class _Side(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    display_id: str
    latest_commit: str
    repository: _Repository = _Repository()


class _Pull(msgspec.Struct, frozen=True, rename="camel"):
    id: int
    title: str
    from_ref: _Side
    to_ref: _Side


class _PullRequest(msgspec.Struct, frozen=True, rename="camel"):
    pull_request: _Pull
    actor: _Actor = _Actor()
    previous_from_hash: str = ""


class _Target(msgspec.Struct, frozen=True, rename="camel"):
    to_ref: _Side


class _Scope(msgspec.Struct, frozen=True, rename="camel"):
    repository: _Repository | None = None
    pull_request: _Target | None = None


def _repository_urls(payload: bytes) -> tuple[str, ...]:
    scope = decode(_Scope, payload)
    repository = scope.pull_request.to_ref.repository if scope.pull_request else scope.repository
    return tuple(link.href for link in repository.links.clone if link.href) if repository else ()


def _normalise(incoming: Incoming) -> tuple[Outcome, ...]:
    match incoming.event:
        case "repo:refs_changed":
            return _push(incoming)
        case "pr:opened" | "pr:from_ref_updated":
            return _pull_request(incoming)
        case "pr:merged" | "pr:declined" | "pr:deleted":
            return closed(decode(_PullRequest, incoming.payload).pull_request.id)
        case "diagnostics:ping":
            return ping()
    return unsupported(incoming.event)


def _push(incoming: Incoming) -> tuple[Outcome, ...]:
    push = decode(_Push, incoming.payload)
    title = push.to_commit.message if push.to_commit and len(push.changes) == 1 else ""
    changes = (Change(c.ref_id, c.from_hash, c.to_hash, title=title, author=push.actor.name) for c in push.changes)
    return pushed(incoming, changes)


def _pull_request(incoming: Incoming) -> tuple[Outcome, ...]:
    event = decode(_PullRequest, incoming.payload)
    pull = event.pull_request
    return proposed(
        incoming,
        PullRequest(
            number=pull.id,
            ref=f"refs/pull-requests/{pull.id}/from",
            commit=pull.from_ref.latest_commit,
            branch=pull.from_ref.display_id,
            base_branch=pull.to_ref.display_id,
            title=pull.title,
            author=event.actor.name,
            before=event.previous_from_hash,
        ),
    )


DIALECT = Dialect(
    event_headers=("x-event-key",),
    delivery_headers=("x-request-id",),
    repository_urls=_repository_urls,
    normalise=_normalise,
)
