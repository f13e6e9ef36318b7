"""Where the views stand in the log: one row per partition, moved in the transaction that writes the rows."""

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg

from core.eventlog.chain import GENESIS
from core.eventlog.topics import EVENTS_TOPICS
from core.ports import TopicPartition

Connection = psycopg.Connection[tuple[Any, ...]]


class OffsetsMoved(Exception):
    """Another projector was here: what this one has in memory is no longer next. Read the offsets again."""


def load(connection: Connection, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """The next offset of each partition; a new one starts at 0, a halted one may try again."""
    wanted = sorted(set(partitions))
    topics, numbers = [p.topic for p in wanted], [p.partition for p in wanted]
    connection.execute(
        "INSERT INTO projection_offsets (topic, partition) SELECT * FROM unnest(%s::text[], %s::bigint[])"
        " ON CONFLICT DO NOTHING",
        (topics, numbers),
    )
    connection.execute("UPDATE projection_offsets SET halted = '' WHERE halted <> ''")
    rows = connection.execute("SELECT topic, partition, next_offset FROM projection_offsets").fetchall()
    stored = {TopicPartition(topic, number): offset for topic, number, offset in rows}
    return {partition: stored[partition] for partition in wanted}


def advance(connection: Connection, before: Mapping[TopicPartition, int], after: Mapping[TopicPartition, int]) -> None:
    """Move the partitions of `after` on, and lock them until the transaction ends.

    Raises OffsetsMoved unless each stands where `before` says.
    """
    moved = sorted(after)
    cursor = connection.execute(
        "UPDATE projection_offsets AS o SET next_offset = x.after"
        " FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[]) AS x (topic, partition, before, after)"
        " WHERE o.topic = x.topic AND o.partition = x.partition AND o.next_offset = x.before",
        (
            [partition.topic for partition in moved],
            [partition.partition for partition in moved],
            [before[partition] for partition in moved],
            [after[partition] for partition in moved],
        ),
    )
    if cursor.rowcount != len(moved):
        raise OffsetsMoved(f"{len(moved) - cursor.rowcount} of {len(moved)} partitions were moved by another projector")


def halt(connection: Connection, partition: TopicPartition, reason: str) -> None:
    """Say for everybody to see why the views can't go on in this partition."""
    connection.execute(
        "UPDATE projection_offsets SET halted = %s WHERE topic = %s AND partition = %s",
        (reason.replace("\x00", "\ufffd"), partition.topic, partition.partition),
    )


def chain_heads(connection: Connection, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, str]:
    """The chain value of the last event that the views have, in each partition of events."""
    wanted = sorted(partition for partition in set(partitions) if partition.topic in EVENTS_TOPICS)
    rows = connection.execute(
        "SELECT x.topic, x.partition, coalesce(newest.chain, %s)"
        " FROM unnest(%s::text[], %s::bigint[]) AS x (topic, partition) LEFT JOIN LATERAL"
        " (SELECT chain FROM audit AS a WHERE a.topic = x.topic AND a.partition = x.partition"
        "  ORDER BY log_offset DESC LIMIT 1) AS newest ON true",
        (GENESIS, [partition.topic for partition in wanted], [partition.partition for partition in wanted]),
    ).fetchall()
    return {TopicPartition(topic, number): chain for topic, number, chain in rows}
