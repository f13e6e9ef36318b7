"""What a receiver does with a webhook: it checks the signature as Standard Webhooks tells receivers to.

Shares no code with what signs.
"""

import base64
import hashlib
import hmac
import json
from typing import Any


def verified(secret: str, headers: dict[str, str], body: bytes) -> Any:
    """The payload. Raises ValueError where no signature fits."""
    scheme, _, encoded = secret.partition("_")
    assert scheme == "whsec"
    content = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    digest = hmac.digest(base64.b64decode(encoded), content, hashlib.sha256)
    expected = base64.standard_b64encode(digest).decode()
    for each in headers["webhook-signature"].split():
        version, _, signature = each.partition(",")
        if version == "v1" and hmac.compare_digest(signature, expected):
            return json.loads(body)
    raise ValueError("no signature fits")
