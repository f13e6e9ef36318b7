"""Why a deployment may not enter, or waits, in words."""

from datetime import datetime

from core.environments.state import Entry, EnvironmentState, Lock
from core.environments.windows import Closed, closed, local
from core.ids import split_stage_key


def refusal(state: EnvironmentState, entry: Entry) -> tuple[str, str] | None:
    """(code, detail) where it may never enter."""
    release = entry.release.id
    if entry.automatic and release in state.quarantine and not _stays(state, entry):
        why = state.quarantine[release]
        return "release-quarantined", f"release {release} is quarantined here ({why}); lift that, or deploy it by hand"
    return _rollback_refusal(state, entry) if entry.urgent else None


def _stays(state: EnvironmentState, entry: Entry) -> bool:
    """It takes back what somebody left half done: the environment is on that release, and does not enter with it."""
    return entry.urgent and state.current is not None and state.current.release.id == entry.release.id


def _rollback_refusal(state: EnvironmentState, entry: Entry) -> tuple[str, str] | None:
    if state.current is None:
        return "nothing-to-roll-back-to", "no release was ever healthy here, so there is nothing to go back from or to"
    current = state.current
    # Where a rollout takes back its own, there must be something of it, or nothing that is newer.
    own = entry.rollout_id in state.visitors
    if own and entry.rollout_id != current.rollout_id and entry.release.id != current.release.id:
        return "superseded", f"release {current.release.id} of rollout {current.rollout_id} has taken its place already"
    contract = [each.id for each in state.gone_over(entry.release.id) if each.incompatible_before]
    if contract and not entry.override_reason:
        detail = (
            f"nothing older runs after the contract migration of release {contract[-1]}, which declares no way down"
        )
        return "rollback-past-migration", detail
    return None


def shut(state: EnvironmentState, entry: Entry, now: datetime) -> Closed | None:
    """What a rollback, or a deployment that overrides it, goes through."""
    freeze = state.freeze
    if freeze is None:
        return closed(entry.freezes, entry.windows, now)
    until = f"until {local(freeze.until, 'UTC')}" if freeze.until else "until somebody lifts it"
    reason = f"frozen by {freeze.by} {until}: {freeze.reason}"
    if freeze.until is None:
        return Closed(reason, None)
    after = closed(entry.freezes, entry.windows, freeze.until)
    return Closed(reason, after.opens_at if after else freeze.until)


def goes_through(entry: Entry) -> bool:
    return entry.urgent or bool(entry.override_reason)


def explain(state: EnvironmentState, entry: Entry, now: datetime) -> Closed:
    """Why it waits now; `opens_at` where time will change that."""
    closing = None if goes_through(entry) else shut(state, entry, now)
    if closing is not None:
        return closing
    ahead = 0
    for each in state.waiting:
        if each.deployment_id == entry.deployment_id or (entry.urgent and not each.urgent):
            break
        ahead += 1
    behind = f", behind {ahead} other{'s' * (ahead > 1)}" if ahead else ""
    return Closed(f"waits for {_holder(state.lock)}{behind}", None)


def _holder(lock: Lock | None) -> str:
    if lock is None:
        return "the lock"
    by = lock.by or "somebody"
    if split_stage_key(lock.deployment_id) is not None:
        return f"{owner(lock.deployment_id)} with release {lock.release.id} by {by}"
    what = "rollback to" if lock.urgent else "deployment of"
    return f"the {what} release {lock.release.id} by {by} ({lock.deployment_id})"


def owner(name: str) -> str:
    """Who holds the lock, or wants it, in words."""
    stage = split_stage_key(name)
    return f"deployment {name}" if stage is None else f"stage '{stage[1]}' of run {stage[0]}"
