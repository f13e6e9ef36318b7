"""Follows the hash chain of one partition through its stored bytes, and says of each break what it looks like."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.eventlog.chain import GENESIS, link_stored, stored_chain
from core.eventlog.envelope import Position
from core.ports import Record


@dataclass(frozen=True)
class Fault:
    """A place where the log is not what was written. `code` is stable and kebab-case."""

    position: Position
    code: str
    detail: str


@dataclass
class _Suspect:
    """A record that does not follow `before`; what comes next tells why."""

    record: Record
    before: str
    chain: str
    linked: str


class ChainCheck:
    """One partition, from its first record on. `head` is that of the last one, None after an unreadable."""

    def __init__(self, head: str | None = GENESIS) -> None:
        self.head = head
        self._last = -1
        self._suspect: _Suspect | None = None

    def take(self, records: Sequence[Record]) -> Iterator[Fault]:
        """The faults that have become clear; a break is explained by the record after it."""
        for record in records:
            value = record[4] or b""
            chain = stored_chain(value)
            if chain is None:
                yield from self.end()
                yield Fault(position(record), "record-unreadable", "its bytes are not those of an event")
                self.head = None
                continue
            if self.head is not None and (linked := link_stored(self.head, value)) != chain:
                yield from self._broken(record, value, chain, linked)
                continue
            yield from self.end()
            if not _names_its_key(record, value):
                yield Fault(position(record), "key-altered", f"its key {record.key!r} is not the stream it is about")
            self.head = chain
            self._last = record.offset

    def end(self) -> Iterator[Fault]:
        """Nothing follows: what is still unexplained."""
        if self._suspect is not None:
            suspect, self._suspect = self._suspect, None
            after = f"the record at {self._last}" if self._last >= 0 else "the beginning"
            detail = f"it was altered, or records between {after} and it are missing"
            yield Fault(position(suspect.record), "chain-broken", detail)
            self._last = suspect.record.offset

    def _broken(self, record: Record, value: bytes, chain: str, linked: str) -> Iterator[Fault]:
        """`record` doesn't follow the one before it. Is it the record's fault, or that of the one before?"""
        suspect, self._suspect = self._suspect, None
        if suspect is None:
            assert self.head is not None
            self._suspect = _Suspect(record, self.head, chain, linked)
            self.head = chain
            return
        where, offset = position(suspect.record), record.offset
        if link_stored(suspect.linked, value) == chain:
            yield Fault(where, "chain-broken", "its chain value was altered; what it says is as it was written")
            self.head = chain
        elif link_stored(suspect.before, value) != chain:
            self._suspect = suspect
            yield from self.end()
            self._suspect = _Suspect(record, suspect.chain, chain, linked)
            self.head = chain
        elif link_stored(chain, suspect.record.value or b"") == suspect.chain:
            yield Fault(where, "chain-broken", f"it and the record at {offset} were swapped")
            self.head = suspect.chain
        else:
            yield Fault(
                where, "chain-broken", f"it does not belong here: the record at {offset} follows what is before it"
            )
            self.head = chain
        self._last = offset


def position(record: Record) -> Position:
    return Position(record.topic, record.partition, record.offset)


def _names_its_key(record: Record, value: bytes) -> bool:
    return b'"stream":"' + (record.key or b"") + b'"' in value
