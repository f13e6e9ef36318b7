"""The bodies that the routes of delivery take: releases, deployments, rollbacks, freezes."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from gateway.rest.inputs import Body, Comment, Name, Region

ReleaseId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
# A release, or `@<environment>`: what is deployed there.
ReleaseName = Annotated[str, StringConstraints(pattern=r"^@?[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=101)]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Commit = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]
Image = Annotated[str, StringConstraints(pattern=r"^[^\s\x00-\x1f]+$", max_length=500)]
Title = Annotated[str, StringConstraints(max_length=300)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
ConfigName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]
ConfigValue = Annotated[str, StringConstraints(max_length=10_000, pattern=r"^[^\x00]*$")]
Regions = Annotated[list[Region], Field(max_length=100, description="All regions of the environment, if left out.")]


class NewRelease(Body):
    """`file`: a tar.gz that was uploaded before, by its digest. `image`: a container image (`location`) and its id.
    `tree`: the files of a commit of the app's repository.
    """

    id: ReleaseId | None = Field(None, description="Made of digest or commit, if left out.")
    kind: Literal["file", "image", "tree"]
    digest: Digest | None = None
    location: Image | None = Field(None, description="Where the image is; for images only.")
    commit: Commit | None = None
    title: Title = ""
    config: dict[ConfigName, ConfigValue] = Field(
        default_factory=dict, max_length=200, description="Environment variables of its instances."
    )
    incompatible_before: bool = Field(False, description="A contract migration goes out with it.")

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        if self.kind == "tree" and not self.commit:
            raise ValueError("a release of kind 'tree' needs 'commit'")
        if self.kind != "tree" and not self.digest:
            raise ValueError(f"a release of kind '{self.kind}' needs 'digest' (sha256:<64 hex digits>)")
        if (self.kind == "image") != bool(self.location):
            raise ValueError("'location' belongs to kind 'image', which needs it")
        return self


class NewDeployment(Body):
    """Which release where. Without `release` it is the app's newest; `@staging` means what is deployed in staging."""

    environment: Name
    release: ReleaseName | None = None
    regions: Regions = Field(default_factory=list)
    strategy: Literal["recreate", "rolling", "blue-green", "canary"] | None = Field(
        None, description="With its defaults, instead of what the environment says."
    )
    override_reason: Reason | None = Field(None, description="Goes through freezes, on record. Needs the role admin.")


class NewRollback(Body):
    """Back `to` a release that ran there; without it, each region goes to the healthy one before."""

    environment: Name
    to: ReleaseId | None = None
    regions: Regions = Field(default_factory=list)
    override_reason: Reason | None = Field(
        None, description="Goes back past a contract migration that has no way down, on record. Needs the role admin."
    )


class Steering(Body):
    reason: Comment = ""


class Promotion(Body):
    """`full`: skip all steps that follow, too."""

    full: bool = False


class NewFreeze(Body):
    reason: Reason
    until: datetime | None = Field(None, strict=False, description="With a time zone; until it is lifted, if left out.")
    regions: Regions = Field(default_factory=list)

    @field_validator("until")
    @classmethod
    def _with_zone(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("needs a time zone, such as 2030-01-01T00:00:00Z")
        return value


class Thaw(Body):
    regions: Regions = Field(default_factory=list)


class Lifting(Body):
    reason: Comment = ""
    regions: Regions = Field(default_factory=list)


class FreezeOverride(Body):
    reason: Reason
