"""Signed approval links: whoever holds one may say yes or no to one rollout, as the person it was made for.

The token is `<payload>.<HMAC-SHA256>`, both base64url, and says all there is to know; nothing is stored. What the
person may do is looked up when the link is used, so that a role that was taken away, or a revoked token, ends it.
"""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import msgspec

from gateway.errors import ApiError


class ApprovalLink(msgspec.Struct, frozen=True, array_like=True):
    """`expires_at` in seconds since 1970. `token_id` is the token with which the person asked for the link."""

    rollout_id: str
    person: str
    token_id: str
    expires_at: int


class LinkSigner:
    """`key` is the installation's, for this purpose."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def sign(self, link: ApprovalLink) -> str:
        payload = _encode(msgspec.json.encode(link))
        return f"{payload}.{self._signature(payload)}"

    def read(self, token: str, now: datetime) -> ApprovalLink:
        """Raises 404 `approval-link-invalid`, 410 `approval-link-expired`."""
        payload, _, signature = token.partition(".")
        if not hmac.compare_digest(self._signature(payload).encode(), signature.encode()):
            raise ApiError(404, "approval-link-invalid", "This is no approval link of this installation.")
        link = msgspec.json.decode(_decode(payload), type=ApprovalLink)
        if datetime.fromtimestamp(link.expires_at, UTC) <= now:
            detail = "This approval link has expired. 'sealane approve --link' makes another one."
            raise ApiError(410, "approval-link-expired", detail)
        return link

    def _signature(self, payload: str) -> str:
        return _encode(hmac.new(self._key, payload.encode(), hashlib.sha256).digest())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
