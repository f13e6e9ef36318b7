"""Who sent this body: each forge's own way to sign, checked in constant time on the raw bytes.

The secret of an app is one text. GitHub, Bitbucket, Gitea and the built-in server key an HMAC-SHA256 with it, GitLab
sends it back as a token; GitLab's newer signing token (Standard Webhooks) is `gitlab_signing_token(secret)`.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from core.forges.builtin import SIGNATURE_HEADER
from core.trigger import Forge

# Standard Webhooks sign the time too: an old request that somebody kept is refused.
TOLERANCE = timedelta(minutes=5)

_HMAC_HEADERS: dict[Forge, tuple[str, ...]] = {
    "github": ("x-hub-signature-256",),
    "bitbucket-cloud": ("x-hub-signature",),
    "bitbucket-dc": ("x-hub-signature",),
    "gitea": ("x-forgejo-signature", "x-gitea-signature"),
    "builtin": (SIGNATURE_HEADER,),
}


@dataclass(frozen=True)
class Signature:
    """What a request presents. `prefix` is signed before the body (the id and time of Standard Webhooks)."""

    kind: Literal["hmac-hex", "token", "standard"]
    values: tuple[str, ...]
    prefix: bytes = b""
    sent_at: datetime | None = None

    def fresh(self, now: datetime) -> bool:
        return self.sent_at is None or abs(now - self.sent_at) <= TOLERANCE

    def verifies(self, secret: str, body: bytes) -> bool:
        """Whether the holder of `secret` sent `body`. Takes the same time for every wrong signature."""
        expected = self._expected(secret, body)
        return sum(hmac.compare_digest(value.encode(), expected) for value in self.values) > 0

    def _expected(self, secret: str, body: bytes) -> bytes:
        if self.kind == "token":
            return secret.encode()
        if self.kind == "hmac-hex":
            return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()
        digest = hmac.new(_signing_key(secret), self.prefix, hashlib.sha256)
        digest.update(body)
        return base64.b64encode(digest.digest())


def presented(forge: Forge, headers: Mapping[str, str]) -> Signature | None:
    """The signature of a request, or None where there is none that can be read. Header names are lower-case."""
    if forge == "gitlab":
        return _standard(headers) or _token(headers)
    value = next((headers[name] for name in _HMAC_HEADERS[forge] if headers.get(name)), "")
    digest = value.removeprefix("sha256=").strip().lower()
    return Signature("hmac-hex", (digest,)) if digest else None


def gitlab_signing_token(secret: str) -> str:
    """What to enter as the webhook's signing token in GitLab: `whsec_` and 32 bytes in base64."""
    return "whsec_" + base64.b64encode(_signing_key(secret)).decode()


def sign(secret: str, body: bytes) -> str:
    """The value of an HMAC header for `body`: for the built-in server, and for people who test with curl."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _signing_key(secret: str) -> bytes:
    return hashlib.sha256(b"gitlab-signing-token:" + secret.encode()).digest()


def _token(headers: Mapping[str, str]) -> Signature | None:
    token = headers.get("x-gitlab-token", "")
    return Signature("token", (token,)) if token else None


def _standard(headers: Mapping[str, str]) -> Signature | None:
    """`webhook-signature: v1,<base64>[ v1,<base64>]`; several while a key is being replaced."""
    identity, time = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    entries = headers.get("webhook-signature", "").split()
    values = tuple(entry.removeprefix("v1,") for entry in entries if entry.startswith("v1,"))
    if not identity or not values or not (time.isascii() and time.isdecimal() and len(time) <= 11):
        return None
    sent_at = datetime.fromtimestamp(int(time)).astimezone()
    return Signature("standard", values, f"{identity}.{time}.".encode(), sent_at)
