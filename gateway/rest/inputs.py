"""The bodies the API takes. Unknown members are refused, and all problems of a body are reported at once."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from core.catalog.commands import Role
from core.trigger import Forge

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=63)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\s\x00-\x1f]+$")]
FilePath = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^/\x00-\x1f][^\x00-\x1f]*$")]
Region = Annotated[str, StringConstraints(min_length=1, max_length=60)]
GitName = Annotated[str, StringConstraints(min_length=1, max_length=250)]
InputName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$", max_length=100)]
InputValue = Annotated[str, StringConstraints(max_length=10_000)]
Comment = Annotated[str, StringConstraints(max_length=2000)]
Group = Annotated[str, StringConstraints(min_length=1, max_length=100)]
PoolId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+/[A-Za-z0-9._-]+$", max_length=160)]

_FORBIDDEN_IN_REF = frozenset(' ~^:?*[\\\x7f"')


class Body(BaseModel):
    """Exact types (no text for a number), no member beyond those named."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NewApp(Body):
    name: Name
    repository_url: Url | None = Field(None, description="The built-in git server's, named as the app, if left out.")
    region: Region | None = Field(None, description="Where its runs live; the first configured region if left out.")
    forge: Forge = "builtin"
    default_branch: GitName = "main"
    pipeline_path: FilePath = ".pipeline.yml"

    @field_validator("default_branch")
    @classmethod
    def _branch(cls, value: str) -> str:
        return check_git_name(value)

    @model_validator(mode="after")
    def _repository_of_a_forge(self) -> Self:
        if self.repository_url is None and self.forge != "builtin":
            raise ValueError(f"repository_url is needed: where {self.forge} keeps the repository")
        return self


class AppChanges(Body):
    """What is left out stays as it is."""

    repository_url: Url | None = None
    region: Region | None = None
    default_branch: GitName | None = None
    pipeline_path: FilePath | None = None

    @field_validator("default_branch")
    @classmethod
    def _branch(cls, value: str | None) -> str | None:
        return value and check_git_name(value)


class NewRun(Body):
    """What to run: a branch (the default one if nothing is named) or a tag, at its head or at `commit`."""

    branch: GitName | None = None
    tag: GitName | None = None
    commit: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")] | None = None
    inputs: dict[InputName, InputValue] = Field(default_factory=dict, max_length=100)
    title: Annotated[str, StringConstraints(max_length=300)] = ""

    @field_validator("branch", "tag")
    @classmethod
    def _ref(cls, value: str | None) -> str | None:
        return value and check_git_name(value)

    @model_validator(mode="after")
    def _one_ref(self) -> Self:
        if self.branch and self.tag:
            raise ValueError("name a branch or a tag, not both")
        return self


class Cancellation(Body):
    detail: Comment = ""


class Rerun(Body):
    """`from_stage` runs `stage` and all that depends on it; `failed` only what failed or never ran."""

    mode: Literal["all", "failed", "from_stage"] = "all"
    stage: Annotated[str, StringConstraints(max_length=100)] = ""

    @model_validator(mode="after")
    def _stage_with_from_stage(self) -> Self:
        if (self.mode == "from_stage") != bool(self.stage):
            raise ValueError("'stage' belongs to mode 'from_stage', which needs it")
        return self


class Vote(Body):
    approve: bool
    comment: Comment = ""


class PoolSettings(Body):
    fallback: list[PoolId] = Field(
        max_length=20, description="Where waiting jobs go when the pool is evacuated, the first choice first."
    )
    evacuate_after_seconds: int = Field(30, ge=0, le=86_400, description="How long it may have no agent before that.")


class NewPrincipal(Body):
    name: Name
    roles: list[Role] = Field(min_length=1, max_length=5)
    groups: list[Group] = Field(default_factory=list, max_length=100)
    pools: list[PoolId] = Field(default_factory=list, max_length=100, description="`<region>/<pool>`, for agents.")


class PrincipalChanges(Body):
    """What is left out stays as it is."""

    roles: list[Role] | None = Field(None, min_length=1, max_length=5)
    groups: list[Group] | None = Field(None, max_length=100)
    pools: list[PoolId] | None = Field(None, max_length=100)


class NewToken(Body):
    description: Annotated[str, StringConstraints(max_length=200)] = ""
    expires_at: datetime | None = Field(default=None, strict=False, description="With a time zone; never, if left out.")

    @field_validator("expires_at")
    @classmethod
    def _with_zone(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("needs a time zone, such as 2030-01-01T00:00:00Z")
        return value


def check_git_name(name: str) -> str:
    """`name` if git allows it as a branch or tag (git-check-ref-format). Raises ValueError saying what is wrong."""
    wrong = sorted(_FORBIDDEN_IN_REF.intersection(name) | {character for character in name if ord(character) < 32})
    if wrong:
        raise ValueError(f"git allows no {wrong[0]!r} in a branch or tag")
    parts = name.split("/")
    if any(not part or part.startswith(".") or part.endswith(".lock") for part in parts):
        raise ValueError("a part between slashes may not be empty, start with '.' or end with '.lock'")
    if name.startswith("-") or name.endswith(".") or ".." in name or "@{" in name or name == "@":
        raise ValueError("git allows no leading '-', no final '.', no '..' and no '@{' in a branch or tag")
    return name
