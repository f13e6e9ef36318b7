"""What a Subscription decides about its settings. Its notifications are decided in deliveries.py."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from core.aggregate import Rejected, Tick
from core.catalog.rules import check_name
from core.eventlog.serialization import Message
from core.notifications import commands as c
from core.notifications import deliveries
from core.notifications import events as e
from core.notifications.notification import Sink, Wanted
from core.notifications.rules import check_sink, check_wanted
from core.notifications.state import SubscriptionState

Events = tuple[Message, ...]
LONGEST_OVERLAP_SECONDS: Final = 30 * 86_400


def decide(state: SubscriptionState, command: Any, now: datetime) -> Events:
    """The events the command leads to. Raises Rejected."""
    if not state.exists and not isinstance(command, c.CreateSubscription):
        raise Rejected("subscription-unknown", f"there is no subscription '{state.name}'")
    return _HANDLERS[type(command)](state, command, now)


def _create(state: SubscriptionState, command: c.CreateSubscription, now: datetime) -> Events:
    if state.exists:
        raise Rejected("subscription-exists", f"there is a subscription '{state.name}' already")
    check_name(command.name, "subscription")
    return (e.SubscriptionCreated(name=command.name, sink=_checked(command.sink), wanted=_wanted(command.wanted)),)


def _update(state: SubscriptionState, command: c.UpdateSubscription, now: datetime) -> Events:
    sink = _changed(state.sink, command, "url", "url_secret", "address", "signing_secret")
    wanted = _changed(state.wanted, command, "types", "apps", "environments")
    if (sink, wanted) == (state.sink, state.wanted):
        return ()
    return (e.SubscriptionUpdated(sink=_checked(sink), wanted=_wanted(wanted)),)


def _changed(value: Any, command: c.UpdateSubscription, *names: str) -> Any:
    wished = {name: getattr(command, name) for name in names}
    return msgspec.structs.replace(value, **{name: wish for name, wish in wished.items() if wish is not None})


def _checked(sink: Sink) -> Sink:
    check_sink(sink)
    return sink


def _wanted(wanted: Wanted) -> Wanted:
    check_wanted(wanted)
    return wanted


def _rotate(state: SubscriptionState, command: c.RotateSecret, now: datetime) -> Events:
    if state.sink.kind != "webhook" or state.sink.signing_secret:
        named = state.sink.signing_secret
        why = f"it signs with the secret '{named}' of the settings" if named else f"a {state.sink.kind} signs nothing"
        raise Rejected("secret-not-ours", f"subscription '{state.name}' has no secret that can be rotated here: {why}")
    if not 0 <= command.keep_old_seconds <= LONGEST_OVERLAP_SECONDS:
        detail = f"keep_old_seconds must be between 0 and {LONGEST_OVERLAP_SECONDS}, not {command.keep_old_seconds:g}"
        raise Rejected("overlap-invalid", detail)
    old_until = now + timedelta(seconds=command.keep_old_seconds)
    return (e.SecretRotated(version=state.sink.secret_version + 1, old_until=old_until),)


def _enable(state: SubscriptionState, command: c.EnableSubscription, now: datetime) -> Events:
    return () if state.enabled else (e.SubscriptionEnabled(by=command.by),)


def _disable(state: SubscriptionState, command: c.DisableSubscription, now: datetime) -> Events:
    if not state.enabled:
        return ()
    dropped = tuple(state.pending)
    return (e.SubscriptionDisabled(by=command.by, code="by-hand", detail=command.reason, dropped=dropped),)


_HANDLERS: dict[type[Any], Callable[[SubscriptionState, Any, datetime], Events]] = {
    Tick: deliveries.tick,
    c.CreateSubscription: _create,
    c.UpdateSubscription: _update,
    c.RotateSecret: _rotate,
    c.EnableSubscription: _enable,
    c.DisableSubscription: _disable,
    c.Notify: deliveries.notify,
    c.ReportAttempt: deliveries.report,
}
