"""The bodies that subscriptions take. What they may say besides their form, the subscription itself decides."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gateway.rest.inputs import Body, Comment, Name

Line = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00-\x1f]*$")]
SecretName = Annotated[str, StringConstraints(max_length=63)]
Globs = Annotated[list[Annotated[str, StringConstraints(max_length=100)]], Field(max_length=50)]


class NewSubscription(Body):
    name: Name
    kind: Literal["webhook", "slack", "email"]
    url: Line = Field("", description="Where a webhook is posted to.")
    url_secret: SecretName = Field("", description="Instead: the secret of the settings that holds the URL.")
    address: Line = Field("", description="Where an e-mail goes.")
    signing_secret: SecretName = Field("", description="The secret that signs; the installation's own if left out.")
    types: Globs = Field(default_factory=list, description="As `service.*`, `pipelinerun.finished`; all if empty.")
    apps: Globs = Field(default_factory=list, description="All, if empty.")
    environments: Globs = Field(default_factory=list, description="All, if empty; else only what belongs to one.")


class SubscriptionChanges(Body):
    """What is left out stays as it is."""

    url: Line | None = None
    url_secret: SecretName | None = None
    address: Line | None = None
    signing_secret: SecretName | None = None
    types: Globs | None = None
    apps: Globs | None = None
    environments: Globs | None = None


class Disabling(Body):
    reason: Comment = ""


class Rotation(Body):
    keep_old_seconds: float = Field(
        86_400, ge=0, le=30 * 86_400, strict=False, description="For so long the old secret signs too."
    )
