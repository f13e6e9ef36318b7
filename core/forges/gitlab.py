"""GitLab: `Push Hook`, `Tag Push Hook` and `Merge Request Hook`."""

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
    proposed,
    pushed,
    unsupported,
    unsupported_action,
)


class _Project(msgspec.Struct, frozen=True):
    git_http_url: str = ""
    git_ssh_url: str = ""
    web_url: str = ""


class _Scope(msgspec.Struct, frozen=True):
    project: _Project | None = None


class _Commit(FileLists, frozen=True, kw_only=True):
    id: str
    message: str = ""


class _Push(msgspec.Struct, frozen=True):
    ref: str
    before: str
    after: str
    checkout_sha: str | None = None
    user_username: str | None = None
    user_name: str | None = None
    commits: tuple[_Commit, ...] = ()
    total_commits_count: int = 0


class _User(msgspec.Struct, frozen=True):
    username: str = ""


class _LastCommit(msgspec.Struct, frozen=True):
    id: str


class _Attributes(msgspec.Struct, frozen=True):
    iid: int
    title: str
    source_branch: str
    target_branch: str
    last_commit: _LastCommit
    action: str = ""
    oldrev: str = ""


class _MergeRequest(msgspec.Struct, frozen=True):
    object_attributes: _Attributes
    user: _User | None = None


def _repository_urls(payload: bytes) -> tuple[str, ...]:
    project = decode(_Scope, payload).project or _Project()
    return tuple(filter(None, (project.git_http_url, project.git_ssh_url, project.web_url)))


def _normalise(incoming: Incoming) -> tuple[Outcome, ...]:
    match incoming.event:
        case "Push Hook" | "Tag Push Hook":
            return _push(incoming)
        case "Merge Request Hook":
            return _merge_request(incoming)
    return unsupported(incoming.event)


def _push(incoming: Incoming) -> tuple[Outcome, ...]:
    push = decode(_Push, incoming.payload)
    head = next((commit for commit in push.commits if commit.id == push.checkout_sha), None)
    change = Change(
        ref=push.ref,
        before=push.before,
        after=push.after,
        commit=push.checkout_sha or "",
        title=head.message if head else "",
        author=push.user_username or push.user_name or "",
        changed_paths=_changed_paths(push),
    )
    return pushed(incoming, (change,))


def _changed_paths(push: _Push) -> tuple[str, ...] | None:
    """GitLab lists at most 20 commits, and none of what a forced push (which it does not mark) removed.

    An empty list of a branch that moved is such a push.
    """
    if is_new(push.before) or not push.commits or push.total_commits_count > len(push.commits):
        return None
    return paths_of(push.commits)


def _merge_request(incoming: Incoming) -> tuple[Outcome, ...]:
    event = decode(_MergeRequest, incoming.payload)
    request = event.object_attributes
    if request.action in ("close", "merge"):
        return closed(request.iid)
    if request.action not in ("open", "reopen") and not (request.action == "update" and request.oldrev):
        return unsupported_action(request.action)
    return proposed(
        incoming,
        PullRequest(
            number=request.iid,
            ref=f"refs/merge-requests/{request.iid}/head",
            commit=request.last_commit.id,
            branch=request.source_branch,
            base_branch=request.target_branch,
            title=request.title,
            author=event.user.username if event.user else "",
            before=request.oldrev,
        ),
    )


DIALECT = Dialect(
    event_headers=("x-gitlab-event",),
    # webhook-id and Idempotency-Key stay the same when GitLab tries again; old versions have only the UUID.
    delivery_headers=("webhook-id", "idempotency-key", "x-gitlab-event-uuid"),
    repository_urls=_repository_urls,
    normalise=_normalise,
)
