"""A subscription's settings: what it may say, secrets that are named and rotated, and being disabled."""

from datetime import timedelta

import pytest

from core.notifications import commands as c
from core.notifications import events as e
from core.notifications.aggregate import SUBSCRIPTION
from core.notifications.cdevents import CUSTOM_TYPES, STANDARD_TYPES, type_of
from core.notifications.notification import Sink, Wanted
from tests.support.given import START, given
from tests.unit.notifications.scenes import WEBHOOK, notify, subscription


def test_subscription_is_created_once() -> None:
    scene = subscription()
    scene.then(e.SubscriptionCreated(name="ops", sink=WEBHOOK, wanted=Wanted()))
    scene.rejects(c.CreateSubscription(name="ops", sink=WEBHOOK), "subscription-exists")
    scene.check_restored()


def test_unknown_subscription_can_do_nothing() -> None:
    given(SUBSCRIPTION, "ops").rejects(notify(), "subscription-unknown")


@pytest.mark.parametrize(
    ("sink", "code", "word"),
    [
        (Sink("webhook"), "sink-invalid", "needs a URL"),
        (Sink("webhook", url="https://a.example", url_secret="b"), "sink-invalid", "not both"),
        (Sink("webhook", url="ftp://a.example"), "url-invalid", "scheme"),
        (Sink("webhook", url="https://"), "url-invalid", "no host"),
        (Sink("webhook", url="https://a.example:99999/"), "url-invalid", "Port"),
        (Sink("webhook", url="https://me:word@a.example/"), "url-invalid", "password"),
        (Sink("webhook", url="https://a.example/#x"), "url-invalid", "fragment"),
        (Sink("webhook", url="https://a.example/a b"), "url-invalid", "spaces"),
        (Sink("webhook", url="https://a.example", address="a@b.example"), "sink-invalid", "no address"),
        (Sink("webhook", url="https://a.example", signing_secret="A B"), "secret-name-invalid", "'A B'"),
        (Sink("slack", url="https://hooks.slack.example/T/B/X"), "sink-invalid", "url_secret"),
        (Sink("slack"), "sink-invalid", "url_secret"),
        (Sink("email", address="Ann <ann@example.org>"), "address-invalid", "user@host"),
        (Sink("email", address="ann@example.org\nBcc: x@y.example"), "address-invalid", "user@host"),
        (Sink("email"), "address-invalid", "user@host"),
    ],
)
def test_sink_that_can_not_be_used_is_refused(sink: Sink, code: str, word: str) -> None:
    detail = given(SUBSCRIPTION, "ops").rejects(c.CreateSubscription(name="ops", sink=sink), code)
    assert word in detail


@pytest.mark.parametrize(
    "wanted", [Wanted(types=("a b",)), Wanted(apps=("x" * 101,)), Wanted(environments=("a",) * 51)]
)
def test_filter_that_can_not_be_used_is_refused(wanted: Wanted) -> None:
    given(SUBSCRIPTION, "ops").rejects(c.CreateSubscription(name="ops", sink=WEBHOOK, wanted=wanted), "filter-invalid")


def test_update_changes_what_is_named_only() -> None:
    scene = subscription(wanted=Wanted(types=("service.*",), apps=("shop",)))
    scene.when(c.UpdateSubscription(url="https://b.example/", apps=()))
    scene.then(
        e.SubscriptionUpdated(sink=Sink("webhook", url="https://b.example/"), wanted=Wanted(types=("service.*",)))
    )
    scene.when(c.UpdateSubscription(apps=())).then()
    scene.rejects(c.UpdateSubscription(url=""), "sink-invalid")
    scene.check_restored()


def test_rotated_secret_leaves_the_old_one_its_time() -> None:
    scene = subscription().when(c.RotateSecret(keep_old_seconds=60))
    scene.then(e.SecretRotated(version=2, old_until=START + timedelta(seconds=60)))
    assert scene.state.sink == Sink(
        "webhook", url=WEBHOOK.url, secret_version=2, old_secret_until=START + timedelta(seconds=60)
    )
    scene.rejects(c.RotateSecret(keep_old_seconds=-1), "overlap-invalid")


@pytest.mark.parametrize(
    "sink", [Sink("webhook", url="https://a.example", signing_secret="partner"), Sink("email", address="a@b.example")]
)
def test_secret_that_is_not_ours_is_not_rotated_here(sink: Sink) -> None:
    subscription(sink).rejects(c.RotateSecret(), "secret-not-ours")


def test_disabled_subscription_drops_what_waits_and_takes_nothing() -> None:
    scene = subscription().when(notify("msg_1")).when(c.DisableSubscription(by="ann", reason="too loud"))
    scene.then(e.SubscriptionDisabled(by="ann", code="by-hand", detail="too loud", dropped=("msg_1",)))
    scene.when(c.DisableSubscription(by="ann")).then()
    scene.when(notify("msg_2")).then()
    scene.rejects(notify("msg_2", manual=True), "subscription-disabled")
    scene.when(c.EnableSubscription(by="ann")).then(e.SubscriptionEnabled(by="ann"))
    scene.when(c.EnableSubscription(by="ann")).then()
    scene.when(notify("msg_2")).then_types(e.NotificationQueued)
    scene.check_restored()


FINISHED = type_of("pipelinerun.finished")


@pytest.mark.parametrize(
    ("wanted", "has"),
    [
        (Wanted(), True),
        (Wanted(types=("*",)), True),
        (Wanted(types=("pipelinerun.finished",)), True),
        (Wanted(types=("service.*", "pipelinerun.*")), True),
        (Wanted(types=("dev.cdevents.pipelinerun.finished",)), True),
        (Wanted(types=("dev.cdevents.pipelinerun.finished.0.3.0",)), True),
        (Wanted(types=("pipelinerun",)), False),
        (Wanted(types=("taskrun.*",)), False),
        (Wanted(apps=("sh?p",)), True),
        (Wanted(apps=("billing",)), False),
        (Wanted(environments=("*",)), True),
        (Wanted(environments=("prod*",)), False),
    ],
)
def test_filters_are_globs_over_types_apps_and_environments(wanted: Wanted, has: bool) -> None:
    assert wanted.has(FINISHED, "shop", "") is has


def test_custom_types_go_by_their_short_names_too() -> None:
    assert type_of("approval.requested") == "dev.cdeventsx.sealane-approval.requested.0.1.0"
    assert Wanted(types=("approval.*",)).has(type_of("approval.requested"), "shop", "production")
    assert not STANDARD_TYPES.keys() & CUSTOM_TYPES.keys()
