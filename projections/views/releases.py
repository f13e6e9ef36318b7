"""Releases: what can be deployed. Nothing of one ever changes."""

from core.catalog.events import ReleaseCreated
from projections.changes import Changes
from projections.facts import Fact
from projections.tables.environments import releases
from projections.views.handlers import Handlers, as_json

HANDLERS = Handlers("release")


@HANDLERS.on(ReleaseCreated)
def created(fact: Fact, changes: Changes) -> None:
    message: ReleaseCreated = fact.message
    release = message.release
    changes.put(
        releases,
        app=release.app,
        id=release.id,
        kind=release.artifact.kind,
        digest=release.artifact.digest,
        location=release.artifact.location,
        commit=release.commit,
        run_id=release.run_id,
        author=release.author,
        title=release.title,
        config=as_json(release.config),
        incompatible_before=release.incompatible_before,
        created_at=fact.at,
    )
