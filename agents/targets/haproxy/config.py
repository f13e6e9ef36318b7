"""HAProxy's configuration, made from a plan. What changes often is in tables and servers, which change at run time.

A request takes the next number; the number's place among a hundred buckets says which set it goes to. That makes the
split exact in every hundred requests, whatever the number of instances. Multiplying by 61 spreads a set's buckets
evenly over the hundred. Sets sit in a fixed number of slots, because backends can't be added to a running proxy.
"""

import hashlib

from agents.targets.haproxy import mirror
from agents.targets.haproxy.plan import BUCKETS, Backend, Plan, Server, buckets, by_weight
from core.environments.settings import HeaderRoute, Health

SLOTS = 8
FALLBACKS = 3
BUCKETS_FILE = "buckets.map"
CHOICES_FILE = "choices.map"
HEADERS_FILE = "headers.map"
MIRRORS_FILE = "mirrors.map"
SOCKET = "admin.sock"
# An old process that was replaced ends its last connections within this time.
HARD_STOP_SECONDS = 15

_HEAD = """\
global
  stats socket unix@{socket} mode 600 level admin expose-fd listeners
  stats timeout 10s
  nbthread 1
  maxconn 4000
  no strict-limits
  noreuseport
  hard-stop-after {hard_stop}s
  spread-checks 0
{lua}
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout queue 5s
  timeout http-request 10s
  timeout http-keep-alive 10s
  timeout tunnel 1h
  option redispatch 1
  option idle-close-on-response
  retries 3
  retry-on conn-failure empty-response
  http-reuse safe

backend turns
  stick-table type integer size 1 store gpc0

backend nothing
  http-request return status 503 content-type text/plain string "no instance is ready\\n"

frontend users
  bind {host}:{port}
  acl known_client req.cook({cookie}) -m reg ^[0-9]{{1,2}}$
  acl sticky str(affinity),{choices} -m found
  # A process that was replaced counts no server as usable, and still has to answer what comes on kept connections.
  acl ending stopping
  http-request disable-l7-retry unless METH_GET || {{ method HEAD OPTIONS }}
  http-request track-sc0 int(1) table turns
  http-request set-var(txn.bucket) req.cook({cookie}) if sticky known_client
  http-request set-var(txn.new_client) bool(true) if sticky !known_client
  http-request set-var(txn.bucket) sc_inc_gpc0(0),mul(61),mod(100) unless sticky known_client
  http-request set-var(txn.set) var(txn.bucket),{buckets}
  http-request set-var(txn.by_header) req.hdrs,{headers}
  http-request set-var(txn.set) var(txn.by_header) if {{ var(txn.by_header),nbsrv gt 0 }}
"""
_MIRROR = f"""\
  http-request set-var(txn.mirror) var(txn.bucket),map_str({MIRRORS_FILE})
  acl mirrored var(txn.mirror),nbsrv gt 0
  http-request wait-for-body time 1s if mirrored
  http-request lua.mirror if mirrored
"""
_MIRRORED = f"""
frontend mirrored
  bind unix@{mirror.SOCKET} mode 600
  use_backend %[str(mirror),map_str({CHOICES_FILE})]
  default_backend nothing
"""
_FALLBACK = """\
  http-request set-var(txn.set) str(fallback{n}),{choices} unless {{ var(txn.set),nbsrv gt 0 }} || ending
"""
_TAIL = """\
  acl greet var(txn.new_client) -m bool
  http-response add-header Set-Cookie "{cookie}=%[var(txn.bucket)]; Path=/; HttpOnly; SameSite=Lax" if greet
  use_backend %[var(txn.set)] if {{ var(txn.set),nbsrv gt 0 }} || ending
  default_backend nothing
"""
_BACKEND = """
backend {name}
  balance roundrobin
  option httpchk
  timeout check {check_ms}ms
  http-check send meth GET uri {path} ver HTTP/1.1 hdr Host localhost
  http-check expect status 200-299
"""


def slot_name(slot: int) -> str:
    return f"set{slot}"


def config(plan: Plan, host: str, lua: bool) -> str:
    """The whole file, with the servers as they are now: what a proxy that is started anew needs. `lua`: it has that."""
    parts = [static_part(plan, host, lua)]
    for slot in range(SLOTS):
        backend = _in_slot(plan, slot)
        parts.append(_backend(slot, backend.health if backend else plan.health))
        if backend is not None:
            parts += [f"  server {server_line(each, backend.health)}\n" for each in backend.servers]
    return "".join(parts)


def fixed_parts(plan: Plan, host: str, lua: bool) -> dict[str, str]:
    """What a running proxy can't change, by name; of the slots those that are used."""
    slots = {slot_name(each.slot): _backend(each.slot, each.health) for each in plan.backends}
    return {"static": hashlib.sha256(static_part(plan, host, lua).encode()).hexdigest()[:16], **slots}


def rendered_parts(plan: Plan, host: str, lua: bool) -> dict[str, str]:
    """The same, with all slots: what a process that reads config(plan) can serve."""
    free = {slot_name(slot): _backend(slot, plan.health) for slot in range(SLOTS)}
    return free | fixed_parts(plan, host, lua)


def static_part(plan: Plan, host: str, lua: bool) -> str:
    choices = f"map_str({CHOICES_FILE})"
    places = {"cookie": plan.cookie, "choices": choices, "headers": f"map_reg({HEADERS_FILE})"}
    head = _HEAD.format(
        socket=SOCKET,
        hard_stop=HARD_STOP_SECONDS,
        host=host,
        port=plan.port,
        buckets=f"map_str({BUCKETS_FILE})",
        lua=f"  lua-load {mirror.FILE}\n" if lua else "",
        **places,
    )
    fallbacks = "".join(_FALLBACK.format(n=n, choices=choices) for n in range(FALLBACKS))
    shadow, shadowed = (_MIRROR, _MIRRORED) if lua else ("", "")
    return head + fallbacks + shadow + _TAIL.format(**places) + shadowed


def server_line(server: Server, health: Health) -> str:
    """As it stands in the file (and, without draining, in `add server`)."""
    state = " weight 0" if server.draining else " weight 1"
    return f"{server.name} {server.address} {check_options(health)}{state}"


def check_options(health: Health) -> str:
    interval = max(1, int(health.interval_seconds * 1000))
    fast = min(interval, 300)
    return (
        f"check inter {interval} fastinter {fast} downinter {interval} fall {health.failures} rise {health.successes}"
    )


def tables(plan: Plan) -> dict[str, list[str]]:
    """The files that a running proxy can be told to change, by name, line by line."""
    choices = {f"fallback{n}": each.slot for n, each in enumerate(by_weight(plan)[:FALLBACKS])}
    to = plan.slot(plan.headers_to) if plan.headers_to else None
    shadow = plan.slot(plan.mirror_to) if plan.mirror else None
    if shadow is not None:
        choices["mirror"] = shadow
    lines = [f"{name} {slot_name(slot)}" for name, slot in choices.items()]
    return {
        BUCKETS_FILE: [f"{bucket} {slot_name(slot)}" for bucket, slot in buckets(plan).items()],
        CHOICES_FILE: [*lines, *(("affinity on",) if plan.affinity else ())],
        MIRRORS_FILE: mirrors(plan, shadow) if shadow is not None else [],
        HEADERS_FILE: [f"{header_pattern(route)} {slot_name(to)}" for route in plan.headers] if to is not None else [],
    }


def mirrors(plan: Plan, shadow: int) -> list[str]:
    """The last buckets, which are the old release's."""
    return [f"{bucket} {slot_name(shadow)}" for bucket in range(BUCKETS - plan.mirror, BUCKETS)]


def header_pattern(route: HeaderRoute) -> str:
    """Matches the block of a request's headers, whose names are in lower case there."""
    return rf"(^|\n){_literal(route.header.lower())}:\x20{_literal(route.value)}\r\n"


def _literal(text: str) -> str:
    """Nothing in it means anything to the regular expression, nor to the line it stands in."""
    return "".join(
        char if char.isascii() and char.isalnum() else f"\\x{byte:02x}" for char in text for byte in char.encode()
    )


def _backend(slot: int, health: Health) -> str:
    return _BACKEND.format(name=slot_name(slot), path=health.path, check_ms=int(health.timeout_seconds * 1000))


def _in_slot(plan: Plan, slot: int) -> Backend | None:
    return next((each for each in plan.backends if each.slot == slot), None)
