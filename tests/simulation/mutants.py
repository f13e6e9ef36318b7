"""Bugs planted on purpose, one at a time: what a simulation is worth shows in whether it finds them.

Each mutant replaces a piece of production code while a seed is simulated; none of it is left afterwards.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from typing import Any

from core.aggregate import Rejected
from core.environments import queue, reasons
from core.ports import OutgoingRecord, Record, TopicPartition
from core.rollouts import notes, waves
from infra.memory.log import MemoryLog
from infra.memory.reader import MemoryLogReader
from infra.memory.views import MemoryViews, MemoryViewStore
from processors import snapshots
from processors.partition_state import PartitionState
from projections.changes import Changes
from projections.store import ViewStore


def mutant(name: str) -> AbstractContextManager[None]:
    """The production code with this bug; "" is the code as it is. Raises KeyError for a name there is not."""
    return _planted(MUTANTS[name]()) if name else nullcontext()


@contextmanager
def _planted(pieces: dict[str, Any]) -> Iterator[None]:
    """`pieces` by `package.module:attribute` or `package.module:Class.method`."""
    before: list[tuple[Any, str, Any]] = []
    for place, piece in pieces.items():
        module, _, path = place.partition(":")
        owner: Any = import_module(module)
        *classes, name = path.split(".")
        for each in classes:
            owner = getattr(owner, each)
        before.append((owner, name, getattr(owner, name)))
        setattr(owner, name, piece)
    try:
        yield
    finally:
        for owner, name, piece in before:
            setattr(owner, name, piece)


class EagerReader(MemoryLogReader):
    """Reads what is not committed yet, as with `isolation.level=read_uncommitted`: clients are answered too early."""

    def __init__(self, log: MemoryLog, owner: str) -> None:
        super().__init__(log, owner)
        self._eager = log

    def _read(self, max_records: int) -> list[Record]:
        found: list[Record] = []
        for where, offset in self._positions.items():
            records, self._positions[where] = self._eager.partition(where).read_all(offset, max_records - len(found))
            found += records
        return found


def _held_whatever_the_epoch(draft: Any, command: Any) -> Any:
    """As core.pools.leases, but who was offered the attempt once may still speak for it."""
    lease = draft.before.leases.get(command.attempt_key)
    if lease is None or lease.agent_id != command.agent_id:
        raise Rejected("stale-lease", f"agent {command.agent_id} does not hold {command.attempt_key}")
    return lease


def _holds_whatever_the_epoch(job: Any, word: Any) -> bool:
    """As core.runs.attempts."""
    return job.status == "running" and (job.attempt, job.agent_id) == (word.attempt, word.agent_id)


def _match_forgetting(self: Any, records: Any, moved: Any) -> list[tuple[PartitionState, Record]]:
    """As processors.ownership, but commands that come while their partition is being restored are passed over."""
    work = []
    for record in records:
        where = TopicPartition(record.topic, record.partition)
        if where not in moved and where in self.live:
            work.append((self.live[where], record))
    return work


def _stale_checkpoints() -> Callable[[PartitionState, str], Iterator[OutgoingRecord]]:
    """As processors.snapshots, but each stream's snapshot is the one before: its last events are not in it."""
    checkpoint_records = snapshots.checkpoint_records
    known: dict[tuple[Any, ...], OutgoingRecord] = {}

    def stale(state: PartitionState, fingerprint: str) -> Iterator[OutgoingRecord]:
        for record in checkpoint_records(state, fingerprint):
            key = (*state.events, record.key)
            earlier, known[key] = known.get(key, record), record
            yield record if record.key == snapshots.CHECKPOINT_KEY or record.value is None else earlier

    return stale


def _write_offsets_first(store: ViewStore, before: Any, after: Any, changes: Changes, copy: bool) -> None:
    """As projections.projector, but the offsets are committed before the rows."""
    store.advance(before, after)
    store.commit()
    store.write(changes, copy)
    store.commit()


def _offsets_elsewhere() -> dict[str, Any]:
    """As infra.memory.views, but the offsets are kept by themselves, where they outlive what the views forget."""
    kept: dict[MemoryViews, dict[TopicPartition, int]] = {}
    load, advance, commit = MemoryViewStore.load, MemoryViewStore.advance, MemoryViewStore.commit

    def load_kept(self: Any, partitions: Any) -> dict[TopicPartition, int]:
        return {**load(self, partitions), **kept.get(self._views, {})}

    def advance_from_anywhere(self: Any, before: Any, after: Any) -> None:
        advance(self, {where: self._views.offsets.get(where, 0) for where in after}, after)

    def commit_and_keep(self: Any) -> None:
        commit(self)
        kept[self._views] = dict(self._views.offsets)

    store = "infra.memory.views:MemoryViewStore"
    return {f"{store}.load": load_kept, f"{store}.advance": advance_from_anywhere, f"{store}.commit": commit_and_keep}


def _grant_to_whoever_asks() -> Callable[[Any, Any], bool]:
    """As core.environments.queue, but the lock is not looked at."""
    grant = queue.grant

    def eager(draft: Any, entry: Any) -> bool:
        held, draft.state.lock = draft.state.lock, None
        granted = grant(draft, entry)
        if not granted:
            draft.state.lock = held
        return granted

    return eager


def _nothing_is_quarantined(state: Any, entry: Any) -> Any:
    """As core.environments.reasons, but for what is asked of rollbacks."""
    return reasons._rollback_refusal(state, entry) if entry.urgent else None


def _go_on_without_baking(draft: Any) -> None:
    """As core.rollouts.waves."""
    waves.start_wave(draft, draft.state.wave + 1)


def _breaches_forgiven() -> Callable[[Any, str, Any], None]:
    """As core.rollouts.notes, but what a watch finds is only written down."""
    blame = notes._blame

    def forgiving(draft: Any, region: str, cause: Any) -> None:
        if draft.state.regions[region].status != "breached":
            blame(draft, region, cause)

    return forgiving


def _any_epoch(self: Any, epoch: int) -> None:
    """As core.deployments.draft, but whoever speaks is heard."""


@contextmanager
def _unguarded(self: Any, fence: Any) -> Iterator[None]:
    """As agents.targets.place, but a deployer that was overtaken goes on."""
    yield


MUTANTS: dict[str, Callable[[], dict[str, Any]]] = {
    "reply-before-commit": lambda: {"tests.simulation.world.gateway:MemoryLogReader": EagerReader},
    "epoch-check-left-out": lambda: {
        "core.pools.leases:_held_lease": _held_whatever_the_epoch,
        "core.runs.attempts:_holds": _holds_whatever_the_epoch,
    },
    "command-dropped-at-a-rebalance": lambda: {"processors.ownership:Ownership.match": _match_forgetting},
    "snapshot-before-its-events": lambda: {"processors.snapshots:checkpoint_records": _stale_checkpoints()},
    "snapshots-in-use-passed-over": lambda: {"processors.snapshots:_quiet": lambda state: iter(())},
    "lock-given-to-whoever-asks": lambda: {"core.environments.queue:grant": _grant_to_whoever_asks()},
    "quarantine-forgotten": lambda: {
        "core.environments.queue:refusal": _nothing_is_quarantined,
        "core.environments.decide:refusal": _nothing_is_quarantined,
    },
    "wave-before-the-last-has-baked": lambda: {"core.rollouts.waves:_bake": _go_on_without_baking},
    "breach-without-consequence": lambda: {"core.rollouts.notes:_blame": _breaches_forgiven()},
    "deployment-hears-everybody": lambda: {"core.deployments.draft:Draft.check_epoch": _any_epoch},
    "overtaken-deployer-goes-on": lambda: {
        "agents.targets.place:Place.guarded": _unguarded,
        "agents.targets.place:Place.claim": lambda self, order: True,
    },
    "stage-keeps-its-lock": lambda: {"core.runs.draft:Draft._leave": lambda self, name: None},
    "projection-offset-kept-elsewhere": _offsets_elsewhere,
    "projection-offset-outside-its-transaction": lambda: {"projections.projector:_write_all": _write_offsets_first},
}
