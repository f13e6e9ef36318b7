"""The queue's index: puts attempts into lanes and takes them out, and keeps the lanes in the scheduler's order."""

from core.draft import peek
from core.pools.reasons import why_nobody_takes
from core.pools.state import AppShare, Bucket, Lane, PoolState, Waiting

_SEPARATOR = "\x1f"


def lane_key(waiting: Waiting) -> str:
    """Equal for entries that the same agents can take."""
    return _SEPARATOR.join((*sorted(set(waiting.entry.labels)), "!", *sorted(waiting.avoid)))


def put(state: PoolState, waiting: Waiting) -> None:
    """Queue an attempt at the place of its age."""
    entry, key = waiting.entry, lane_key(waiting)
    state.queue[entry.attempt_key] = waiting
    if key not in state.lanes:
        state.lanes[key] = _new_lane(state, waiting)
    lane = state.lanes[key]
    bucket_key = _bucket_key(waiting)
    if bucket_key not in lane.buckets:
        lane.buckets[bucket_key] = Bucket(entry.app, entry.priority)
        _share(state, entry.app).buckets.append((key, bucket_key))
    lane.buckets[bucket_key].entries.add((entry.queued_at, entry.attempt_key))
    _list(state, lane, bucket_key)


def take(state: PoolState, attempt_key: str) -> Waiting:
    """Remove a queued attempt."""
    waiting = state.queue.pop(attempt_key)
    key, bucket_key = lane_key(waiting), _bucket_key(waiting)
    lane = state.lanes[key]
    lane.buckets[bucket_key].entries.remove((waiting.entry.queued_at, attempt_key))
    _list(state, lane, bucket_key)
    if lane.buckets[bucket_key].head is None:
        del lane.buckets[bucket_key]
        share = _share(state, waiting.entry.app)
        share.buckets.remove((key, bucket_key))
        _forget_idle(state, waiting.entry.app)
        if not lane.buckets:
            del state.lanes[key]
    return waiting


def hold(state: PoolState, app: str, leases: int) -> None:
    """The app holds that many leases more (or less): its place in every lane changes."""
    share = _share(state, app)
    share.held += leases
    for key, bucket_key in share.buckets:
        _list(state, state.lanes[key], bucket_key)
    _forget_idle(state, app)


def refresh_lanes(state: PoolState) -> None:
    """Agents came, left or began to leave: who can take what, and what nobody can."""
    for key in list(state.lanes):
        lane = peek(state.lanes, key)
        classes = _fitting(state, lane.labels)
        reason = why_nobody_takes(state, lane.labels, lane.avoid, classes)
        if (classes, reason) != (lane.classes, lane.reason):
            lane = state.lanes[key]
            lane.classes, lane.reason = classes, reason


def _new_lane(state: PoolState, waiting: Waiting) -> Lane:
    labels, avoid = sorted(set(waiting.entry.labels)), sorted(waiting.avoid)
    classes = _fitting(state, labels)
    return Lane(labels, avoid, classes, why_nobody_takes(state, labels, avoid, classes))


def _fitting(state: PoolState, labels: list[str]) -> list[str]:
    wanted = set(labels)
    return sorted(key for key in state.classes if wanted.issubset(peek(state.classes, key).labels))


def _bucket_key(waiting: Waiting) -> str:
    return f"{waiting.entry.priority}/{waiting.entry.app}"


def _list(state: PoolState, lane: Lane, bucket_key: str) -> None:
    """Bring the lane's list of buckets up to date with one of them."""
    bucket = lane.buckets[bucket_key]
    oldest = bucket.entries.first()
    head = None if oldest is None else (-bucket.priority, _share(state, bucket.app).held, oldest[0], bucket_key)
    if head == bucket.head:
        return
    if bucket.head is not None:
        lane.heads.remove(bucket.head)
    if head is not None:
        lane.heads.add(head)
    bucket.head = head


def _share(state: PoolState, app: str) -> AppShare:
    if app not in state.apps:
        state.apps[app] = AppShare()
    return state.apps[app]


def _forget_idle(state: PoolState, app: str) -> None:
    share = peek(state.apps, app)
    if not share.held and not share.buckets:
        del state.apps[app]
