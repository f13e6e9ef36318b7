"""Notifications over real Kafka and Postgres: from a run to the receiver, the delivery log, and the command line."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from core.notifications.cdevents import names_of
from gateway.cli.errors import CliError
from gateway.cli.main import make_cli
from tests.integration.notifications.conftest import Subscribed
from tests.support.cdevents_schema import check_cloud_event
from tests.support.endpoints import Answer, Endpoint, endpoint
from tests.support.gateway_house import GatewayHouse
from tests.support.webhook_receiver import verified

Json = dict[str, Any]


def test_run_is_told_signed_and_on_record(subscribed: Subscribed) -> None:
    run = subscribed.house.new_run(subscribed.name)
    subscribed.house.run_when(run, lambda document: document["state"] == "running")
    assert subscribed.house.api.post(f"/api/v1/runs/{run}/cancel", json={}).status_code == 200
    log = subscribed.wait(lambda items: len(items) == 4 and all(each["state"] == "delivered" for each in items))
    titles = {each["title"].removeprefix(f"{subscribed.name} ") for each in log}
    job = f"build of {subscribed.name} #1 was cancelled"
    assert titles == {"#1 is queued", "#1 has started", "#1 was cancelled", job}
    secret = subscribed.get("/secret")["secret"]
    events = {post.headers["webhook-id"]: verified(secret, post.headers, post.body) for post in subscribed.hook.posts}
    assert set(events) == {each["id"] for each in log}
    for event in events.values():
        check_cloud_event(names_of(event["type"])[2], event)
        assert event["subject"].startswith(run)


def test_failed_delivery_is_tried_again_and_the_log_has_both_attempts(subscribed: Subscribed) -> None:
    subscribed.hook.answers = [Answer(500, b"oh no"), Answer(204)]
    sent = subscribed.post("/test").json()
    subscribed.wait(lambda items: items[0]["state"] == "delivered")
    first, second = subscribed.hook.posts
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == sent["id"]
    assert first.body == second.body
    detail = subscribed.get(f"/deliveries/{sent['id']}")
    assert [(each["outcome"], each["status"]) for each in detail["log"]] == [("retry", 500), ("delivered", 204)]
    assert detail["event"] == json.loads(first.body)["data"]
    check_cloud_event("subscription.tested", json.loads(first.body))


def test_endpoint_that_is_gone_is_disabled_and_can_be_enabled_again(subscribed: Subscribed) -> None:
    subscribed.hook.answers = [Answer(410, b"moved away")]
    sent = subscribed.post("/test").json()
    (entry,) = subscribed.wait(lambda items: items[0]["state"] == "failed")
    assert entry["code"] == "gone"
    found = subscribed.get()
    assert (found["state"], found["disabled_code"]) == ("disabled", "endpoint-gone")
    assert "moved away" in found["disabled_detail"]
    refused = subscribed.post("/test")
    assert (refused.status_code, refused.json()["code"]) == (409, "subscription-disabled")
    subscribed.hook.answers = [Answer(200)]
    assert subscribed.post("/enable").status_code == 200
    again = subscribed.post(f"/deliveries/{sent['id']}/redeliver")
    assert again.json()["id"] == sent["id"]
    subscribed.wait(lambda items: items[0]["state"] == "delivered")
    first, second = subscribed.hook.posts
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)


def test_slow_endpoint_holds_nobody_else_up(house: GatewayHouse, hook: Endpoint, unique_name: str) -> None:
    hook.hold = threading.Event()
    with endpoint() as other:
        slow, quick = Subscribed(house, hook, unique_name), Subscribed(house, other, f"{unique_name}-quick")
        for _ in range(20):
            slow.post("/test")
        hook.wait_for(1)
        quick.post("/test")
        quick.wait(lambda items: items[0]["state"] == "delivered")
        assert {each["state"] for each in slow.deliveries()} == {"pending"}
        hook.hold.set()
        slow.wait(lambda items: {each["state"] for each in items} == {"delivered"})
    assert len({post.headers["webhook-id"] for post in hook.posts}) == 20


def test_subscription_is_changed_disabled_and_its_secret_rotated(subscribed: Subscribed) -> None:
    old = subscribed.get("/secret")
    assert old["old_secret"] is None
    assert subscribed.post("/secret/rotate", {"keep_old_seconds": 3600}).status_code == 200
    new = subscribed.get("/secret")
    assert new["old_secret"] == old["secret"] != new["secret"]
    subscribed.post("/test")
    (post,) = subscribed.hook.wait_for(1)
    assert verified(old["secret"], post.headers, post.body) == verified(new["secret"], post.headers, post.body)
    assert subscribed.patch({"types": ["service.*"]}).status_code == 200
    assert subscribed.get()["types"] == ["service.*"]
    assert subscribed.patch({"url": "ftp://x"}).json()["code"] == "url-invalid"
    assert subscribed.post("/disable", {"reason": "too loud"}).status_code == 200
    found = subscribed.get()
    assert (found["state"], found["disabled_code"], found["disabled_detail"]) == ("disabled", "by-hand", "too loud")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"kind": "webhook"}, 422, "sink-invalid"),
        ({"kind": "webhook", "url": "https://me:word@a.example"}, 422, "url-invalid"),
        ({"kind": "slack", "url": "https://a.example"}, 422, "sink-invalid"),
        ({"kind": "email", "address": "nobody"}, 422, "address-invalid"),
        ({"kind": "pigeon"}, 422, "input-invalid"),
        ({"kind": "webhook", "url": "https://a.example", "types": ["a b"]}, 422, "filter-invalid"),
    ],
)
def test_bad_subscriptions_are_refused(house: GatewayHouse, body: Json, status: int, code: str) -> None:
    answer = house.api.post("/api/v1/subscriptions", json={"name": "bad", **body})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_what_does_not_exist_is_said(subscribed: Subscribed) -> None:
    for path in ("", "/secret", "/deliveries"):
        answer = subscribed.house.api.get(f"/api/v1/subscriptions/nobody{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "subscription-unknown")
    answer = subscribed.house.api.get(f"/api/v1/subscriptions/{subscribed.name}/deliveries/msg_0")
    assert (answer.status_code, answer.json()["code"]) == (404, "notification-unknown")
    assert subscribed.post("/deliveries/msg_0/redeliver").status_code == 404


@pytest.fixture
def sealane(house: GatewayHouse, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("SEALANE_URL", f"http://127.0.0.1:{house.settings.port}")
    monkeypatch.setenv("SEALANE_TOKEN", house.admin_token)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(make_cli(), ["subscriptions", *arguments])

    return run


def test_command_line_does_it_all(sealane: Callable[..., Result], hook: Endpoint, unique_name: str) -> None:
    name = unique_name
    created = sealane("create", name, "--url", hook.url, "--type", "service.*", "--app", "shop")
    assert created.exit_code == 0, created.output
    assert name in sealane().stdout
    shown = json.loads(sealane("show", name, "--json").stdout)
    assert (shown["types"], shown["apps"]) == (["service.*"], ["shop"])
    assert sealane("test", name).exit_code == 0
    (post,) = hook.posts
    assert verified(json.loads(sealane("secret", name, "--json").stdout)["secret"], post.headers, post.body)
    (entry,) = json.loads(sealane("deliveries", name, "--json").stdout)["items"]
    assert entry["state"] == "delivered"
    assert sealane("redeliver", name, entry["id"]).exit_code == 0
    assert len(hook.posts) == 2
    detail = json.loads(sealane("deliveries", name, entry["id"], "--json").stdout)
    assert [each["outcome"] for each in detail["log"]] == ["delivered", "delivered"]
    hook.answers = [Answer(500, b"oh no")]
    failed = sealane("test", name)
    assert isinstance(failed.exception, CliError)
    assert "oh no" in failed.exception.line
    for arguments in (("update", name, "--type", ""), ("disable", name, "--reason", "x"), ("enable", name)):
        assert sealane(*arguments).exit_code == 0
    assert json.loads(sealane("list", "--json").stdout)["items"]
    assert json.loads(sealane("show", name, "--json").stdout)["types"] == []
