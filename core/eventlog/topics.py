"""Topics, region blocks and where a key lies.

Every topic has `regions x partitions_per_region` partitions; region number i owns [i*n, (i+1)*n). A new
region appends a block, so nothing moves.
"""

from functools import lru_cache

import msgspec

CONTEXT_OF_KIND = {
    "app": "catalog",
    "principal": "catalog",
    "release": "catalog",
    "subscription": "catalog",
    "run": "runs",
    "concurrency": "runs",
    "pool": "pools",
    "environment": "deployments",
    "deployment": "deployments",
    "rollout": "deployments",
}
CONTEXTS = ("catalog", "runs", "pools", "deployments")
LOGS_TOPIC = "sealane.logs"
WEBHOOKS_TOPIC = "sealane.webhooks"
DEAD_LETTERS_TOPIC = "sealane.dead-letters"

# A webhook body of 25 MiB is 33.4 MiB in base64; headers and ids of its delivery take far less than the rest.
DELIVERY_RECORD_BYTES = 36 << 20
# The largest state is a pool's: some thousand waiting jobs.
SNAPSHOT_RECORD_BYTES = 5 << 20
# The others fit into what every broker takes (1 MiB).
_MAX_RECORD = "max.message.bytes"
_DAY_MS = 24 * 60 * 60 * 1000


def commands_topic(context: str) -> str:
    return f"sealane.{context}.commands"


def events_topic(context: str) -> str:
    return f"sealane.{context}.events"


def snapshots_topic(context: str) -> str:
    return f"sealane.{context}.snapshots"


EVENTS_TOPICS = tuple(events_topic(context) for context in CONTEXTS)
COMMANDS_TOPICS = tuple(commands_topic(context) for context in CONTEXTS)


class TopicSpec(msgspec.Struct, frozen=True):
    """What a topic must look like: partition count and topic-level settings (all as Kafka spells them)."""

    name: str
    partitions: int
    config: dict[str, str]


class Topology(msgspec.Struct, frozen=True):
    """The regions in their fixed order. The order is append-only: an index never changes its meaning."""

    regions: tuple[str, ...]
    partitions_per_region: int = 1

    @property
    def home_region(self) -> str:
        """Where the catalog lives: names must be unique over all regions, so one region decides them."""
        return self.regions[0]

    @property
    def partitions(self) -> int:
        return len(self.regions) * self.partitions_per_region

    def block(self, region: str) -> range:
        """The partitions of a region. Raises KeyError for an unknown one."""
        if region not in self.regions:
            raise KeyError(f"unknown region '{region}' (configured: {', '.join(self.regions)})")
        start = self.regions.index(region) * self.partitions_per_region
        return range(start, start + self.partitions_per_region)

    def partition(self, region: str, key: str) -> int:
        block = self.block(region)
        return block.start + (murmur2(key.encode()) & 0x7FFFFFFF) % len(block)

    def region_of(self, partition: int) -> str:
        return self.regions[partition // self.partitions_per_region]

    def topic_specs(self) -> tuple[TopicSpec, ...]:
        forever = {"cleanup.policy": "delete", "retention.ms": "-1"}
        compacted = {"cleanup.policy": "compact", _MAX_RECORD: str(SNAPSHOT_RECORD_BYTES)}
        deliveries = forever | {_MAX_RECORD: str(DELIVERY_RECORD_BYTES)}
        specs = [
            (commands_topic, {"cleanup.policy": "delete", "retention.ms": str(7 * _DAY_MS)}),
            (events_topic, forever),
            (snapshots_topic, compacted),
        ]
        topics = [TopicSpec(name(context), self.partitions, config) for context in CONTEXTS for name, config in specs]
        topics.append(TopicSpec(LOGS_TOPIC, self.partitions, {"retention.ms": str(7 * _DAY_MS)}))
        topics.append(TopicSpec(WEBHOOKS_TOPIC, self.partitions, deliveries))
        topics.append(TopicSpec(DEAD_LETTERS_TOPIC, self.partitions, forever))
        return tuple(topics)


@lru_cache(maxsize=65536)
def murmur2(data: bytes) -> int:
    """Kafka's 32-bit murmur2 (unsigned), as in org.apache.kafka.common.utils.Utils."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    length = len(data)
    h = (0x9747B28C ^ length) & mask
    aligned = length & ~3
    for i in range(0, aligned, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & mask
        k = (k ^ (k >> 24)) * m & mask
        h = (h * m & mask) ^ k
    if length & 3:
        h = ((h ^ int.from_bytes(data[aligned:], "little")) * m) & mask
    h = (h ^ (h >> 13)) * m & mask
    return h ^ (h >> 15)
