"""Who is asking, and may they? Tokens `sl_...` are known by their SHA-256 only; roles are compared in one place.

Principals come from the Postgres view through `lookup`, with a short cache that the live event tail keeps
honest: a revocation holds from the moment its event is seen, whatever the view still says.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from core.catalog.commands import Role
from core.catalog.events import PRINCIPAL_EVENTS, PrincipalUpdated, TokenRevoked
from core.eventlog.envelope import EventEnvelope, Stream
from core.ports import Clock
from gateway.errors import ApiError

TOKEN_PREFIX = "sl_"
CACHE_SECONDS = 2
TRUST_EVENT_SECONDS = 60
_CACHE_ENTRIES = 4096
_LADDER: tuple[Role, ...] = ("viewer", "developer", "approver", "admin")


class Principal(msgspec.Struct, frozen=True):
    """A person or machine. `pools` (`<region>/<pool>`) bound what an agent may serve; `token_id` is the one used."""

    name: str
    roles: tuple[Role, ...]
    groups: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    token_id: str = ""
    expires_at: datetime | None = None

    def allows(self, needed: Role) -> bool:
        """Whether some role is at least `needed`. `agent` stands beside the ladder: neither implies the other."""
        if needed not in _LADDER:
            return needed in self.roles
        return any(role in _LADDER and _LADDER.index(role) >= _LADDER.index(needed) for role in self.roles)


Lookup = Callable[[str], Awaitable[Principal | None]]


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def make_token(random_text: str) -> str:
    """`sl_` and 40 URL-safe characters of `random_text`, which must hold at least 240 bits of randomness."""
    if len(random_text) < 40:
        raise ValueError("a token needs 40 random characters")
    return TOKEN_PREFIX + random_text[:40]


def require(principal: Principal, needed: Role) -> None:
    """Raises 403 `role-missing`."""
    if not principal.allows(needed):
        detail = (
            f"This needs the role '{needed}'; {principal.name} has "
            f"{', '.join(principal.roles) or 'none'}. An admin can grant it."
        )
        raise ApiError(403, "role-missing", detail, role=needed)


class Authenticator:
    """Turns a token into a Principal. `bootstrap` maps hashes of tokens that need no database to principals."""

    def __init__(self, lookup: Lookup, clock: Clock, bootstrap: Mapping[str, Principal]) -> None:
        self._lookup = lookup
        self._clock = clock
        self._bootstrap = dict(bootstrap)
        self._cache: dict[str, tuple[datetime, Principal]] = {}
        self._revoked: set[str] = set()
        self._updated: dict[str, tuple[datetime, PrincipalUpdated]] = {}

    async def authenticate(self, token: str | None) -> Principal:
        """Raises 401 with the reason: no token, no token of ours, unknown, expired."""
        if not token:
            raise _unauthenticated("token-missing", "Send 'Authorization: Bearer sl_...'.")
        if not token.startswith(TOKEN_PREFIX):
            raise _unauthenticated("token-invalid", f"A token starts with '{TOKEN_PREFIX}'.")
        digest = hash_token(token)
        principal = self._bootstrapped(digest) or await self._known(digest)
        if principal is None or principal.token_id in self._revoked:
            raise _unauthenticated("token-invalid", "The token is unknown or was revoked.")
        if principal.expires_at is not None and principal.expires_at <= self._clock.now():
            raise _unauthenticated("token-expired", f"The token expired at {principal.expires_at.isoformat()}.")
        return self._as_updated(principal)

    async def authenticate_agent(self, token: str | None) -> Principal:
        """A principal that may act as an agent, with the pools it may serve. Raises 401 or 403."""
        principal = await self.authenticate(token)
        require(principal, "agent")
        return principal

    def observe(self, event: EventEnvelope) -> None:
        """An event of `sealane.catalog.events` as it happens."""
        stream = Stream.parse(event.stream)
        if stream.kind != "principal" or event.type not in PRINCIPAL_EVENTS:
            return
        message = PRINCIPAL_EVENTS.decode(event.type, event.schema_version, event.data)
        self._cache.clear()
        if isinstance(message, TokenRevoked):
            self._revoked.add(message.token_id)
        elif isinstance(message, PrincipalUpdated):
            self._updated[stream.id] = (self._clock.now(), message)

    def _bootstrapped(self, digest: str) -> Principal | None:
        found = [known for candidate, known in self._bootstrap.items() if hmac.compare_digest(candidate, digest)]
        return found[0] if found else None

    async def _known(self, digest: str) -> Principal | None:
        now = self._clock.now()
        cached = self._cache.get(digest)
        if cached is not None and now - cached[0] < timedelta(seconds=CACHE_SECONDS):
            return cached[1]
        principal = await self._lookup(digest)
        if principal is not None:
            if len(self._cache) >= _CACHE_ENTRIES:
                self._cache.clear()
            self._cache[digest] = (now, principal)
        return principal

    def _as_updated(self, principal: Principal) -> Principal:
        """With what the tail saw, for as long as the view may lag behind it."""
        seen = self._updated.get(principal.name)
        if seen is None:
            return principal
        at, update = seen
        if self._clock.now() - at > timedelta(seconds=TRUST_EVENT_SECONDS):
            del self._updated[principal.name]
            return principal
        return msgspec.structs.replace(principal, roles=update.roles, groups=update.groups, pools=update.pools)


def bearer_token(authorization: str | None) -> str | None:
    """The token of an `Authorization: Bearer ...` header; None without one."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def bootstrap_admin(token: str) -> dict[str, Principal]:
    """The first administrator, known by settings before there is anybody in the catalog."""
    return {hash_token(token): Principal("admin", ("admin",))}


def _unauthenticated(code: Literal["token-missing", "token-invalid", "token-expired"], detail: str) -> ApiError:
    challenge = 'Bearer realm="sealane"' + ("" if code == "token-missing" else ', error="invalid_token"')
    return ApiError(401, code, detail, {"WWW-Authenticate": challenge})
