"""What the git server needs from outside, wired by infra."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from fastapi import Request

from core.delivery import Delivery
from core.forges.builtin import BuiltinPush
from gateway.git.repositories import Repositories


class GitUser(NamedTuple):
    """Who reads or pushes. `may_create`: a push to an app that does not exist makes it."""

    name: str
    may_push: bool
    may_create: bool


class GitApp(NamedTuple):
    """What the catalog says of an app."""

    repository_url: str
    default_branch: str


class RunProgress(Protocol):
    """What becomes of deliveries, told in lines of text."""

    def follow(self, app: str, deliveries: Sequence[Delivery]) -> AsyncIterator[str]:
        """Lines without line ends, as things happen; ends when there is nothing more to wait for."""
        ...


@dataclass(frozen=True, kw_only=True)
class GitServices:
    """`authenticate` answers None where a password must be asked for, and raises ApiError for a wrong one.

    `create_app(name, user)` answers when the app exists (also when somebody else made it just now) and raises
    ApiError where it can't be. `set_default_branch(app, branch, user)` is told about a first push of another branch.
    `deliver(push, delivery_id)` writes to the log: see gateway.webhooks.deliveries.deliver_builtin.
    """

    repositories: Repositories
    authenticate: Callable[[Request], Awaitable[GitUser | None]]
    find_app: Callable[[str], Awaitable[GitApp | None]]
    create_app: Callable[[str, GitUser], Awaitable[None]]
    set_default_branch: Callable[[str, str, GitUser], Awaitable[None]]
    deliver: Callable[[BuiltinPush, str], Awaitable[Delivery]]
    new_id: Callable[[], str]
    progress: RunProgress
    max_pushes: int = 64
    max_fetches: int = 16
