"""A release: an immutable version of an app, as it travels through commands and events."""

from typing import Literal

import msgspec


class Artifact(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is deployed. `digest` names its content and nothing else can have it.

    tree   the files of a commit of the app's repository at `location` (its URL); digest `git:<commit>`
    file   a tar.gz in the object store under key `location`; digest `sha256:<hex>`
    image  a container image `location`; digest `sha256:<hex>` (its id)
    """

    kind: Literal["tree", "file", "image"]
    digest: str
    location: str


class Release(msgspec.Struct, frozen=True, omit_defaults=True):
    """`id` is unique in the app: `<number of the run>-<first 8 of the commit>`, or what its creator chose.

    `config` are environment variables of its instances. `incompatible_before`: a contract migration went out with
    this release, so nothing older can run after it.
    """

    id: str
    app: str
    artifact: Artifact
    commit: str = ""
    run_id: str = ""
    author: str = ""
    title: str = ""
    config: dict[str, str] = msgspec.field(default_factory=dict)
    incompatible_before: bool = False
