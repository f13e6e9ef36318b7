"""Bitbucket Cloud: `repo:push` (several changes in one delivery) and `pullrequest:*`. It never names files."""

import msgspec

from core.forges.base import (
    Change,
    Dialect,
    Ignored,
    Incoming,
    Outcome,
    PullRequest,
    closed,
    decode,
    proposed,
    pushed,
    unsupported,
)
from core.trigger import ZERO_COMMIT


class _Href(msgspec.Struct, frozen=True):
    href: str = ""


class _Links(msgspec.Struct, frozen=True):
    html: _Href = _Href()


class _Repository(msgspec.Struct, frozen=True):
    full_name: str = ""
    links: _Links = _Links()


class _Scope(msgspec.Struct, frozen=True):
    repository: _Repository | None = None


class _Actor(msgspec.Struct, frozen=True):
    nickname: str = ""
    display_name: str = ""


class _Target(msgspec.Struct, frozen=True):
    hash: str
    message: str = ""


class _Ref(msgspec.Struct, frozen=True):
    type: str
    name: str
    target: _Target


class _Moved(msgspec.Struct, frozen=True):
    new: _Ref | None
    old: _Ref | None


class _Changes(msgspec.Struct, frozen=True):
    changes: tuple[_Moved, ...]


class _Push(msgspec.Struct, frozen=True):
    push: _Changes
    actor: _Actor = _Actor()


class _Named(msgspec.Struct, frozen=True):
    name: str


class _Commit(msgspec.Struct, frozen=True):
    hash: str


class _Side(msgspec.Struct, frozen=True):
    branch: _Named
    commit: _Commit
    repository: _Repository | None = None


class _Pull(msgspec.Struct, frozen=True):
    id: int
    title: str
    source: _Side
    destination: _Side


class _PullRequest(msgspec.Struct, frozen=True):
    pullrequest: _Pull
    actor: _Actor = _Actor()


def _repository_urls(payload: bytes) -> tuple[str, ...]:
    repository = decode(_Scope, payload).repository or _Repository()
    by_name = repository.full_name and f"https://bitbucket.org/{repository.full_name}"
    return tuple(filter(None, (by_name, repository.links.html.href)))


def _normalise(incoming: Incoming) -> tuple[Outcome, ...]:
    match incoming.event:
        case "repo:push":
            push = decode(_Push, incoming.payload)
            return pushed(
                incoming,
                (_change(moved, push.actor) for moved in push.push.changes if moved.new or moved.old),
            )
        case "pullrequest:created" | "pullrequest:updated":
            return _pull_request(incoming)
        case "pullrequest:fulfilled" | "pullrequest:rejected":
            return closed(decode(_PullRequest, incoming.payload).pullrequest.id)
    return unsupported(incoming.event)


def _change(moved: _Moved, actor: _Actor) -> Change:
    named = moved.new or moved.old
    assert named is not None
    space = "tags" if "tag" in named.type else "heads"
    return Change(
        ref=f"refs/{space}/{named.name}",
        before=moved.old.target.hash if moved.old else ZERO_COMMIT,
        after=moved.new.target.hash if moved.new else ZERO_COMMIT,
        title=moved.new.target.message if moved.new else "",
        author=actor.nickname or actor.display_name,
    )


def _pull_request(incoming: Incoming) -> tuple[Outcome, ...]:
    event = decode(_PullRequest, incoming.payload)
    pull = event.pullrequest
    source, destination = pull.source, pull.destination
    if source.repository != destination.repository:
        # Bitbucket offers no ref for it in the repository that it asks to change.
        where = source.repository.full_name if source.repository else "a deleted fork"
        return (Ignored("pull-request-from-fork", f"pull request {pull.id} comes from {where}"),)
    return proposed(
        incoming,
        PullRequest(
            number=pull.id,
            ref=f"refs/heads/{source.branch.name}",
            commit=source.commit.hash,
            branch=source.branch.name,
            base_branch=destination.branch.name,
            title=pull.title,
            author=event.actor.nickname or event.actor.display_name,
        ),
    )


DIALECT = Dialect(
    event_headers=("x-event-key",),
    delivery_headers=("x-request-uuid",),
    repository_urls=_repository_urls,
    normalise=_normalise,
)
