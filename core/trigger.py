"""What sets off a run: a push, a tag, a pull request, a person or a clock, in one shape for all forges."""

from datetime import datetime
from typing import Literal

import msgspec

Source = Literal["push", "tag", "pull_request", "manual", "schedule"]
Forge = Literal["github", "gitlab", "bitbucket-cloud", "bitbucket-dc", "gitea", "builtin"]
ZERO_COMMIT = "0" * 40


class Trigger(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`commit` may be empty for manual and schedule: the head of `branch` at the time the file is read.

    `trigger_id` is unique per cause (derived from the delivery id, or made by the gateway for a person).
    `changed_paths` is None where the forge did not say, or cut its list off: git is asked then.
    `ref` is the full name (`refs/heads/main`, `refs/tags/v1`, `refs/pull/7/head`).
    """

    trigger_id: str
    source: Source
    ref: str
    commit: str = ""
    before: str = ""
    branch: str = ""
    tag: str = ""
    pull_request: int | None = None
    base_branch: str = ""
    title: str = ""
    author: str = ""
    delivery_id: str = ""
    changed_paths: tuple[str, ...] | None = None
    inputs: dict[str, str] = msgspec.field(default_factory=dict)
    at: datetime | None = None
