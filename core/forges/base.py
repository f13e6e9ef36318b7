"""What all forges share: the shape of an outcome, strict decoding of payloads, and making triggers from changes."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar
from urllib.parse import parse_qs

import msgspec

from core.ids import derived_id
from core.trigger import Forge, Source, Trigger

MAX_TITLE = 200
MAX_CHANGED_PATHS = 5_000
MAX_CHANGED_PATHS_CHARACTERS = 256_000

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_SHORT_COMMIT = re.compile(r"[0-9a-f]{7,64}")
# What `git check-ref-format` refuses: such a ref can't exist, so whoever sends it does not speak for a repository.
_FORBIDDEN_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|\.$|/$")
T = TypeVar("T", bound=msgspec.Struct)


class Malformed(Exception):
    """A payload that can't be what its forge sends. `code`: malformed-json | payload-invalid."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Ignored(NamedTuple):
    """Nothing to run. `code` is stable and kebab-case, `detail` is for people; `ref` is the branch or tag, if any."""

    code: str
    detail: str
    ref: str = ""


Outcome = Trigger | Ignored


class Incoming(NamedTuple):
    """One delivery with its payload as JSON. `cause` is the id of the first delivery of the same thing."""

    forge: Forge
    event: str
    delivery_id: str
    cause: str
    at: datetime
    payload: bytes


@dataclass(frozen=True)
class Dialect:
    """How one forge speaks: which headers name event and delivery, which repository is meant, what is asked."""

    event_headers: tuple[str, ...]
    delivery_headers: tuple[str, ...]
    repository_urls: Callable[[bytes], tuple[str, ...]]
    normalise: Callable[[Incoming], tuple[Outcome, ...]]


class Change(NamedTuple):
    """A branch or tag that moved. `commit` differs from `after` where that is an annotated tag's own id."""

    ref: str
    before: str
    after: str
    commit: str = ""
    title: str = ""
    author: str = ""
    changed_paths: tuple[str, ...] | None = None


class PullRequest(NamedTuple):
    number: int
    ref: str
    commit: str
    branch: str
    base_branch: str
    title: str
    author: str
    before: str = ""


class FileLists(msgspec.Struct, frozen=True):
    """The part of a pushed commit that names files, the same at GitHub, GitLab and Gitea."""

    added: tuple[str, ...] | None = None
    modified: tuple[str, ...] | None = None
    removed: tuple[str, ...] | None = None


def json_payload(content_type: str, body: bytes) -> bytes:
    """The JSON of a body: itself, or the field `payload` of a form (GitHub and Gitea can send both)."""
    if not content_type.lower().startswith("application/x-www-form-urlencoded"):
        return body
    try:
        fields = parse_qs(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=100,
        )
    except ValueError as error:
        raise Malformed("payload-invalid", f"the body is not a form: {error}") from None
    values = fields.get("payload", [])
    if len(values) != 1:
        raise Malformed(
            "payload-invalid",
            f"the form must have one field 'payload', not {len(values)}",
        )
    return values[0].encode()


def decode(kind: type[T], payload: bytes) -> T:
    """The typed payload. Raises Malformed naming the field (`$.ref`) that is missing or of another type."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.ValidationError as error:
        raise Malformed("payload-invalid", f"the payload is not what the forge documents: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed("malformed-json", f"the body is not valid JSON: {error}") from None


def unsupported(event: str) -> tuple[Outcome, ...]:
    return (Ignored("unsupported-event", f"the event '{event[:100]}' never makes a run"),)


def ping() -> tuple[Outcome, ...]:
    return (Ignored("ping", "the forge checked that the webhook works"),)


def closed(number: int) -> tuple[Outcome, ...]:
    return (
        Ignored(
            "pull-request-closed",
            f"pull request {number} was closed or merged; nothing is left to build",
        ),
    )


def unsupported_action(action: str) -> tuple[Outcome, ...]:
    return (
        Ignored(
            "unsupported-action",
            f"'{action[:100]}' changes no commit of the pull request",
        ),
    )


def pushed(incoming: Incoming, changes: Iterable[Change]) -> tuple[Outcome, ...]:
    """One outcome per change. A push without any change is ignored, on record."""
    outcomes = tuple(_pushed(incoming, index, change) for index, change in enumerate(changes))
    return outcomes or (Ignored("nothing-changed", "the push names no branch and no tag"),)


def _pushed(incoming: Incoming, index: int, change: Change) -> Outcome:
    name, source = _branch_or_tag(change.ref)
    _check_ref(change.ref)
    _check_commit("before", change.before)
    _check_commit("after", change.after)
    if source is None:
        return Ignored("unsupported-ref", f"'{change.ref}' is neither a branch nor a tag", change.ref)
    if _is_zero(change.after):
        kind = "branch" if source == "push" else "tag"
        return Ignored(f"{kind}-deleted", f"{kind} '{name}' was deleted; nothing is left to build", change.ref)
    if change.after == change.before:
        return Ignored("nothing-changed", f"'{change.ref}' was at {change.after} before and after", change.ref)
    commit = change.commit or change.after
    _check_commit("commit", commit)
    return Trigger(
        trigger_id=derived_id("trigger", incoming.forge, incoming.cause, index),
        source=source,
        ref=change.ref,
        commit=commit,
        before=change.before,
        branch=name if source == "push" else "",
        tag=name if source == "tag" else "",
        title=title_of(change.title),
        author=change.author,
        delivery_id=incoming.delivery_id,
        changed_paths=_bounded(change.changed_paths),
        at=incoming.at,
    )


def proposed(incoming: Incoming, pull: PullRequest) -> tuple[Outcome, ...]:
    """A pull request that has a commit to build. Its changed files are always asked of git."""
    _check_ref(pull.ref)
    for field, branch in (("branch", pull.branch), ("base branch", pull.base_branch)):
        if not branch or _FORBIDDEN_IN_REF.search(branch):
            raise Malformed(
                "payload-invalid",
                f"the {field} {branch[:200]!r} is not a valid branch name",
            )
    if not _SHORT_COMMIT.fullmatch(pull.commit):
        raise Malformed("payload-invalid", f"the commit {pull.commit[:80]!r} is not a commit id")
    trigger = Trigger(
        trigger_id=derived_id("trigger", incoming.forge, incoming.cause, 0),
        source="pull_request",
        ref=pull.ref,
        commit=pull.commit,
        before=pull.before,
        branch=pull.branch,
        pull_request=pull.number,
        base_branch=pull.base_branch,
        title=title_of(pull.title),
        author=pull.author,
        delivery_id=incoming.delivery_id,
        at=incoming.at,
    )
    return (trigger,)


def paths_of(commits: Iterable[FileLists]) -> tuple[str, ...]:
    """All files that the commits touched, sorted."""
    paths: set[str] = set()
    for commit in commits:
        paths.update(commit.added or (), commit.modified or (), commit.removed or ())
    return tuple(sorted(paths))


def title_of(message: str) -> str:
    """The first line of a commit message, shortened."""
    line = message.strip().split("\n", 1)[0].strip()
    return line if len(line) <= MAX_TITLE else line[: MAX_TITLE - 1] + "…"


def is_new(before: str) -> bool:
    """Whether `before` says that the branch did not exist."""
    return not before or _is_zero(before)


def is_ref(ref: str) -> bool:
    """Whether git could have a ref of this full name."""
    return ref.startswith("refs/") and len(ref) <= 1024 and not _FORBIDDEN_IN_REF.search(ref)


def _is_zero(commit: str) -> bool:
    return set(commit) == {"0"}


def _branch_or_tag(ref: str) -> tuple[str, Source | None]:
    if ref.startswith("refs/heads/"):
        return ref.removeprefix("refs/heads/"), "push"
    if ref.startswith("refs/tags/"):
        return ref.removeprefix("refs/tags/"), "tag"
    return ref, None


def _check_ref(ref: str) -> None:
    if not is_ref(ref):
        raise Malformed("payload-invalid", f"{ref[:200]!r} is not the full name of a git ref")


def _check_commit(field: str, commit: str) -> None:
    if not _COMMIT.fullmatch(commit):
        raise Malformed(
            "payload-invalid",
            f"'{field}' is {commit[:80]!r}, which is not a full commit id",
        )


def _bounded(paths: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """None for a list that would not fit into an event: git is asked instead."""
    if paths is None or len(paths) > MAX_CHANGED_PATHS or sum(map(len, paths)) > MAX_CHANGED_PATHS_CHARACTERS:
        return None
    return paths
