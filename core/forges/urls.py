"""Repository URLs: when two of them mean the same repository, and how the built-in server's are written."""

import re
from urllib.parse import urlsplit

_SCP_LIKE = re.compile(r"(?:[^@/:]+@)?([^/:]+):(?!//)(.+)")
_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}
_BUILTIN = "builtin:"


def builtin_url(app: str) -> str:
    """The repository URL of an app whose repository lives here: stays true when host and port change."""
    return _BUILTIN + app


def builtin_app(url: str) -> str | None:
    """The app whose built-in repository this URL names, or None."""
    return url.removeprefix(_BUILTIN) if url.startswith(_BUILTIN) else None


def repository_key(url: str) -> str:
    """`github.com/acme/shop` for every way to write it: scheme, user, default port, `.git` and case don't count."""
    match = _SCP_LIKE.fullmatch(url)
    if match and "://" not in url:
        host, path = match.groups()
        return _key(host, path)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url.casefold()
    if not parts.hostname:
        return url.casefold()
    host = parts.hostname
    if port and port != _DEFAULT_PORTS.get(parts.scheme):
        host = f"{host}:{port}"
    return _key(host, parts.path)


def _key(host: str, path: str) -> str:
    return f"{host}/{path.strip('/').removesuffix('.git')}".casefold()


def repository_path(url: str) -> str:
    """`acme/shop`, as the forge writes it: what its API asks for."""
    match = _SCP_LIKE.fullmatch(url) if "://" not in url else None
    path = match.group(2) if match else urlsplit(url).path
    return path.strip("/").removesuffix(".git")
