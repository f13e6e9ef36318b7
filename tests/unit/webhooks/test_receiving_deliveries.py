"""The webhook endpoint: who gets in, what is refused and how, and what is in the log before 202 is said."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI

from core.delivery import Delivery, decode_delivery
from core.eventlog.topics import WEBHOOKS_TOPIC, Topology
from core.forges.urls import repository_key
from core.ports import LogUnavailable, TopicPartition
from gateway.errors import install_error_handlers
from gateway.webhooks.deliveries import redeliver
from gateway.webhooks.router import webhooks_router
from gateway.webhooks.services import LARGE_AT_ONCE, MAX_BODY_BYTES, WebhookServices
from gateway.webhooks.signatures import gitlab_signing_token, sign
from infra.memory.log import Call, MemoryLog
from infra.memory.producer import MemoryAsyncProducer
from infra.memory.reader import MemoryLogReader
from tests.support.forge_payloads import samples as s
from tests.support.forge_payloads.samples import Sample

TOPOLOGY = Topology(("us-east", "eu-west"), 2)
APPS = {
    "shop": "git@github.com:acme/shop.git",
    "shop-admin": "https://github.com/acme/shop",
    "lab": "https://gitlab.example.com/acme/shop.git",
    "cloud": "https://bitbucket.org/acme/shop",
    "dc": "https://bitbucket.example.com/scm/acme/shop.git",
    "tea": "http://gitea.example.com:3000/acme/shop.git",
}
SIGNATURE_HEADERS = {
    "github": "X-Hub-Signature-256",
    "bitbucket-cloud": "X-Hub-Signature",
    "bitbucket-dc": "X-Hub-Signature",
    "gitea": "X-Gitea-Signature",
}
PUSHES = [
    ("shop", s.github_push()),
    ("lab", s.gitlab_push()),
    ("cloud", s.bitbucket_cloud_push()),
    ("dc", s.bitbucket_dc_push()),
    ("tea", s.gitea_push()),
]


def secret_of(app: str) -> str:
    return hashlib.sha256(app.encode()).hexdigest()


class World:
    """An endpoint over a log in memory."""

    def __init__(self, max_body_bytes: int = 1 << 20, body_seconds: float = 30.0) -> None:
        self.log = MemoryLog()
        for spec in TOPOLOGY.topic_specs():
            self.log.create(spec)
        ids = iter(f"made-{number}" for number in range(100))
        self.services = WebhookServices(
            topology=TOPOLOGY,
            producer=MemoryAsyncProducer(self.log),
            apps_by_repository=self._apps_by_repository,
            webhook_secret=secret_of,
            clock=self.log.clock,
            new_id=lambda: next(ids),
            max_body_bytes=max_body_bytes,
            body_seconds=body_seconds,
        )
        app = FastAPI()
        install_error_handlers(app)
        app.include_router(webhooks_router(self.services))
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sealane")

    async def _apps_by_repository(self, urls: tuple[str, ...]) -> Sequence[str]:
        keys = {repository_key(url) for url in urls}
        return [app for app, url in APPS.items() if repository_key(url) in keys]

    async def post(self, sample: Sample, app: str, delivery_id: str = "d-1", **headers: str) -> httpx.Response:
        return await self.client.post(
            f"/webhooks/{sample.forge}", content=sample.body, headers={**signed(sample, app, delivery_id), **headers}
        )

    def stored(self) -> list[Delivery]:
        """What the home region's partitions hold."""
        reader = MemoryLogReader(self.log)
        reader.assign({TopicPartition(WEBHOOKS_TOPIC, number): 0 for number in TOPOLOGY.block("us-east")})
        return [decode_delivery(record.value or b"") for record in reader.poll(100, 0)]


def signed(sample: Sample, app: str, delivery_id: str = "d-1") -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        sample.event_header: sample.event,
        sample.delivery_header: delivery_id,
    }
    if sample.forge == "gitlab":
        return headers | {"X-Gitlab-Token": secret_of(app)}
    return headers | {SIGNATURE_HEADERS[sample.forge]: sign(secret_of(app), sample.body)}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    async with made.client:
        yield made


def problem(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


@pytest.mark.parametrize(("app", "sample"), PUSHES)
async def test_signed_delivery_is_in_the_log_as_received_when_it_is_accepted(
    world: World, app: str, sample: Sample
) -> None:
    answer = await world.post(sample, app)
    assert answer.status_code == 202
    (delivery,) = world.stored()
    assert answer.json() == {
        "delivery_id": "d-1",
        "status": "accepted",
        "correlation_id": delivery.correlation_id,
    }
    assert (delivery.forge, delivery.event, delivery.apps) == (sample.forge, sample.event, (app,))
    assert delivery.body == sample.body
    assert len(delivery.correlation_id) == 32


@pytest.mark.parametrize(("app", "sample"), PUSHES)
async def test_delivery_that_was_changed_on_its_way_is_refused(world: World, app: str, sample: Sample) -> None:
    headers = signed(sample, app)
    if sample.forge == "gitlab":
        headers["X-Gitlab-Token"] = secret_of("other")
    answer = await world.client.post(f"/webhooks/{sample.forge}", content=sample.body + b" ", headers=headers)
    assert problem(answer) == (401, "signature-invalid")
    assert world.stored() == []


@pytest.mark.parametrize(("app", "sample"), PUSHES)
async def test_unsigned_delivery_is_refused(world: World, app: str, sample: Sample) -> None:
    headers = {"Content-Type": "application/json", sample.event_header: sample.event}
    answer = await world.client.post(f"/webhooks/{sample.forge}", content=sample.body, headers=headers)
    assert problem(answer) == (401, "signature-missing")


async def test_unknown_repository_and_wrong_secret_get_the_same_answer(world: World) -> None:
    unknown = s.github_push().but(repository={"clone_url": "https://github.com/acme/nothing.git"})
    answers = [await world.post(unknown, "shop"), await world.post(s.github_push(), "lab")]
    first, second = (answer.json() for answer in answers)
    assert first == second
    assert first["code"] == "signature-invalid"


async def test_apps_that_share_a_repository_get_what_their_own_secret_signed(world: World) -> None:
    await world.post(s.github_push(), "shop-admin")
    assert [delivery.apps for delivery in world.stored()] == [("shop-admin",)]


async def test_forgejo_signs_in_a_header_of_its_own(world: World) -> None:
    sample = s.gitea_push()
    digest = sign(secret_of("tea"), sample.body).removeprefix("sha256=")
    headers = {"Content-Type": "application/json", "X-Forgejo-Event": "push", "X-Forgejo-Delivery": "f-1"}
    answer = await world.client.post(
        "/webhooks/gitea", content=sample.body, headers=headers | {"X-Forgejo-Signature": digest}
    )
    assert answer.status_code == 202
    assert world.stored()[0].delivery_id == "f-1"


def standard_headers(world: World, body: bytes, age_seconds: int = 0) -> dict[str, str]:
    """As GitLab makes them with a signing token."""
    key = base64.b64decode(gitlab_signing_token(secret_of("lab")).removeprefix("whsec_"))
    time = str(int(world.log.clock.now().timestamp()) - age_seconds)
    digest = hmac.new(key, f"w-1.{time}.".encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "X-Gitlab-Event": "Push Hook",
        "webhook-id": "w-1",
        "webhook-timestamp": time,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


async def test_gitlab_signing_token_verifies(world: World) -> None:
    body = s.gitlab_push().body
    answer = await world.client.post("/webhooks/gitlab", content=body, headers=standard_headers(world, body))
    assert answer.status_code == 202
    assert answer.json()["delivery_id"] == "w-1"


async def test_gitlab_signature_of_another_time_is_refused(world: World) -> None:
    body = s.gitlab_push().body
    old = await world.client.post("/webhooks/gitlab", content=body, headers=standard_headers(world, body, 301))
    assert problem(old) == (401, "signature-expired")
    moved = standard_headers(world, body) | {"webhook-id": "w-2"}
    assert problem(await world.client.post("/webhooks/gitlab", content=body, headers=moved)) == (
        401,
        "signature-invalid",
    )


async def test_form_of_github_is_taken_and_kept_as_it_came(world: World) -> None:
    body = urlencode({"payload": s.github_push().body.decode()}).encode()
    headers = signed(s.github_push(), "shop") | {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Hub-Signature-256": sign(secret_of("shop"), body),
    }
    answer = await world.client.post("/webhooks/github", content=body, headers=headers)
    assert answer.status_code == 202
    assert world.stored()[0].body == body


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"{", "malformed-json"), (b"", "malformed-json"), (b"[]", "payload-invalid"), (b"\xff", "malformed-json")],
)
async def test_body_that_is_no_payload_is_refused_with_its_reason(world: World, body: bytes, code: str) -> None:
    headers = signed(s.github_push(), "shop") | {"X-Hub-Signature-256": sign(secret_of("shop"), body)}
    answer = await world.client.post("/webhooks/github", content=body, headers=headers)
    assert problem(answer) == (400, code)


async def test_push_without_a_needed_field_is_refused_and_names_it(world: World) -> None:
    sample = s.github("push", ref="refs/heads/main", before=s.BEFORE)
    answer = await world.post(sample, "shop")
    assert problem(answer) == (400, "payload-invalid")
    assert "after" in answer.json()["detail"]
    assert world.stored() == []


async def test_event_of_an_unknown_kind_is_kept(world: World) -> None:
    answer = await world.post(s.github("star", action="created"), "shop")
    assert answer.status_code == 202
    assert world.stored()[0].event == "star"


async def test_test_of_a_hook_that_names_no_repository_is_taken_for_the_app_in_its_address(world: World) -> None:
    sample = s.bitbucket_dc("diagnostics:ping", test=True)
    headers = signed(sample, "dc")
    plain = await world.client.post("/webhooks/bitbucket-dc", content=sample.body, headers=headers)
    named = await world.client.post("/webhooks/bitbucket-dc?app=dc", content=sample.body, headers=headers)
    other = await world.client.post("/webhooks/bitbucket-dc?app=shop", content=sample.body, headers=headers)
    assert [plain.status_code, named.status_code, other.status_code] == [401, 202, 401]


async def test_delivery_without_an_id_gets_the_same_one_each_time(world: World) -> None:
    first = await world.post(s.github_push(), "shop", "")
    second = await world.post(s.github_push(), "shop", "")
    assert first.json()["delivery_id"] == second.json()["delivery_id"]
    assert first.json()["delivery_id"].startswith("sha256-")


async def test_body_over_the_limit_is_refused_while_it_streams() -> None:
    world = World(max_body_bytes=1000)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100_000:
            sent += 500
            yield b"x" * 500
            await asyncio.sleep(0)

    async with world.client:
        headers = signed(s.github_push(), "shop")
        stated = await world.client.post("/webhooks/github", content=b"x" * 1001, headers=headers)
        streamed = await world.client.post("/webhooks/github", content=endless(), headers=headers)
    assert problem(stated) == (413, "payload-too-large")
    assert problem(streamed) == (413, "payload-too-large")
    assert world.stored() == []


def padded(size: int) -> Sample:
    """A push whose body has exactly `size` bytes."""
    bare = len(s.github_push(padding="").body)
    return s.github_push(padding="x" * (size - bare))


async def test_largest_body_fits_into_the_log() -> None:
    largest = padded(MAX_BODY_BYTES)
    world = World(max_body_bytes=MAX_BODY_BYTES)
    async with world.client:
        answer = await world.post(largest, "shop", **{f"X-Hook-{number}": "x" * 1000 for number in range(100)})
        over = await world.post(padded(MAX_BODY_BYTES + 1), "shop", "d-2")
    assert answer.status_code == 202
    assert problem(over) == (413, "payload-too-large")
    (kept,) = world.stored()
    assert (kept.body, len(kept.headers)) == (largest.body, 50)


async def test_large_deliveries_wait_for_each_other() -> None:
    world = World(max_body_bytes=MAX_BODY_BYTES)
    most = 0
    reading = 0

    async def slow(body: bytes) -> AsyncIterator[bytes]:
        nonlocal most, reading
        reading += 1
        most = max(most, reading)
        for _ in range(5):
            await asyncio.sleep(0)
        yield body
        reading -= 1

    sample = s.github_push()
    async with world.client:
        answers = await asyncio.gather(
            *(
                world.client.post(
                    "/webhooks/github", content=slow(sample.body), headers=signed(sample, "shop", f"d-{number}")
                )
                for number in range(8)
            )
        )
    assert {answer.status_code for answer in answers} == {202}
    assert len(world.stored()) == 8
    assert most == LARGE_AT_ONCE


async def test_delivery_that_finds_no_room_is_sent_again_later() -> None:
    world = World(max_body_bytes=MAX_BODY_BYTES, body_seconds=0.05)
    for _ in range(LARGE_AT_ONCE):
        await world.services.large.acquire()
    async with world.client:
        large = await world.post(padded(1 << 20), "shop")
        small = await world.post(s.github_push(), "shop", "d-2")
    assert problem(large) == (503, "busy")
    assert int(large.headers["retry-after"]) > 0
    assert small.status_code == 202
    assert [each.delivery_id for each in world.stored()] == ["d-2"]


async def test_body_that_never_ends_gives_its_room_back() -> None:
    world = World(body_seconds=0.05)

    async def stuck() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with world.client:
        answer = await world.client.post("/webhooks/github", content=stuck(), headers=signed(s.github_push(), "shop"))
        next_one = await world.post(s.github_push(), "shop")
    assert problem(answer) == (408, "body-too-slow")
    assert next_one.status_code == 202


async def test_unknown_forge_and_content_type_are_refused(world: World) -> None:
    assert problem(await world.client.post("/webhooks/sourceforge", content=b"{}")) == (404, "forge-unknown")
    headers = signed(s.github_push(), "shop") | {"Content-Type": "text/plain"}
    answer = await world.client.post("/webhooks/github", content=b"{}", headers=headers)
    assert problem(answer) == (415, "media-type-unsupported")


async def test_nothing_is_accepted_while_the_log_is_away(world: World) -> None:
    def away(call: Call) -> None:
        raise LogUnavailable("no broker")

    world.log.on_call = away
    answer = await world.post(s.github_push(), "shop")
    assert problem(answer) == (503, "log-unavailable")
    assert int(answer.headers["retry-after"]) > 0


async def test_secrets_of_a_request_never_reach_the_log(world: World) -> None:
    await world.post(s.gitlab_push(), "lab", Authorization="Basic abc", Cookie="a=b")
    headers = world.stored()[0].headers
    assert headers["x-gitlab-event"] == "Push Hook"
    assert secret_of("lab") not in str(headers)
    assert not {"authorization", "cookie"} & set(headers)


async def test_redelivery_is_a_new_record_that_names_the_original(world: World) -> None:
    await world.post(s.github_push(), "shop")
    (original,) = world.stored()
    world.log.clock.advance(timedelta(hours=1).total_seconds())
    again = await redeliver(world.services, original)
    twice = await redeliver(world.services, again)
    assert again.delivery_id != original.delivery_id
    assert (again.redelivery_of, twice.redelivery_of) == ("d-1", "d-1")
    assert {each.delivery_id for each in world.stored()} == {"d-1", again.delivery_id, twice.delivery_id}
    assert all(each.body == original.body for each in world.stored())
