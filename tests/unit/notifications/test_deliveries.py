"""How a subscription gets its notifications delivered: turns, retries over days, giving up, and what is never lost."""

from datetime import timedelta

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from core.notifications import commands as c
from core.notifications import events as e
from core.notifications.deliveries import ANSWER_SECONDS, MOST_ASKED, MOST_PENDING
from core.notifications.schedule import ATTEMPTS, DELAYS_SECONDS, JITTER, next_attempt_at
from core.notifications.state import PARALLEL
from tests.support.given import START, Scene
from tests.unit.notifications.scenes import WEBHOOK, delivered, failed, notification, notify, subscription


def begun(scene: Scene) -> list[str]:
    """The ids of the attempts that the last decision asked for."""
    queued = [each.notification.id for each in scene.all_told(e.NotificationQueued) if each.answer_by]
    return queued + [each.notification.id for each in scene.all_told(e.NotificationDue)]


def until_next(scene: Scene) -> Scene:
    """Time passes until the aggregate wants to be asked."""
    due = scene.aggregate.deadline(scene.state)
    assert due is not None
    return scene.later(seconds=(due - scene.now).total_seconds())


def test_first_attempt_is_asked_for_at_once() -> None:
    scene = subscription().when(notify())
    answer_by = START + timedelta(seconds=ANSWER_SECONDS)
    scene.then(e.NotificationQueued(notification=notification(), sink=WEBHOOK, at=START, answer_by=answer_by))
    scene.when(delivered())
    scene.then(
        e.NotificationAttempted(id="msg_1", attempt=1, outcome="delivered", status=200, duration_ms=12, at=START)
    )
    assert scene.state.pending == {}
    assert scene.aggregate.deadline(scene.state) is None
    scene.check_restored()


def test_notification_that_is_on_its_way_is_not_begun_again() -> None:
    subscription().when(notify()).when(notify()).then()


def test_failed_attempt_is_tried_again_on_schedule_until_it_is_given_up() -> None:
    scene = subscription().when(notify())
    for attempt, delay in enumerate(DELAYS_SECONDS, start=1):
        scene.when(failed(attempt=attempt))
        event = scene.one(e.NotificationAttempted)
        assert event.outcome == "retry"
        assert event.next_at is not None
        assert delay <= (event.next_at - scene.now).total_seconds() <= delay * (1 + JITTER)
        scene.later(seconds=delay - 1)
        assert begun(scene) == []
        assert begun(until_next(scene)) == ["msg_1"]
        assert scene.one(e.NotificationDue).attempt == attempt + 1
    scene.when(failed(attempt=ATTEMPTS))
    assert scene.one(e.NotificationAttempted).outcome == "failed"
    assert (scene.now - START) > timedelta(hours=75)
    scene.check_restored()


def test_endpoint_that_never_answered_well_is_disabled_when_the_schedule_ends() -> None:
    scene = subscription().when(notify())
    _fail_until_the_last(scene)
    scene.when(notify("msg_2")).when(failed(attempt=ATTEMPTS))
    disabled = scene.one(e.SubscriptionDisabled)
    assert (disabled.code, disabled.dropped) == ("endpoint-failing", ("msg_2",))
    assert "oh no" in disabled.detail
    assert scene.aggregate.deadline(scene.state) is None


def test_endpoint_that_took_others_meanwhile_stays_enabled() -> None:
    scene = subscription().when(notify()).when(notify("msg_2")).when(delivered("msg_2"))
    _fail_until_the_last(scene)
    scene.when(failed(attempt=ATTEMPTS))
    assert scene.one(e.NotificationAttempted).outcome == "failed"
    assert scene.all_told(e.SubscriptionDisabled) == []
    assert scene.state.enabled


def _fail_until_the_last(scene: Scene) -> None:
    for attempt in range(1, ATTEMPTS):
        scene.when(failed(attempt=attempt))
        while "msg_1" not in begun(scene):
            until_next(scene)


def test_endpoint_may_ask_for_more_time_but_not_for_ever() -> None:
    first = next_attempt_at("m", 1, START, 3600.0)
    assert first == START + timedelta(hours=1)
    assert next_attempt_at("m", 1, START, 1e9) == START + timedelta(days=1)
    later = next_attempt_at("m", 3, START, 1.0)
    assert later is not None
    assert later >= START + timedelta(seconds=DELAYS_SECONDS[2])


def test_endpoint_that_is_gone_is_disabled_and_what_waits_is_dropped() -> None:
    scene = subscription().when(notify()).when(notify("msg_2"))
    scene.when(failed(status=410, code="gone", gone=True))
    assert scene.one(e.NotificationAttempted).outcome == "failed"
    disabled = scene.one(e.SubscriptionDisabled)
    assert (disabled.code, disabled.dropped) == ("endpoint-gone", ("msg_2",))
    scene.when(delivered("msg_2")).then()
    scene.check_restored()


def test_attempt_that_can_never_succeed_is_the_last() -> None:
    scene = subscription().when(notify()).when(failed(final=True, status=550, code="refused"))
    assert scene.one(e.NotificationAttempted).outcome == "failed"
    assert scene.state.enabled
    assert scene.state.pending == {}


def test_few_attempts_are_under_way_at_once_and_the_others_wait_for_their_turn() -> None:
    scene = subscription()
    for number in range(PARALLEL + 2):
        scene.when(notify(f"m{number}"))
        assert begun(scene) == ([f"m{number}"] if number < PARALLEL else [])
    scene.when(delivered("m1"))
    assert begun(scene) == [f"m{PARALLEL}"]
    scene.check_restored()


def test_failing_endpoint_gets_one_attempt_at_a_time() -> None:
    scene = subscription()
    for number in range(PARALLEL + 2):
        scene.when(notify(f"m{number}"))
    scene.when(failed("m0"))
    assert begun(scene) == []
    for number in range(1, PARALLEL):
        scene.when(failed(f"m{number}"))
    assert begun(scene) == [f"m{PARALLEL}"]
    scene.when(delivered(f"m{PARALLEL}"))
    assert begun(scene) == [f"m{PARALLEL + 1}"]
    until_next(scene)
    assert begun(scene), "once it works again, what is due goes on"


def test_too_many_that_wait_are_dropped_on_record() -> None:
    scene = subscription()
    for number in range(MOST_PENDING):
        scene.when(notify(f"m{number}"))
    scene.when(notify("one-more"))
    dropped = scene.one(e.NotificationDropped)
    assert (dropped.notification.id, dropped.code) == ("one-more", "queue-full")
    assert str(MOST_PENDING) in dropped.detail


def test_unanswered_attempt_is_asked_for_again_and_again_and_then_given_up() -> None:
    scene = subscription().when(notify())
    for asked in range(2, MOST_ASKED + 1):
        due = until_next(scene).one(e.NotificationDue)
        assert (due.attempt, due.asked) == (1, asked)
        assert due.answer_by > scene.now
    attempted = until_next(scene).one(e.NotificationAttempted)
    assert (attempted.outcome, attempted.code) == ("failed", "no-answer")
    assert scene.state.pending == {}
    assert scene.state.enabled
    scene.check_restored()


def test_late_success_counts_and_late_failure_does_not() -> None:
    scene = subscription().when(notify()).when(failed())
    scene.when(failed()).then()
    scene.when(delivered())
    assert scene.one(e.NotificationAttempted).outcome == "delivered"
    scene.when(delivered()).then()


def test_somebody_may_not_want_to_wait_for_the_next_attempt() -> None:
    scene = subscription().when(notify()).when(failed()).later(seconds=1)
    assert begun(scene) == []
    scene.when(notify(manual=True))
    assert begun(scene) == ["msg_1"]
    assert scene.one(e.NotificationDue).attempt == 2
    scene.when(notify(manual=True)).then()
    scene.check_restored()


def test_what_was_given_up_can_be_delivered_again_under_its_id() -> None:
    scene = subscription().when(notify()).when(failed(final=True)).when(notify(manual=True))
    assert scene.one(e.NotificationQueued).notification.id == "msg_1"


def test_new_address_gets_what_waits() -> None:
    scene = subscription().when(notify()).when(failed()).when(c.UpdateSubscription(url="https://b.example/"))
    assert until_next(scene).one(e.NotificationDue).sink.url == "https://b.example/"


STEPS = st.lists(
    st.tuples(st.sampled_from(("notify", "ok", "bad", "gone", "wait", "enable")), st.integers(0, 7)), max_size=60
)


@over(STEPS)
def test_whatever_happens_nothing_is_lost_and_nothing_waits_for_ever(steps: list[tuple[str, int]]) -> None:
    """Every notification that was taken ends as delivered, failed or dropped, on record."""
    scene = subscription()
    for step, number in steps:
        _take(scene, step, number)
        assert len(scene.state.under_way) <= PARALLEL
        assert scene.state.under_way.keys() <= scene.state.pending.keys()
    for _ in range(20_000):
        if scene.aggregate.deadline(scene.state) is None:
            break
        until_next(scene)
        for identity in begun(scene):
            scene.when(failed(identity, attempt=scene.state.pending[identity].attempts + 1))
    assert scene.state.pending == {}
    assert _ends(scene) == _beginnings(scene)
    scene.check_restored()


def _take(scene: Scene, step: str, number: int) -> None:
    identity = f"m{number}"
    pending = scene.state.pending.get(identity)
    attempt = pending.attempts + 1 if pending else 1
    match step:
        case "notify":
            scene.when(notify(identity))
        case "ok":
            scene.when(delivered(identity, attempt))
        case "bad":
            scene.when(failed(identity, attempt))
        case "gone":
            scene.when(failed(identity, attempt, gone=True))
        case "wait":
            scene.later(seconds=10.0**number)
        case "enable":
            scene.when(c.EnableSubscription(by="ann"))


def _beginnings(scene: Scene) -> int:
    return sum(isinstance(event, e.NotificationQueued) for event in scene.events)


def _ends(scene: Scene) -> int:
    ended = sum(isinstance(event, e.NotificationAttempted) and event.next_at is None for event in scene.events)
    return ended + sum(len(event.dropped) for event in scene.events if isinstance(event, e.SubscriptionDisabled))


@pytest.mark.parametrize("attempt", range(1, ATTEMPTS))
def test_jitter_spreads_attempts_and_is_the_same_for_the_same_attempt(attempt: int) -> None:
    times = {next_attempt_at(f"m{number}", attempt, START, None) for number in range(20)}
    assert len(times) == 20
    assert next_attempt_at("m1", attempt, START, None) in times
