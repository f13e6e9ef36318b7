"""E-mails at a real SMTP server that takes, refuses or postpones them, with and without TLS and a password."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from agents.connectors.notifications.attempt import Attempt, AttemptFailed, Outcome
from agents.connectors.notifications.letter import Letter, SmtpServer
from core.notifications.notification import Sink
from core.runs.events import RunFinished
from tests.unit.notifications.told import RUN, unchecked

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
((_, NOTIFICATION),) = unchecked(
    f"run/{RUN}", RunFinished(app="shop", outcome="failure", round=1, detail="test: 3 failed")
)


class Mailbox:
    """Keeps the letters it takes; refuses recipients and contents as told."""

    def __init__(self) -> None:
        self.letters: list[Message] = []
        self.recipients: list[str] = []
        self.to_recipient = ""
        self.to_content = "250 taken"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.to_recipient:
            return self.to_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.letters.append(message_from_bytes(envelope.content))
        self.recipients += envelope.rcpt_tos
        return self.to_content


class AnyPort(Controller):
    """On whatever port is free; the controller itself connects to it once."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def serving(mailbox: Mailbox, **options: Any) -> Iterator[int]:
    controller = AnyPort(mailbox, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def port(mailbox: Mailbox) -> Iterator[int]:
    with serving(mailbox) as found:
        yield found


def send(port: int, tls: Callable[[], ssl.SSLContext] = ssl.create_default_context, **changes: Any) -> Outcome:
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "sender": "Sealane <sealane@example.org>",
        "security": "none",
    }
    letter = Letter(SmtpServer(**(values | changes)), tls)
    return letter(Attempt("ops", Sink("email", address="ann@example.org"), NOTIFICATION, AT))


def failure(port: int, **changes: Any) -> Outcome:
    with pytest.raises(AttemptFailed) as caught:
        send(port, **changes)
    return caught.value.outcome


def test_letter_says_what_happened_and_can_be_recognised(mailbox: Mailbox, port: int) -> None:
    assert send(port) == Outcome(True, 250)
    (letter,) = mailbox.letters
    assert mailbox.recipients == ["ann@example.org"]
    assert letter["Subject"] == "shop #7 failed"
    assert letter["From"] == "Sealane <sealane@example.org>"
    assert letter["To"] == "ann@example.org"
    assert letter["Message-ID"] == f"<{NOTIFICATION.id}@example.org>"
    assert letter["Auto-Submitted"] == "auto-generated"
    text = letter.get_payload()
    assert isinstance(text, str)
    for words in ("App: shop", "Why: test: 3 failed", f"/runs/{RUN}", "subscription 'ops'", NOTIFICATION.id):
        assert words in text


def test_second_attempt_is_the_same_letter(mailbox: Mailbox, port: int) -> None:
    send(port)
    send(port)
    first, second = mailbox.letters
    assert first["Message-ID"] == second["Message-ID"]


@pytest.mark.parametrize(("said", "final"), [("550 no such user", True), ("450 try later", False)])
def test_refused_recipient(mailbox: Mailbox, port: int, said: str, final: bool) -> None:
    mailbox.to_recipient = said
    outcome = send(port)
    assert (outcome.ok, outcome.status, outcome.final) == (False, int(said[:3]), final)
    assert said[4:] in outcome.detail


@pytest.mark.parametrize(("said", "final"), [("554 spam", True), ("452 mailbox full", False)])
def test_refused_content(mailbox: Mailbox, port: int, said: str, final: bool) -> None:
    mailbox.to_content = said
    outcome = send(port)
    assert (outcome.ok, outcome.status, outcome.final) == (False, int(said[:3]), final)


def test_no_server_is_said() -> None:
    letter = Letter(None)
    with pytest.raises(AttemptFailed, match=r"\[smtp\]"):
        letter(Attempt("ops", Sink("email", address="ann@example.org"), NOTIFICATION, AT))
    assert failure(1).code == "connection-failed"


def test_server_without_starttls_gets_no_letter_in_the_clear(mailbox: Mailbox, port: int) -> None:
    assert failure(port, security="starttls").code == "connection-failed"
    assert mailbox.letters == []


def login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=data.password == b"right", handled=False)


def test_password_goes_over_tls_only_and_a_wrong_one_is_tried_again_later(mailbox: Mailbox) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    def trusting() -> ssl.SSLContext:
        trust = ssl.create_default_context()
        authority.configure_trust(trust)
        return trust

    with serving(mailbox, tls_context=context, authenticator=login, auth_required=True) as port:
        options: dict[str, Any] = {"security": "starttls", "username": "sealane"}
        assert send(port, tls=trusting, password="right", **options).ok
        outcome = send(port, tls=trusting, password="wrong", **options)
        assert (outcome.status, outcome.final) == (535, False)
        assert "wrong" not in outcome.detail
        assert failure(port, password="right", **options).code == "connection-failed"
    assert len(mailbox.letters) == 1


def test_tls_from_the_first_byte(mailbox: Mailbox) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with serving(mailbox, ssl_context=context) as port:
        assert send(port, tls=lambda: trust, security="tls").ok
    assert len(mailbox.letters) == 1
