"""Webhooks and Slack messages at real HTTP servers that answer well, badly, slowly, or go away in the middle."""

import json
import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import trustme

from agents.connectors.notifications.addresses import is_public
from agents.connectors.notifications.attempt import Attempt, AttemptFailed, Outcome, Secrets
from agents.connectors.notifications.http_post import HttpPost, Resolve
from agents.connectors.notifications.slack import Slack
from agents.connectors.notifications.webhook import Webhook
from core.notifications.notification import Sink
from core.notifications.signing import secret_text
from core.runs.events import RunFinished
from tests.support.cdevents_schema import check_cloud_event
from tests.support.endpoints import Answer, Endpoint, endpoint, raw_endpoint
from tests.support.webhook_receiver import verified
from tests.unit.notifications.told import RUN, unchecked

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
KEYS = {1: b"1" * 32, 2: b"2" * 32}
PARTNER = b"p" * 24
NAMED = {
    "partner": secret_text(PARTNER),
    "broken": "whsec_?",
    "old-and-new": f"{secret_text(PARTNER)} {secret_text(KEYS[1])}",
}
SECRETS = Secrets(NAMED.get, lambda subscription, version: KEYS[version])
((KIND, NOTIFICATION),) = unchecked(
    f"run/{RUN}", RunFinished(app="shop", outcome="failure", round=1, code="x", detail="<b> & so")
)


def post(**changes: Any) -> HttpPost:
    values: dict[str, Any] = {"user_agent": "sealane/test", "allow_private": True, "timeout_seconds": 5.0}
    return HttpPost(**(values | changes))


def send(sink: Sink, at: datetime = AT, **changes: Any) -> Outcome:
    return Webhook(post(**changes), SECRETS)(Attempt("ops", sink, NOTIFICATION, at))


def send_to(url: str, **changes: Any) -> Outcome:
    return send(Sink("webhook", url=url), **changes)


def failure(url: str, **changes: Any) -> Outcome:
    with pytest.raises(AttemptFailed) as caught:
        send_to(url, **changes)
    return caught.value.outcome


def test_webhook_is_a_signed_cloud_event_that_holds_the_cdevent(hook: Endpoint) -> None:
    assert send_to(hook.url) == Outcome(True, 204)
    ((path, headers, body),) = hook.posts
    assert path == "/hook"
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert headers["webhook-id"] == NOTIFICATION.id
    assert headers["webhook-timestamp"] == str(int(AT.timestamp()))
    assert headers["user-agent"] == "sealane/test"
    assert headers["host"] == f"127.0.0.1:{hook.port}"
    check_cloud_event(KIND, verified(secret_text(KEYS[1]), headers, body))
    assert json.loads(body)["data"] == NOTIFICATION.event


def test_every_attempt_has_the_same_id_and_body_and_its_own_time(hook: Endpoint) -> None:
    send_to(hook.url)
    send_to(hook.url, at=AT + timedelta(hours=5))
    first, second = hook.posts
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 5 * 3600
    assert verified(secret_text(KEYS[1]), second.headers, second.body)


def test_rotated_secret_signs_beside_the_old_one_for_its_time(hook: Endpoint) -> None:
    sink = Sink("webhook", url=hook.url, secret_version=2, old_secret_until=AT + timedelta(hours=1))
    send(sink)
    send(sink, at=AT + timedelta(hours=2))
    both, later = hook.posts
    for version in (1, 2):
        assert verified(secret_text(KEYS[version]), both.headers, both.body)
    assert verified(secret_text(KEYS[2]), later.headers, later.body)
    with pytest.raises(ValueError, match="no signature"):
        verified(secret_text(KEYS[1]), later.headers, later.body)


def test_secrets_of_the_settings_sign_and_name_urls(hook: Endpoint) -> None:
    NAMED["hook-url"] = hook.url
    send(Sink("webhook", url_secret="hook-url", signing_secret="old-and-new"))
    (found,) = hook.posts
    for key in (PARTNER, KEYS[1]):
        assert verified(secret_text(key), found.headers, found.body)


@pytest.mark.parametrize(
    ("sink", "code", "words"),
    [
        (Sink("webhook", url_secret="nowhere"), "secret-unknown", "'nowhere'"),
        (Sink("webhook", url="http://127.0.0.1", signing_secret="broken"), "secret-invalid", "'broken'"),
        (Sink("webhook", url_secret="partner"), "url-invalid", "http"),
    ],
)
def test_secrets_that_are_missing_or_wrong_are_named_and_never_shown(sink: Sink, code: str, words: str) -> None:
    with pytest.raises(AttemptFailed) as caught:
        send(sink)
    assert caught.value.outcome.code == code
    assert words in caught.value.outcome.detail
    assert "whsec_?" not in caught.value.outcome.detail
    assert NAMED["partner"] not in caught.value.outcome.detail


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(200, b"ok"), Outcome(True, 200)),
        (Answer(500, b"oh no"), Outcome(False, 500, "status-500", "answered 500: oh no")),
        (Answer(404), Outcome(False, 404, "status-404", "answered 404")),
        (Answer(410, b"bye"), Outcome(False, 410, "gone", "answered 410: bye", gone=True)),
        (
            Answer(429, headers=(("Retry-After", "120"),)),
            Outcome(False, 429, "status-429", "answered 429", retry_after_seconds=120.0),
        ),
        (
            Answer(503, headers=(("Retry-After", "soon"),)),
            Outcome(False, 503, "status-503", "answered 503"),
        ),
        (
            Answer(302, headers=(("Location", "http://127.0.0.1:1/elsewhere"),)),
            Outcome(False, 302, "redirected", "redirects are not followed; it points to http://127.0.0.1:1/elsewhere"),
        ),
    ],
    ids=lambda value: str(value.status),
)
def test_answer_decides(hook: Endpoint, answer: Answer, expected: Outcome) -> None:
    hook.answers = [answer]
    assert send_to(hook.url) == expected
    assert len(hook.posts) == 1


def test_retry_after_may_be_a_date(hook: Endpoint) -> None:
    then = datetime.now(UTC) + timedelta(hours=1)
    hook.answers = [Answer(503, headers=(("Retry-After", format_datetime(then, usegmt=True)),))]
    seconds = send_to(hook.url).retry_after_seconds
    assert seconds is not None
    assert 3000 < seconds <= 3600


def test_long_answer_is_read_for_a_while_only(hook: Endpoint) -> None:
    hook.answers = [Answer(500, b"x" * 10_000_000)]
    assert send_to(hook.url).detail == f"answered 500: {'x' * 1000}"


def test_nobody_listening_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert failure(f"http://127.0.0.1:{port}/").code == "connection-failed"


def test_endpoint_that_goes_away_in_the_middle_is_a_failure() -> None:
    with raw_endpoint(lambda connection: None) as url:
        assert failure(url).code == "connection-failed"
    with raw_endpoint(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-")) as url:
        assert failure(url).code == "connection-failed"


def test_answer_that_breaks_off_after_its_status_still_says_it() -> None:
    head = b"HTTP/1.1 500 Oh\r\nContent-Length: 100\r\n\r\nhalf of"
    with raw_endpoint(lambda connection: connection.sendall(head)) as url:
        outcome = send_to(url)
    assert (outcome.status, outcome.detail) == (500, "answered 500: half of")


def test_endpoint_that_drips_is_left_at_the_time_limit() -> None:
    """Each byte comes soon enough; all of them together do not."""

    def drip(connection: socket.socket) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000:
            connection.sendall(bytes((byte,)))
            time.sleep(0.05)

    with raw_endpoint(drip) as url:
        outcome = failure(url, timeout_seconds=0.5)
    assert (outcome.code, outcome.detail) == ("timeout", "no answer within 0.5 s")


def test_private_addresses_are_refused_unless_allowed(hook: Endpoint) -> None:
    for url in (hook.url, hook.url.replace("127.0.0.1", "localhost"), f"http://[::1]:{hook.port}/"):
        outcome = failure(url, allow_private=False)
        assert (outcome.code, outcome.final) == ("address-private", True)
        assert "SEALANE_NOTIFY_PRIVATE_ADDRESSES" in outcome.detail
    assert hook.posts == []


def test_name_with_one_private_address_is_refused_whole(hook: Endpoint) -> None:
    async def both(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "127.0.0.1"]

    assert failure("http://hooks.example.com/", allow_private=False, resolve=both).code == "address-private"


def test_name_without_an_address_is_said() -> None:
    async def none(host: str, port: int) -> list[str]:
        raise socket.gaierror("Name or service not known")

    assert failure("http://hooks.example.com/", resolve=none).code == "host-unknown"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


def to(*addresses: str) -> Resolve:
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


def test_second_address_is_tried_where_the_first_takes_no_connection(hook: Endpoint) -> None:
    url = f"http://hooks.example.com:{hook.port}/hook"
    assert send_to(url, resolve=to("127.0.0.2", "127.0.0.1")).ok
    assert hook.posts[0].headers["host"] == f"hooks.example.com:{hook.port}"


def test_tls_is_verified_for_the_name_although_the_address_is_dialled() -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    serving, trusting, doubting = (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), *map(_client, (authority, stranger)))
    authority.issue_cert("hooks.example.com").configure_cert(serving)
    with endpoint(serving) as hook:
        url = f"https://hooks.example.com:{hook.port}/hook"
        assert send_to(url, tls=trusting, resolve=to("127.0.0.1")).ok
        assert failure(url, tls=doubting, resolve=to("127.0.0.1")).code == "tls-failed"
        other = url.replace("hooks.", "other.")
        assert failure(other, tls=trusting, resolve=to("127.0.0.1")).code == "tls-failed"
        assert len(hook.posts) == 1


def _client(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_slack_gets_text_and_blocks_with_its_characters_escaped(hook: Endpoint) -> None:
    NAMED["channel"] = hook.url
    slack = Slack(post(), SECRETS)
    assert slack(Attempt("ops", Sink("slack", url_secret="channel"), NOTIFICATION, AT)).ok
    ((_, headers, body),) = hook.posts
    assert headers["content-type"].startswith("application/json")
    message = json.loads(body)
    assert message["text"] == ":x: shop #7 failed"
    section, context = message["blocks"]
    assert section["text"]["text"] == f":x: *<https://sealane.example.com/runs/{RUN}|shop #7 failed>*"
    assert "Why: &lt;b&gt; &amp; so" in context["elements"][0]["text"]
    assert "webhook-signature" not in headers


def test_slack_channel_that_is_archived_is_gone(hook: Endpoint) -> None:
    NAMED["channel"] = hook.url
    hook.answers = [Answer(410, b"channel_is_archived")]
    outcome = Slack(post(), SECRETS)(Attempt("ops", Sink("slack", url_secret="channel"), NOTIFICATION, AT))
    assert outcome.gone
