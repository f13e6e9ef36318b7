"""What an export holds: segments of the topics, and the last complete cut through all of them.

Segments are written first and named by the manifest afterwards; only what lies before the `ends` of the cut counts.
Nothing in here is secret: tokens are in the log as hashes, and the installation's key is a file of its own.
"""

from datetime import datetime

import msgspec

from core.aggregates import AGGREGATES
from core.eventlog.topics import DEAD_LETTERS_TOPIC, EVENTS_TOPICS, WEBHOOKS_TOPIC, Topology
from core.ports import ObjectStore, TopicPartition

FORMAT = 1
MANIFEST_KEY = "manifest.json"
# Kept from the first record to the last, each at its offset. Of commands and logs only what nobody has dealt with yet.
WHOLE_TOPICS = (*EVENTS_TOPICS, WEBHOOKS_TOPIC, DEAD_LETTERS_TOPIC)


class ExportError(Exception):
    """The export can't be made, read or restored. `code` is stable."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Segment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The records of a partition in [first, next), as an object of `bytes` bytes. `before` and `after` are the chain
    values around it, of events only."""

    key: str
    topic: str
    partition: int
    first: int
    next: int
    records: int
    bytes: int
    sha256: str
    before: str = ""
    after: str = ""

    @property
    def where(self) -> TopicPartition:
        return TopicPartition(self.topic, self.partition)

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}, offsets {self.first} to {self.next - 1} ({self.key})"


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """An object beside the log: an archived log, or the index of those."""

    key: str
    bytes: int
    sha256: str


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """One moment of the whole platform. `ends` and `groups` are (topic, partition, offset).

    `groups` tells how far each connector was; `pending` holds commands that were not decided and logs that were not
    archived.
    """

    taken_at: datetime
    ends: tuple[tuple[str, int, int], ...]
    groups: dict[str, tuple[tuple[str, int, int], ...]]
    pending: tuple[Segment, ...]
    attachments: tuple[Attachment, ...] = ()


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`event_versions` are the newest the exporting code knew."""

    format: int = FORMAT
    regions: tuple[str, ...]
    partitions_per_region: int
    event_versions: dict[str, int]
    segments: tuple[Segment, ...] = ()
    cut: Cut | None = None

    def of(self, where: TopicPartition) -> list[Segment]:
        """The segments of a partition, in order."""
        return sorted((each for each in self.segments if each.where == where), key=lambda each: each.first)


def known_versions() -> dict[str, int]:
    """Of the events that this code reads."""
    return {message.TYPE: message.VERSION for aggregate in AGGREGATES for message in aggregate.events.types}


def new_manifest(topology: Topology) -> Manifest:
    return Manifest(
        regions=topology.regions,
        partitions_per_region=topology.partitions_per_region,
        event_versions=known_versions(),
    )


def load_manifest(objects: ObjectStore) -> Manifest | None:
    """None where there is no export. Raises ExportError: export-unreadable, export-too-new."""
    try:
        text = objects.get(MANIFEST_KEY)
    except KeyError:
        return None
    try:
        found = msgspec.json.decode(text, type=_FormatOnly).format
        if found > FORMAT:
            raise ExportError(
                "export-too-new",
                f"the export has format {found}, this version of Sealane reads up to {FORMAT}: update it",
            )
        return msgspec.json.decode(text, type=Manifest)
    except msgspec.DecodeError as error:
        raise ExportError("export-unreadable", f"{MANIFEST_KEY} of the export can't be read: {error}") from error


def save_manifest(objects: ObjectStore, manifest: Manifest) -> None:
    objects.put(MANIFEST_KEY, msgspec.json.format(msgspec.json.encode(manifest), indent=1))


class _FormatOnly(msgspec.Struct):
    format: int
