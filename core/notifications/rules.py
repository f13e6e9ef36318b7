"""What a subscription may say: where to, and which notifications."""

import re
from typing import Final
from urllib.parse import urlsplit

from core.aggregate import Rejected
from core.notifications.notification import Sink, Wanted

_SECRET_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62})")
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_GLOB: Final = re.compile(r"[A-Za-z0-9*?\[\]!._-]{1,100}")
_MOST_GLOBS: Final = 50
_MEMBERS: Final = {
    "webhook": ("url", "url_secret", "signing_secret"),
    "slack": ("url_secret",),
    "email": ("address",),
}


def check_sink(sink: Sink) -> None:
    """Raises Rejected: sink-invalid, url-invalid, address-invalid or secret-name-invalid."""
    for member in ("url", "url_secret", "address", "signing_secret"):
        if getattr(sink, member) and member not in _MEMBERS[sink.kind]:
            raise Rejected("sink-invalid", _why_not(sink.kind, member))
    for name in filter(None, (sink.url_secret, sink.signing_secret)):
        if not _SECRET_NAME.fullmatch(name):
            detail = f"'{name[:80]}' is no name of a secret: use 1 to 63 lower-case letters, digits, '-' and '_'"
            raise Rejected("secret-name-invalid", detail)
    if sink.kind == "email":
        _check_address(sink.address)
    elif bool(sink.url) == bool(sink.url_secret):
        choice = "the name of the secret that holds its URL (url_secret)"
        choice = choice if sink.kind == "slack" else f"a URL (url), or {choice}, and not both"
        raise Rejected("sink-invalid", f"a {sink.kind} subscription needs {choice}")
    elif sink.url:
        check_url(sink.url)


def _why_not(kind: str, member: str) -> str:
    if (kind, member) == ("slack", "url"):
        return (
            "whoever knows a Slack webhook's URL may post there, and the log keeps everything for ever: put the URL "
            "into the settings ([secrets] of sealane.toml) and name that secret (url_secret)"
        )
    return f"a {kind} subscription has no {member}; it has {', '.join(_MEMBERS[kind])}"


def check_url(url: str) -> None:
    """Raises Rejected(url-invalid) for what can't be posted to, or holds what the log must not keep."""
    if len(url) > 2000 or any(character.isspace() or not character.isprintable() for character in url):
        raise _bad_url(url, "it holds spaces or control characters, or more than 2000 characters")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise _bad_url(url, str(error)) from error
    if parts.scheme not in ("http", "https"):
        raise _bad_url(url, "its scheme must be http or https")
    if not host:
        raise _bad_url(url, "it names no host")
    if "@" in parts.netloc:
        raise _bad_url(url, "it holds a user or password, and the log keeps everything for ever; use url_secret")
    if parts.fragment:
        raise _bad_url(url, "a fragment (#...) is never sent")


def _bad_url(url: str, why: str) -> Rejected:
    return Rejected("url-invalid", f"'{url[:200]}' can't be used as a webhook's URL: {why}")


def _check_address(address: str) -> None:
    if not _ADDRESS.fullmatch(address):
        raise Rejected("address-invalid", f"'{address[:200]}' is no e-mail address (user@host, without a name)")


def check_wanted(wanted: Wanted) -> None:
    """Raises Rejected(filter-invalid)."""
    for name in ("types", "apps", "environments"):
        globs: tuple[str, ...] = getattr(wanted, name)
        if len(globs) > _MOST_GLOBS:
            raise Rejected("filter-invalid", f"{name} lists {len(globs)} patterns; at most {_MOST_GLOBS} are allowed")
        for glob in globs:
            if not _GLOB.fullmatch(glob):
                detail = f"'{glob[:80]}' in {name} is no pattern: letters, digits, '.', '_', '-', '*', '?' and [...]"
                raise Rejected("filter-invalid", detail)
