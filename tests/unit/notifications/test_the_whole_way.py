"""From an event of the log to its delivery, with crashes in between and retries over days, on a clock of the test's."""

from agents.connectors.notifications.attempt import Attempt, AttemptFailed, Outcome
from core.notifications.events import (
    NotificationAttempted,
    NotificationDue,
    NotificationQueued,
    SubscriptionDisabled,
)
from core.notifications.notification import Wanted
from core.notifications.schedule import ATTEMPTS
from tests.unit.notifications.way import Endpoint, Way

FAILURE = Outcome(False, 500, "status-500", "answered 500")


def test_run_is_told_to_who_wants_it_once() -> None:
    endpoint = Endpoint()
    way = Way(endpoint)
    way.subscribe("ops")
    way.subscribe("releases", Wanted(types=("service.*",)))
    way.subscribe("billing", Wanted(apps=("billing",)))
    way.request_run(7)
    way.go()
    assert endpoint.titles == ["shop #7 is queued"]
    assert [each.subscription for each in endpoint.attempts] == ["ops"]
    assert [event.outcome for event in way.told(NotificationAttempted)] == ["delivered"]


def test_what_happened_before_a_subscription_does_not_concern_it() -> None:
    endpoint = Endpoint()
    way = Way(endpoint)
    run = way.request_run(7)
    way.plant.settle(way.processor)
    way.clock.advance(1)
    way.subscribe()
    way.cancel_run(run)
    way.go()
    assert endpoint.titles == ["shop #7 was cancelled"]


def test_dispatcher_that_dies_before_its_commit_tells_nothing_twice() -> None:
    endpoint = Endpoint()
    way = Way(endpoint)
    way.subscribe()
    way.request_run(7)
    way.go(way.dispatcher)
    way.crash(way.dispatcher)
    way.go()
    way.crash(way.dispatcher)
    way.go()
    assert len(endpoint.attempts) == 1
    assert len(way.told(NotificationQueued)) == 1


def test_sender_that_dies_before_its_commit_repeats_under_the_same_id_and_the_log_has_one_answer() -> None:
    endpoint = Endpoint()
    way = Way(endpoint)
    way.subscribe()
    way.request_run(7)
    way.go()
    way.crash(way.sender)
    way.go()
    first, second = endpoint.attempts
    assert first.notification == second.notification
    assert len(way.told(NotificationAttempted)) == 1


def test_failing_endpoint_is_tried_for_days_and_then_disabled() -> None:
    endpoint = Endpoint(FAILURE)
    way = Way(endpoint)
    way.subscribe(wanted=Wanted(types=("pipelinerun.queued",)))
    way.request_run(7)
    way.go()
    for _ in range(90):
        way.wait(3600)
        way.go()
    assert len(endpoint.attempts) == ATTEMPTS
    assert len({each.notification.id for each in endpoint.attempts}) == 1
    assert len({each.at for each in endpoint.attempts}) == ATTEMPTS
    outcomes = [event.outcome for event in way.told(NotificationAttempted)]
    assert outcomes == ["retry"] * (ATTEMPTS - 1) + ["failed"]
    (disabled,) = way.told(SubscriptionDisabled)
    assert disabled.code == "endpoint-failing"
    way.request_run(8)
    way.go()
    assert len(endpoint.attempts) == ATTEMPTS


def test_what_waits_survives_a_restart_of_everything() -> None:
    endpoint = Endpoint(FAILURE, Outcome(True, 204))
    way = Way(endpoint)
    way.subscribe()
    way.request_run(7)
    way.go()
    way.processor.close()
    way.clock.advance(2)
    way.processor = way.plant.processor("p2")
    way.crash(way.dispatcher)
    way.crash(way.sender)
    way.go()
    way.wait(10)
    way.go()
    assert [event.outcome for event in way.told(NotificationAttempted)] == ["retry", "delivered"]


def test_worker_that_was_away_sends_once_what_was_asked_for_several_times() -> None:
    endpoint = Endpoint()
    way = Way(endpoint)
    way.subscribe(wanted=Wanted(types=("pipelinerun.queued",)))
    way.request_run(7)
    way.go(way.dispatcher)
    for _ in range(5):
        way.wait(600)
    assert way.told(NotificationDue), "it was asked for again"
    way.go()
    assert len(endpoint.attempts) == 1
    assert [event.outcome for event in way.told(NotificationAttempted)] == ["delivered"]


def test_views_that_are_away_delay_and_lose_nothing() -> None:
    endpoint = Endpoint()
    way = Way(endpoint)
    way.subscribe()
    way.request_run(7)
    way.views_away = True
    way.go()
    assert endpoint.attempts == []
    way.views_away = False
    way.go()
    assert endpoint.titles == ["shop #7 is queued"]


def test_attempt_that_can_not_be_made_is_reported_with_its_reason() -> None:
    class Broken(Endpoint):
        def __call__(self, attempt: Attempt) -> Outcome:
            raise AttemptFailed("secret-unknown", "there is no secret 'x'", final=True)

    way = Way(Broken())
    way.subscribe()
    way.request_run(7)
    way.go()
    (attempted,) = way.told(NotificationAttempted)
    assert (attempted.outcome, attempted.code) == ("failed", "secret-unknown")


def test_fault_of_a_sink_is_reported_in_the_end() -> None:
    class Faulty(Endpoint):
        def __call__(self, attempt: Attempt) -> Outcome:
            raise KeyError("a fault of ours")

    way = Way(Faulty())
    way.subscribe()
    way.request_run(7)
    way.go(way.dispatcher)
    works = [work for record in way.plant.records("sealane.catalog.events") if (work := way.sender.work(record))]
    (work,) = works
    way.plant.write(*work.give_up(KeyError("a fault of ours")))
    way.plant.settle(way.processor)
    (attempted,) = way.told(NotificationAttempted)
    assert (attempted.outcome, attempted.code) == ("retry", "sender-failed")
