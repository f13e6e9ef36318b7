"""Signatures as Standard Webhooks 1.0.0 (standardwebhooks.com) has them: v1, HMAC-SHA256 of id.timestamp.body."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES = 24, 64


class BadSecret(ValueError):
    """A text that is no signing secret."""


def parse_secrets(text: str) -> tuple[bytes, ...]:
    """The keys of `whsec_<base64>`, or of several of them between spaces, the current one first. Raises BadSecret."""
    keys = tuple(map(_parse, text.split()))
    if not keys:
        raise BadSecret("it is empty")
    return keys


def _parse(word: str) -> bytes:
    if not word.startswith(PREFIX):
        raise BadSecret(f"it does not begin with {PREFIX}")
    encoded = word.removeprefix(PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError as error:
        raise BadSecret(f"what follows {PREFIX} is not base64") from error
    if not LEAST_BYTES <= len(key) <= MOST_BYTES:
        raise BadSecret(f"it has {len(key)} bytes; {LEAST_BYTES} to {MOST_BYTES} are asked for")
    return key


def secret_text(key: bytes) -> str:
    return PREFIX + base64.b64encode(key).decode()


def signature_headers(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """`timestamp` is the attempt's, in seconds since 1970. One signature for each key, so that receivers can change."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
    }
