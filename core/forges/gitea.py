"""Gitea and Forgejo: `push`, `delete` (their only word on a deleted branch) and `pull_request`."""

import msgspec

from core.forges.base import (
    Change,
    Dialect,
    FileLists,
    Ignored,
    Incoming,
    Outcome,
    PullRequest,
    closed,
    decode,
    is_new,
    paths_of,
    proposed,
    pushed,
    unsupported,
    unsupported_action,
)


class _Repository(msgspec.Struct, frozen=True):
    clone_url: str = ""
    ssh_url: str = ""
    html_url: str = ""


class _Scope(msgspec.Struct, frozen=True):
    repository: _Repository | None = None


class _Person(msgspec.Struct, frozen=True):
    login: str = ""


class _HeadCommit(msgspec.Struct, frozen=True):
    id: str
    message: str = ""


class _Push(msgspec.Struct, frozen=True):
    ref: str
    before: str
    after: str
    commits: tuple[FileLists, ...] | None = None
    total_commits: int = 0
    head_commit: _HeadCommit | None = None
    pusher: _Person | None = None


class _Delete(msgspec.Struct, frozen=True):
    ref: str
    ref_type: str


class _Side(msgspec.Struct, frozen=True):
    ref: str
    sha: str


class _Pull(msgspec.Struct, frozen=True):
    title: str
    head: _Side
    base: _Side
    user: _Person | None = None


class _PullRequest(msgspec.Struct, frozen=True):
    action: str
    number: int
    pull_request: _Pull
    before: str = ""


def _repository_urls(payload: bytes) -> tuple[str, ...]:
    repository = decode(_Scope, payload).repository or _Repository()
    return tuple(filter(None, (repository.clone_url, repository.ssh_url, repository.html_url)))


def _normalise(incoming: Incoming) -> tuple[Outcome, ...]:
    match incoming.event:
        case "push":
            return _push(incoming)
        case "delete":
            return _delete(incoming)
        case "pull_request" | "pull_request_sync":
            return _pull_request(incoming)
    return unsupported(incoming.event)


def _push(incoming: Incoming) -> tuple[Outcome, ...]:
    push = decode(_Push, incoming.payload)
    head = push.head_commit
    is_tag = push.ref.startswith("refs/tags/")
    change = Change(
        ref=push.ref,
        before=push.before,
        after=push.after,
        commit=head.id if head and is_tag else "",
        title=head.message if head else "",
        author=push.pusher.login if push.pusher else "",
        changed_paths=_changed_paths(push),
    )
    return pushed(incoming, (change,))


def _changed_paths(push: _Push) -> tuple[str, ...] | None:
    """Five commits are listed unless the server's settings say otherwise. A forced push is not marked."""
    commits = push.commits or ()
    if is_new(push.before) or not commits or push.total_commits > len(commits):
        return None
    return paths_of(commits)


def _delete(incoming: Incoming) -> tuple[Outcome, ...]:
    deleted = decode(_Delete, incoming.payload)
    kind, space = ("tag", "tags") if deleted.ref_type == "tag" else ("branch", "heads")
    name = deleted.ref[:200]
    detail = f"{kind} '{name}' was deleted; nothing is left to build"
    return (Ignored(f"{kind}-deleted", detail, f"refs/{space}/{name}"),)


def _pull_request(incoming: Incoming) -> tuple[Outcome, ...]:
    event = decode(_PullRequest, incoming.payload)
    if event.action == "closed":
        return closed(event.number)
    if event.action not in ("opened", "synchronized", "reopened"):
        return unsupported_action(event.action)
    pull = event.pull_request
    return proposed(
        incoming,
        PullRequest(
            number=event.number,
            ref=f"refs/pull/{event.number}/head",
            commit=pull.head.sha,
            branch=pull.head.ref,
            base_branch=pull.base.ref,
            title=pull.title,
            author=pull.user.login if pull.user else "",
            before=event.before,
        ),
    )


DIALECT = Dialect(
    event_headers=("x-forgejo-event", "x-gitea-event"),
    delivery_headers=("x-forgejo-delivery", "x-gitea-delivery"),
    repository_urls=_repository_urls,
    normalise=_normalise,
)
