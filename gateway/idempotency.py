"""A repeated request gives the first decision, over restarts and over gateways.

The command id of a request with an Idempotency-Key is `<id of principal, key and route>.<hash of the body>`.
The aggregate decides an id once; every event carries its command's id, so the audit view knows the first
decision and, by the part after the dot, whether the body was the same. No further storage is needed.

The ids of all other requests end in `.once`, so that no key's scope can meet them.
"""

import asyncio
import hashlib
from collections import OrderedDict

import msgspec

from core.ids import derived_id
from core.ports import Decision
from gateway.errors import ApiError

KEY_HEADER = "Idempotency-Key"
_KEY_LENGTH = 255
_REMEMBERED = 2000


class RequestKey(msgspec.Struct, frozen=True):
    """Names a request that may be repeated: `scope` is who, which key and which route; `body_hash` what was asked."""

    scope: str
    body_hash: str

    @property
    def command_id(self) -> str:
        return f"{self.scope}.{self.body_hash}"

    def require_same_body(self, command_id: str) -> None:
        """Raises 422 `idempotency-key-reused` when `command_id` is of the same scope and another body."""
        if command_id != self.command_id:
            detail = f"This {KEY_HEADER} was used for this route with another body. Take a new key for a new request."
            raise ApiError(422, "idempotency-key-reused", detail)


def request_key(principal: str, key: str, route: str, body: bytes) -> RequestKey:
    """`route` is method and path as requested. Raises 400 `idempotency-key-invalid`."""
    if not 0 < len(key) <= _KEY_LENGTH or not all(33 <= ord(character) <= 126 for character in key):
        detail = f"{KEY_HEADER} must be 1 to {_KEY_LENGTH} visible ASCII characters without spaces."
        raise ApiError(400, "idempotency-key-invalid", detail)
    return RequestKey(derived_id("request", principal, key, route), hashlib.sha256(body).hexdigest()[:16])


def single_id(random_text: str) -> str:
    """The command id of a request without a key: never asked for again by the same client."""
    return f"{derived_id('request', random_text)}.once"


class DecisionMemory:
    """The newest keyed requests of this process, under way or decided: bridges the time until the view has them."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, tuple[str, asyncio.Future[Decision | None]]] = OrderedDict()

    def claim(self, key: RequestKey) -> asyncio.Future[Decision | None] | None:
        """The decision of the same request if it is known here; None makes the caller the one who decides.

        The caller must then call `settle`. Raises 422 `idempotency-key-reused`.
        """
        known = self._entries.get(key.scope)
        if known is not None:
            key.require_same_body(known[0])
            return known[1]
        self._entries[key.scope] = (key.command_id, asyncio.get_running_loop().create_future())
        while len(self._entries) > _REMEMBERED:
            self._entries.popitem(last=False)
        return None

    def settle(self, key: RequestKey, decision: Decision | None) -> None:
        """What became of a claim. None: it failed or was not decided in time, and the next request tries anew."""
        known = self._entries.get(key.scope) if decision else self._entries.pop(key.scope, None)
        if known is not None and not known[1].done():
            known[1].set_result(decision)
