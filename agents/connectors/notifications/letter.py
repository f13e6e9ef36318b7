"""The e-mail sink: one plain letter to one address, by the SMTP server of the settings."""

import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Literal, NamedTuple

from agents.connectors.notifications.attempt import Attempt, AttemptFailed, Outcome
from agents.connectors.notifications.words import facts

TIMEOUT_SECONDS = 15.0


class SmtpServer(NamedTuple):
    """`sender` is the From address, with or without a name. `security`: tls from the first byte, starttls, or none."""

    host: str
    port: int
    sender: str
    security: Literal["tls", "starttls", "none"] = "starttls"
    username: str = ""
    password: str = ""


class Letter:
    """See Deliver. `server` None: the settings name none, and each attempt says so."""

    def __init__(self, server: SmtpServer | None, tls: Callable[[], ssl.SSLContext] = ssl.create_default_context):
        self._server = server
        self._tls = tls

    def __call__(self, attempt: Attempt) -> Outcome:
        if self._server is None:
            raise AttemptFailed("smtp-unconfigured", "the settings of the worker name no mail server ([smtp] host)")
        try:
            with self._connected(self._server) as client:
                client.send_message(letter(attempt, self._server.sender))
        except smtplib.SMTPRecipientsRefused as error:
            status, said = error.recipients[attempt.sink.address]
            return _refused(status, said, final=status >= 500)
        except smtplib.SMTPDataError as error:
            return _refused(error.smtp_code, error.smtp_error, final=error.smtp_code >= 500)
        except smtplib.SMTPResponseException as error:
            # What the server has against this client or sender, the settings can mend.
            return _refused(error.smtp_code, error.smtp_error, final=False)
        except (smtplib.SMTPException, OSError) as error:
            words = str(error) or type(error).__name__
            raise AttemptFailed("connection-failed", f"{self._server.host}:{self._server.port}: {words}") from error
        return Outcome(True, 250)

    def _connected(self, server: SmtpServer) -> smtplib.SMTP:
        if server.security == "tls":
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=TIMEOUT_SECONDS, context=self._tls()
            )
        else:
            client = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_SECONDS)
        try:
            if server.security == "starttls":
                client.starttls(context=self._tls())
            if server.username:
                client.login(server.username, server.password)
        except BaseException:
            client.close()
            raise
        return client


def letter(attempt: Attempt, sender: str) -> EmailMessage:
    """The same Message-ID for every attempt, so that mail programs show one letter if two arrive."""
    notification = attempt.notification
    found = EmailMessage()
    found["Subject"] = " ".join(notification.title.split())
    found["From"] = sender
    found["To"] = attempt.sink.address
    found["Date"] = format_datetime(attempt.at)
    found["Message-ID"] = f"<{notification.id}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    found["Auto-Submitted"] = "auto-generated"
    lines = [notification.title, "", *(f"{name}: {value}" for name, value in facts(notification).items())]
    lines += ["", notification.link] if notification.link else []
    lines += ["", f"Sent because of the subscription '{attempt.subscription}'.", f"Id: {notification.id}"]
    found.set_content("\n".join(lines))
    return found


def _refused(status: int, said: bytes | str, final: bool) -> Outcome:
    words = said.decode(errors="replace") if isinstance(said, bytes) else said
    return Outcome(False, status, f"smtp-{status}", f"the mail server answered {status}: {words[:500]}", final=final)
