"""After the end: the lock is given back, and for a while a breach still leads back (the rollout sees to that).

Where the rollout's bake wants a number of requests the counting goes on beyond the watch, until they have come or the
bake gives up; nothing is judged then.
"""

from core.deployments import commands as c
from core.deployments import events as e
from core.deployments.draft import Draft
from core.deployments.endings import end_watch
from core.deployments.target_state import SetStatus


def watch(draft: Draft) -> e.WatchStarted | None:
    """What follows the end, if anything does. A rollback is not watched."""
    state = draft.state
    settings = state.plan
    wanted = settings.bake.min_requests
    if state.kind == "rollback" or not (settings.watch_seconds or wanted):
        return None
    seconds = max(settings.watch_seconds, settings.bake.give_up_seconds)
    found: SetStatus | None = next((each for each in state.target.sets if each.name == state.goal.id), None)
    return e.WatchStarted(
        until=draft.after(settings.watch_seconds),
        count_until=draft.after(seconds) if wanted else None,
        sample_at=state.timers.due.get("sample"),
        requests=found.requests if found else None,
    )


def supersede(draft: Draft, command: c.EndWatch) -> None:
    """What happens there from now on is another deployment's doing."""
    end_watch(draft, "superseded")


def watch_over(draft: Draft) -> None:
    end_watch(draft, "quiet")
