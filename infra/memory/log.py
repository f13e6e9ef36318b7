"""A log in memory with Kafka's rules: transactions, isolation, groups, fencing. Deterministic, for one process.

Every call of a client goes through one hook, before and after its effect: there a test or the simulation lets
time pass, makes the call fail, or ends the process. `on_idle` is called when a poll would wait, `on_written` with
the partition when readers may find more in it.
"""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Literal, NamedTuple

from core.eventlog.topics import TopicSpec
from core.ports import LogUnavailable, OutgoingRecord, Record, TopicPartition
from infra.memory.clock import ManualClock
from infra.memory.groups import Member, MemoryGroup
from infra.memory.partition import MemoryPartition, Transaction

# As the embedded broker has it for topics that say nothing else.
MAX_RECORD_BYTES = 5 * 1024 * 1024
FOREVER = float("inf")


class Call(NamedTuple):
    """One call of a port. `owner` is the process it belongs to; `phase` before: nothing happened; after: all did."""

    owner: str
    operation: str
    phase: Literal["before", "after"]


class _Calling:
    """What comes before and after the effect of a call. No generator: those take long, and everything is a call."""

    __slots__ = ("_after", "_before", "_log")

    def __init__(self, log: "MemoryLog", owner: str, operation: str) -> None:
        self._log = log
        self._before = Call(owner, operation, "before")
        self._after = Call(owner, operation, "after")

    def __enter__(self) -> None:
        log = self._log
        log.on_call(self._before)
        log.lock.acquire()
        if log.next_expiry < FOREVER and log.next_expiry <= log.clock.seconds():
            try:
                log.expire()
            except BaseException:
                log.lock.release()
                raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        log = self._log
        log.lock.release()
        if kind is None:
            log.on_call(self._after)


class MemoryLog:
    """Durations in seconds of the clock. Thread-safe, so that a tail in a thread may use it."""

    def __init__(
        self,
        clock: ManualClock | None = None,
        *,
        session_timeout_seconds: float = 6.0,
        transaction_timeout_seconds: float = 10.0,
    ) -> None:
        self.clock = clock or ManualClock()
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._waiting = 0
        self.on_call: Callable[[Call], None] = lambda call: None
        self.on_idle: Callable[[float], None] = self.clock.advance
        self.on_written: Callable[[TopicPartition], None] = lambda where: None
        self.groups: dict[str, MemoryGroup] = {}
        self.specs: dict[str, TopicSpec] = {}
        self._session_timeout = session_timeout_seconds
        self._transaction_timeout = transaction_timeout_seconds
        self._partitions: dict[TopicPartition, MemoryPartition] = {}
        self._epochs: dict[str, int] = {}
        self._transactions: dict[str, Transaction] = {}
        self._calls: dict[tuple[str, str], _Calling] = {}
        # Nothing expires before this; a call is cheap as long as that is so.
        self.next_expiry = FOREVER
        # Counts what readers may want to see.
        self.changes = 0

    def call(self, owner: str, operation: str) -> _Calling:
        """Everything a client does happens inside this: `with log.call(...):`."""
        found = self._calls.get((owner, operation))
        if found is None:
            found = self._calls[owner, operation] = _Calling(self, owner, operation)
        return found

    def create(self, spec: TopicSpec) -> None:
        self.specs.setdefault(spec.name, spec)
        self.grow(spec.name, self.specs[spec.name].partitions)

    def grow(self, name: str, total: int) -> None:
        self.specs[name] = TopicSpec(name, total, self.specs[name].config)
        for number in range(total):
            where = TopicPartition(name, number)
            self._partitions.setdefault(where, MemoryPartition())
        for group in self.groups.values():
            group.balance(self.all_partitions())

    def all_partitions(self) -> list[TopicPartition]:
        return sorted(self._partitions)

    def partition(self, where: TopicPartition) -> MemoryPartition:
        found = self._partitions.get(where)
        if found is None:
            raise LogUnavailable(
                f"{where.topic}:{where.partition} does not exist; create it with `sealane topics apply`"
            )
        return found

    def read(self, positions: dict[TopicPartition, int], limit: int) -> list[Record]:
        """Committed records from these offsets on; the offsets are moved behind them."""
        known = self._partitions.get
        behind = [where for where, offset in positions.items() if (kept := known(where)) is None or kept.has(offset)]
        found: list[Record] = []
        for where in behind:
            records, positions[where] = self.partition(where).read(positions[where], limit - len(found))
            found += records
        return found

    def wait_for_change(self, seconds: float) -> None:
        """An `on_idle` for tests with threads: wait in real time until something is written."""
        with self._changed:
            self._waiting += 1
            self._changed.wait(seconds)
            self._waiting -= 1

    def append(self, record: OutgoingRecord, transaction: Transaction | None = None) -> int:
        where = TopicPartition(record[0], record[1])
        partition = self.partition(where)
        limit = int(self.specs[record.topic].config.get("max.message.bytes", MAX_RECORD_BYTES))
        if record.value is not None and len(record.value) > limit:
            raise LogUnavailable(f"writing to {record.topic}: more than {limit} bytes")
        offset = partition.append(record, transaction, int(self.clock.seconds() * 1000))
        self.changes += 1
        if transaction is not None:
            transaction.partitions[where] = None
        else:
            self.on_written(where)
        if self._waiting:
            self._changed.notify_all()
        return offset

    def group(self, name: str) -> MemoryGroup:
        return self.groups.setdefault(name, MemoryGroup())

    def new_epoch(self, transactional_id: str) -> int:
        """A new producer with this id: earlier ones are fenced, and what they left open is aborted."""
        self._epochs[transactional_id] = self._epochs.get(transactional_id, -1) + 1
        self.end_transaction(transactional_id, "aborted")
        return self._epochs[transactional_id]

    def is_fenced(self, transactional_id: str, epoch: int) -> bool:
        return self._epochs[transactional_id] != epoch

    def open_transaction(self, transactional_id: str) -> Transaction:
        transaction = Transaction(self.clock.seconds() + self._transaction_timeout)
        self._transactions[transactional_id] = transaction
        self.next_expiry = min(self.next_expiry, transaction.deadline)
        return transaction

    def end_transaction(self, transactional_id: str, outcome: str) -> None:
        """`outcome`: committed or aborted. Call with the lock held, as everything here that writes."""
        transaction = self._transactions.pop(transactional_id, None)
        if transaction is None:
            return
        transaction.outcome = outcome
        self.changes += 1
        if outcome == "committed":
            for group, offsets in transaction.offsets.items():
                self.group(group).offsets.update(offsets)
        for where in transaction.partitions:
            self.partition(where).finish(transaction)
            self.on_written(where)
        if self._waiting:
            self._changed.notify_all()

    def silence(self, owner: str) -> None:
        """The process stops reporting: killed, or cut off and soon a zombie. Its members expire with the session."""
        for group in self.groups.values():
            for member in group.members.values():
                if member.owner == owner:
                    self.fall_silent(member)

    def fall_silent(self, member: Member) -> None:
        """No heartbeat comes from this member any more; the next poll of it is one."""
        if member.expires is None:
            member.expires = self.clock.seconds() + self._session_timeout
            self.next_expiry = min(self.next_expiry, member.expires)

    def expire(self) -> None:
        """Members and transactions whose time is over. Call with the lock held."""
        now = self.clock.seconds()
        for group in self.groups.values():
            for member in [each for each in group.members.values() if each.expires is not None and each.expires <= now]:
                group.leave(member, self.all_partitions())
        for transactional_id, transaction in list(self._transactions.items()):
            if transaction.deadline <= now:
                self.new_epoch(transactional_id)
        silent = (each.expires for group in self.groups.values() for each in group.members.values())
        pending = [each.deadline for each in self._transactions.values()]
        self.next_expiry = min([*pending, *(each for each in silent if each is not None)], default=FOREVER)
