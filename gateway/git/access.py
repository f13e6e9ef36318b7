"""Whether a request comes from a person on this machine: not over a proxy, and not from a web page in their browser."""

from fastapi import Request

_LOOPBACK = ("127.0.0.1", "::1")
_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]", "::1")
# A browser sends Origin with whatever a page may set off; proxies say for whom they ask.
_GIVEAWAYS = ("origin", "forwarded", "x-forwarded-for", "x-real-ip", "via")


def from_this_machine(request: Request) -> bool:
    """True only where no other party can stand behind the request, so that an open installation stays a local one.

    The Host header must be a loopback name: a page whose host name was pointed at 127.0.0.1 does not get in.
    """
    if request.client is None or request.client.host not in _LOOPBACK:
        return False
    host = request.headers.get("host", "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return name.casefold() in _LOCAL_NAMES and not any(header in request.headers for header in _GIVEAWAYS)
