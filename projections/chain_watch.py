"""Watches the hash chains of the events while they go by, so that an altered log is seen when it is read.

It says where a chain broke and goes on: the views show what the log holds, and `sealane replay` examines it all.
"""

import logging
from collections.abc import Iterable, Mapping

from core.eventlog.chain import link_stored, stored_chain
from core.eventlog.topics import EVENTS_TOPICS
from core.ports import Record, TopicPartition

log = logging.getLogger("sealane.projector")


class ChainWatch:
    """One thread. `mismatches` counts the events that do not follow the one before them, by partition."""

    def __init__(self) -> None:
        self.mismatches: dict[TopicPartition, int] = {}
        self._heads: dict[TopicPartition, str] = {}

    def start(self, heads: Mapping[TopicPartition, str]) -> None:
        """The last chain value that is known of each partition; where none is, any beginning is taken."""
        self._heads = dict(heads)

    def see(self, records: Iterable[Record]) -> None:
        """Records in the order of the log, each once. Those of other topics have no chain."""
        where = TopicPartition("", 0)
        for record in records:
            if record.topic in EVENTS_TOPICS:
                if record.partition != where.partition or record.topic != where.topic:
                    where = TopicPartition(record.topic, record.partition)
                self._see(where, record.offset, record.value or b"")

    def _see(self, where: TopicPartition, offset: int, value: bytes) -> None:
        chain = stored_chain(value)
        head = self._heads.get(where)
        if head is not None and (chain is None or chain != link_stored(head, value)):
            self.mismatches[where] = self.mismatches.get(where, 0) + 1
            log.critical(
                "the chain of %s:%d is broken at offset %d: the log was altered",
                *where,
                offset,
                extra={"code": "chain-mismatch"},
            )
        self._heads[where] = chain or ""
