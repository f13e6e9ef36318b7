"""What becomes of an app in its environments is told, as the real aggregates decide it over real Kafka and Postgres."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from core.notifications.cdevents import names_of
from tests.integration.notifications.conftest import Subscribed
from tests.support.cdevents_schema import check_cloud_event
from tests.support.delivery_shop import Shop
from tests.support.deployer_hand import DeployerHand
from tests.support.endpoints import Endpoint
from tests.support.gateway_house import GatewayHouse
from tests.support.webhook_receiver import verified

Json = dict[str, Any]


@pytest.fixture
def deployer(house: GatewayHouse) -> Iterator[DeployerHand]:
    with DeployerHand(house) as playing:
        yield playing


def events(subscribed: Subscribed) -> list[tuple[str, Json]]:
    """(kind, CDEvent) of all that came, each checked."""
    secret = subscribed.get("/secret")["secret"]
    found = []
    for post in subscribed.hook.posts:
        event = verified(secret, post.headers, post.body)
        kind = names_of(event["type"])[2]
        check_cloud_event(kind, event)
        found.append((kind, event["data"]))
    return found


def wait_for(subscribed: Subscribed, *kinds: str) -> list[tuple[str, Json]]:
    """Until these have come; fails on any other."""
    wanted = Counter(kinds)
    subscribed.house.wait(lambda: len(subscribed.hook.posts) >= wanted.total(), lambda: str(events(subscribed)))
    found = events(subscribed)
    assert Counter(kind for kind, _ in found) == wanted
    subscribed.hook.posts.clear()
    return found


def test_releases_go_out_and_back_and_each_step_is_told(
    house: GatewayHouse, hook: Endpoint, unique_name: str, deployer: DeployerHand
) -> None:
    types = ("environment.*", "artifact.*", "service.*", "incident.*", "rollout.*")
    subscribed = Subscribed(house, hook, unique_name, *types)
    shop = Shop(house, unique_name)
    wait_for(subscribed, *["environment.created"] * 3)

    first = shop.release(1)
    shop.delivered("canary")
    came = wait_for(
        subscribed, "artifact.published", "rollout.started", "service.published", "service.deployed", "rollout.finished"
    )
    artifact = next(event["subject"]["id"] for kind, event in came if kind == "artifact.published")
    deployed = next(event["subject"] for kind, event in came if kind == "service.deployed")
    assert deployed["id"] == f"{unique_name}/canary/us-east"
    assert deployed["content"]["artifactId"] == artifact
    assert first in artifact

    second = shop.release(2)
    deployer.error_rate = 0.5
    shop.delivered("canary")
    deployer.error_rate = 0.0
    came = wait_for(
        subscribed,
        "artifact.published",
        "rollout.started",
        "incident.detected",
        "service.rolledback",
        "incident.resolved",
        "rollout.finished",
    )
    incidents = {event["subject"]["id"] for kind, event in came if kind.startswith("incident.")}
    assert len(incidents) == 1
    back = next(event for kind, event in came if kind == "service.rolledback")
    assert back["subject"]["content"]["artifactId"] == artifact
    detected = next(event for kind, event in came if kind == "incident.detected")
    assert second in detected["subject"]["content"]["description"]
    assert (detected["customData"]["check"], detected["customData"]["value"]) == ("error-rate", 0.5)
