"""What can be asked of a concurrency group (`concurrency/<app>/<group>`), in the region of the app's runs."""

from typing import Literal

from core.aggregate import Tick
from core.eventlog.serialization import Catalogue, Message


class EnterGroup(Message, frozen=True, kw_only=True):
    """The run wants to start (`round` of it). Admitted at once, or queued by the policy."""

    TYPE = "concurrency.enter"
    run_id: str
    round: int
    policy: Literal["queue", "cancel_running", "newest_only"]


class LeaveGroup(Message, frozen=True, kw_only=True):
    """The run's round ended: the next may start. Harmless for a run that isn't there."""

    TYPE = "concurrency.leave"
    run_id: str


COMMANDS = Catalogue((Tick, EnterGroup, LeaveGroup))
