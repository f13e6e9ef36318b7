"""The largest delivery a forge may send: from the webhook over the real log to a decision that people can read."""

import base64
import hashlib
import json
import random

import httpx
import pytest

from gateway.webhooks.services import MAX_BODY_BYTES
from gateway.webhooks.signatures import sign
from tests.support.forge_payloads.samples import github_push
from tests.support.gateway_house import GatewayHouse, Json

NEARLY_25_MB = MAX_BODY_BYTES - 100_000


pytestmark = pytest.mark.usefixtures("ingest")


def push_of(app: str, size: int) -> bytes:
    """A push to the app's repository of exactly `size` bytes that no compression makes small."""
    repository = {"clone_url": "https://forge.example/acme/app.git"}
    bare = github_push(padding="").but(repository=repository)
    noise = base64.b64encode(random.Random(1).randbytes(size)).decode()
    body = bare.but(padding=noise[: size - len(bare.body)]).body
    assert len(body) == size
    return body


def post(house: GatewayHouse, app: str, body: bytes, delivery_id: str) -> httpx.Response:
    secret = house.api.get(f"/api/v1/apps/{app}/webhook").json()["secret"]
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": delivery_id,
        "X-Hub-Signature-256": sign(secret, body),
    }
    return house.api.post("/webhooks/github", content=body, headers=headers)


def delivery(house: GatewayHouse, delivery_id: str) -> Json:
    found: Json = house.api.get(f"/api/v1/deliveries/{delivery_id}").json()
    return found


def test_delivery_of_nearly_25_mb_makes_a_run(house: GatewayHouse, app: str) -> None:
    body = push_of(app, NEARLY_25_MB)
    answer = post(house, app, body, f"large-{app}")
    assert answer.status_code == 202, answer.text
    house.wait(lambda: bool(delivery(house, f"large-{app}").get("results")))
    kept = delivery(house, f"large-{app}")
    assert hashlib.sha256(base64.b64decode(kept["body"])).digest() == hashlib.sha256(body).digest()
    assert house.api.get(f"/api/v1/apps/{app}/runs/1").json()["commit"] == json.loads(body)["after"]


def test_delivery_over_the_limit_is_refused_and_leaves_nothing(house: GatewayHouse, app: str) -> None:
    answer = post(house, app, push_of(app, MAX_BODY_BYTES + 1), f"over-{app}")
    assert (answer.status_code, answer.json()["code"]) == (413, "payload-too-large")
    assert post(house, app, push_of(app, 5000), f"small-{app}").status_code == 202
    house.wait(lambda: bool(delivery(house, f"small-{app}").get("results")))
    assert delivery(house, f"over-{app}")["code"] == "delivery-unknown"
