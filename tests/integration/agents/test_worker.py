"""What the agent makes of the hub's words when they come late, twice, or in another order."""

from core.protocol import messages as m
from tests.integration.agents.bench import Bench, offer


def start(of: m.Offer) -> m.Start:
    return m.Start(attempt_key=of.spec.attempt_key, epoch=of.epoch)


async def test_cancel_that_overtakes_the_start_is_not_forgotten(bench: Bench) -> None:
    one = offer(script="sleep 3600")
    bench.worker.take(one)
    bench.worker.take(m.Cancel(attempt_key=one.spec.attempt_key, epoch=1, grace_seconds=1))
    bench.worker.take(start(one))

    assert (await bench.finished()).outcome == "cancelled"


async def test_cancel_of_another_lease_changes_nothing(bench: Bench) -> None:
    one = offer(epoch=2)
    bench.worker.take(one)
    bench.worker.take(m.Cancel(attempt_key=one.spec.attempt_key, epoch=1))
    bench.worker.take(start(one))

    assert (await bench.finished()).outcome == "success"


async def test_start_that_comes_twice_starts_once(bench: Bench) -> None:
    one = offer()
    bench.worker.take(one)
    bench.worker.take(start(one))
    bench.worker.take(start(one))
    bench.worker.take(one)

    assert (await bench.finished()).outcome == "success"
    assert bench.said == [m.AcceptLease(attempt_key=one.spec.attempt_key, epoch=1)]


async def test_start_of_a_lease_that_was_never_offered_starts_nothing(bench: Bench) -> None:
    bench.worker.take(start(offer()))

    assert not bench.held()


async def test_offer_under_a_new_epoch_waits_until_the_old_one_has_ended(bench: Bench) -> None:
    old, new = offer(script="sleep 3600"), offer(epoch=2)
    bench.worker.take(old)
    bench.worker.take(start(old))
    bench.worker.take(m.Abandon(attempt_key=old.spec.attempt_key, reason="lost"))
    bench.worker.take(new)

    refused = bench.said[-1]
    assert isinstance(refused, m.RefuseLease)
    assert refused.reason == "no-free-slot"
    assert "still being ended" in refused.detail


async def test_abandoned_attempt_reports_nothing_more(bench: Bench) -> None:
    one = offer(script="sleep 3600")
    bench.worker.take(one)
    bench.worker.take(start(one))
    bench.worker.take(m.Abandon(attempt_key=one.spec.attempt_key, reason="lost"))

    await bench.worker.ended()
    assert bench.store.empty
    assert not bench.held()


async def test_refused_acceptance_is_forgotten_and_does_not_hold_up_leaving(bench: Bench) -> None:
    one = offer()
    bench.worker.take(one)
    bench.worker.drain()
    assert bench.held() == {one.spec.attempt_key: 1}
    bench.worker.take(m.Refused(code="stale-lease", detail="", attempt_key=one.spec.attempt_key, epoch=1))

    await bench.worker.ended()
    assert not bench.held()


async def test_job_that_was_accepted_before_the_drain_still_runs(bench: Bench) -> None:
    one, later = offer(), offer(attempt=2)
    bench.worker.take(one)
    bench.worker.drain()
    bench.worker.take(later)
    bench.worker.take(start(one))

    assert (await bench.finished()).outcome == "success"
    assert m.RefuseLease(attempt_key=later.spec.attempt_key, epoch=1, reason="draining") in bench.said


async def test_acceptance_whose_start_was_lost_is_said_again_after_a_reconnect(bench: Bench) -> None:
    one = offer()
    bench.worker.take(one)
    bench.said.clear()
    bench.worker.disconnected()
    assert bench.held() == {one.spec.attempt_key: 1}
    bench.worker.welcomed(m.Welcome(session="t"))

    assert bench.said == [m.AcceptLease(attempt_key=one.spec.attempt_key, epoch=1)]
