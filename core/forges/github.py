"""GitHub: `push` and `pull_request`, as github.com and GitHub Enterprise Server send them."""

import msgspec

from core.forges.base import (
    Change,
    Dialect,
    FileLists,
    Incoming,
    Outcome,
    PullRequest,
    closed,
    decode,
    is_new,
    paths_of,
    ping,
    proposed,
    pushed,
    unsupported,
    unsupported_action,
)

# "The array includes a maximum of 2048 commits": a list of that length may be cut off.
MAX_COMMITS = 2048


class _Repository(msgspec.Struct, frozen=True):
    clone_url: str = ""
    ssh_url: str = ""
    html_url: str = ""


class _Scope(msgspec.Struct, frozen=True):
    repository: _Repository | None = None


class _Person(msgspec.Struct, frozen=True):
    name: str | None = None
    login: str = ""


class _HeadCommit(msgspec.Struct, frozen=True):
    id: str
    message: str = ""


class _Push(msgspec.Struct, frozen=True):
    ref: str
    before: str
    after: str
    forced: bool = False
    commits: tuple[FileLists, ...] = ()
    head_commit: _HeadCommit | None = None
    pusher: _Person | None = None
    sender: _Person | None = None


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
        case "pull_request":
            return _pull_request(incoming)
        case "ping":
            return ping()
    return unsupported(incoming.event)


def _push(incoming: Incoming) -> tuple[Outcome, ...]:
    push = decode(_Push, incoming.payload)
    head = push.head_commit
    is_tag = push.ref.startswith("refs/tags/")
    author = (push.sender and push.sender.login) or (push.pusher and push.pusher.name) or ""
    change = Change(
        ref=push.ref,
        before=push.before,
        after=push.after,
        commit=head.id if head and is_tag else "",
        title=head.message if head else "",
        author=author,
        changed_paths=_changed_paths(push),
    )
    return pushed(incoming, (change,))


def _changed_paths(push: _Push) -> tuple[str, ...] | None:
    """A forced push lists what came, not what went; a new branch lists nothing that another branch has."""
    if push.forced or is_new(push.before) or len(push.commits) >= MAX_COMMITS:
        return None
    return paths_of(push.commits)


def _pull_request(incoming: Incoming) -> tuple[Outcome, ...]:
    event = decode(_PullRequest, incoming.payload)
    if event.action == "closed":
        return closed(event.number)
    if event.action not in ("opened", "synchronize", "reopened"):
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
    event_headers=("x-github-event",),
    delivery_headers=("x-github-delivery",),
    repository_urls=_repository_urls,
    normalise=_normalise,
)
