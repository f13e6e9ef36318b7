"""What the proxy shall do: which sets there are, which servers each has, and who gets which requests."""

import msgspec

from core.environments.settings import HeaderRoute, Health

# One for each percent: a request's bucket decides the set it goes to.
BUCKETS = 100


class Server(msgspec.Struct, frozen=True, omit_defaults=True):
    """An instance that was seen to be ready. A draining one gets no new requests."""

    name: str
    address: str
    draining: bool = False


class Backend(msgspec.Struct, frozen=True, omit_defaults=True):
    """One set: `weight` percent of the requests, evenly over its servers. `health` is how they are watched.

    `slot` is its place in the proxy's configuration; `rank` orders canary, baseline, stable.
    """

    set_name: str
    slot: int
    rank: int = 0
    weight: int = 0
    health: Health = Health()
    servers: tuple[Server, ...] = ()


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """`cookie` names the affinity's cookie; `health` is that of sets to come."""

    port: int
    cookie: str = "sealane"
    health: Health = Health()
    backends: tuple[Backend, ...] = ()
    headers: tuple[HeaderRoute, ...] = ()
    headers_to: str = ""
    affinity: bool = False
    mirror: int = 0
    mirror_to: str = ""

    def backend(self, set_name: str) -> Backend | None:
        return next((each for each in self.backends if each.set_name == set_name), None)

    def slot(self, set_name: str) -> int | None:
        found = self.backend(set_name)
        return found.slot if found is not None else None


def buckets(plan: Plan) -> dict[int, int]:
    """Bucket -> slot. The new release has the first ones, so that a bucket it has got stays with it as it grows."""
    ordered = sorted(plan.backends, key=lambda each: (each.rank, each.slot))
    return dict(enumerate([each.slot for each in ordered for _ in range(each.weight)][:BUCKETS]))


def by_weight(plan: Plan) -> list[Backend]:
    """Those that requests may go to; the first takes what another one can't."""
    return sorted((each for each in plan.backends if each.weight > 0), key=lambda each: -each.weight)
