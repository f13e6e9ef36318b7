"""The webhook sink: a CDEvent as a structured CloudEvent, signed."""

import msgspec

from agents.connectors.notifications.attempt import Attempt, AttemptFailed, Outcome, Secrets
from agents.connectors.notifications.http_post import HttpPost
from core.notifications.cdevents import cloud_event
from core.notifications.signing import BadSecret, parse_secrets, signature_headers

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
_encode = msgspec.json.Encoder().encode


class Webhook:
    """See Deliver."""

    def __init__(self, post: HttpPost, secrets: Secrets) -> None:
        self._post = post
        self._secrets = secrets

    def __call__(self, attempt: Attempt) -> Outcome:
        sink, notification = attempt.sink, attempt.notification
        url = sink.url or self._secrets.named(sink.url_secret)
        body = _encode(cloud_event(notification.event))
        headers = signature_headers(self._keys(attempt), notification.id, int(attempt.at.timestamp()), body)
        return self._post(url, {"Content-Type": CONTENT_TYPE, **headers}, body)

    def _keys(self, attempt: Attempt) -> tuple[bytes, ...]:
        sink = attempt.sink
        if sink.signing_secret:
            try:
                return parse_secrets(self._secrets.named(sink.signing_secret))
            except BadSecret as error:
                detail = f"the secret '{sink.signing_secret}' can't sign: {error}"
                raise AttemptFailed("secret-invalid", detail) from error
        both = sink.old_secret_until is not None and attempt.at < sink.old_secret_until
        versions = (sink.secret_version, sink.secret_version - 1) if both else (sink.secret_version,)
        return tuple(self._secrets.own(attempt.subscription, version) for version in versions)
