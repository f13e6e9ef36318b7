"""CDEvents 0.5.1 (cdevents.dev): the event types Sealane speaks, and how one is put together."""

import hashlib
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from core.ids import derived_id

SPEC_VERSION: Final = "0.5.1"
STANDARD: Final = "dev.cdevents."
# Where the vocabulary has no word, an event of our own, as the specification provides for.
CUSTOM: Final = "dev.cdeventsx.sealane-"

# By `subject.predicate`, each with the version of its own schema.
STANDARD_TYPES: Final = {
    "pipelinerun.queued": "0.3.0",
    "pipelinerun.started": "0.3.0",
    "pipelinerun.finished": "0.3.0",
    "taskrun.started": "0.3.0",
    "taskrun.finished": "0.3.0",
    "artifact.published": "0.3.0",
    "environment.created": "0.3.0",
    "environment.modified": "0.3.0",
    "environment.deleted": "0.3.0",
    "service.deployed": "0.3.0",
    "service.upgraded": "0.3.0",
    "service.rolledback": "0.3.0",
    "service.removed": "0.3.0",
    "service.published": "0.3.0",
    "incident.detected": "0.3.0",
    "incident.resolved": "0.3.0",
}
CUSTOM_TYPES: Final = {
    "approval.requested": "0.1.0",
    "approval.decided": "0.1.0",
    "rollout.started": "0.1.0",
    "rollout.halted": "0.1.0",
    "rollout.finished": "0.1.0",
    "subscription.tested": "0.1.0",
}


class Occurrence(NamedTuple):
    """What an event says, before it is anybody's. `kind` is `subject.predicate`; `custom` is Sealane's own detail.

    `cause` tells it from all others: equal causes make the same event id. `chain` is the same for all that one
    trigger set off.
    """

    kind: str
    cause: str
    at: datetime
    subject: str
    content: dict[str, Any]
    chain: str = ""
    custom: dict[str, Any] | None = None


def type_of(kind: str) -> str:
    """`dev.cdevents.service.deployed.0.3.0`. Raises KeyError for what is in neither table."""
    if kind in CUSTOM_TYPES:
        return f"{CUSTOM}{kind}.{CUSTOM_TYPES[kind]}"
    return f"{STANDARD}{kind}.{STANDARD_TYPES[kind]}"


def names_of(type_name: str) -> tuple[str, str, str]:
    """What a type may be called: whole, without its version, and as `subject.predicate`."""
    bare = type_name.rsplit(".", 3)[0]
    return type_name, bare, bare.removeprefix(STANDARD).removeprefix(CUSTOM)


def cdevent(source: str, occurrence: Occurrence) -> dict[str, Any]:
    """The CDEvent. `source` is the URL of the installation."""
    context = {
        "specversion": SPEC_VERSION,
        "id": derived_id("cdevent", occurrence.cause, occurrence.kind),
        "source": source,
        "type": type_of(occurrence.kind),
        "timestamp": timestamp(occurrence.at),
    }
    if occurrence.chain:
        context["chainId"] = chain_id(occurrence.chain)
    event: dict[str, Any] = {
        "context": context,
        "subject": {"id": occurrence.subject, "source": source, "content": occurrence.content},
    }
    if occurrence.custom:
        event |= {"customData": occurrence.custom, "customDataContentType": "application/json"}
    return event


def cloud_event(event: dict[str, Any]) -> dict[str, Any]:
    """The CDEvent in a CloudEvent 1.0, structured mode: what the signature covers then includes its attributes."""
    context = event["context"]
    return {
        "specversion": "1.0",
        "id": context["id"],
        "source": context["source"],
        "type": context["type"],
        "subject": event["subject"]["id"],
        "time": context["timestamp"],
        "datacontenttype": "application/json",
        "data": event,
    }


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def chain_id(correlation_id: str) -> str:
    """A chain's id must look like a UUID of version 4; here it is the same for the same trigger."""
    digits = hashlib.sha256(correlation_id.encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"
