"""What names and repository URLs may look like. A URL ends up on git's command line: nothing in it may be an option."""

import re
from typing import Final
from urllib.parse import urlsplit

from core.aggregate import Rejected
from core.environments.release import Release
from core.forges.urls import builtin_app

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
_RELEASE: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_SCP_LIKE: Final = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[A-Za-z0-9._~/][^\s]*")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SCHEMES: Final = ("http", "https", "ssh")
_REF: Final = re.compile(r"(?!-)(?!.*(\.\.|@\{|//|[\x00-\x20~^:?*\[\\\x7f]))[^/].*(?<![/.])")


def check_name(name: str, what: str = "app") -> None:
    """Raises Rejected(name-invalid)."""
    if not _NAME.fullmatch(name) or ".." in name or name.endswith((".git", ".lock")):
        article = "an" if what.startswith("a") else "a"
        raise Rejected(
            "name-invalid",
            f"'{name[:80]}' is no name for {article} {what}: use 1 to 63 lower-case letters, digits, '-', '_' and '.', "
            "beginning and ending with a letter or digit",
        )


def check_repository_url(url: str) -> None:
    """Raises Rejected(repository-url-invalid)."""
    if builtin_app(url) is not None:
        check_name(builtin_app(url) or "")
        return
    if _SCP_LIKE.fullmatch(url):
        return
    if any(character.isspace() or not character.isprintable() for character in url):
        raise _bad_url(url, "it holds spaces or control characters")
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as error:
        raise _bad_url(url, str(error)) from error
    if parts.scheme not in _SCHEMES:
        raise _bad_url(url, f"its scheme must be one of {', '.join(_SCHEMES)}")
    if not host or host.startswith("-") or (parts.username or "").startswith("-"):
        raise _bad_url(url, "it names no host, or one (or a user) that git would read as an option")
    if parts.password:
        raise _bad_url(url, "it holds a password, and the log keeps everything for ever; use a credential helper")


def _bad_url(url: str, why: str) -> Rejected:
    return Rejected("repository-url-invalid", f"'{url[:200]}' can't be used as a repository URL: {why}")


def check_branch(name: str) -> None:
    """Raises Rejected(branch-invalid) for what git would refuse as a branch."""
    if not _REF.fullmatch(name) or name.endswith(".lock") or len(name) > 250:
        raise Rejected("branch-invalid", f"'{name[:80]}' is not a valid branch name")


def check_pipeline_path(path: str) -> None:
    """Raises Rejected(pipeline-path-invalid)."""
    parts = path.split("/")
    if not path or len(path) > 500 or any(part in ("", ".", "..") for part in parts) or not path.isprintable():
        raise Rejected("pipeline-path-invalid", f"'{path[:80]}' must be a path inside the repository, without '..'")


def check_release(release: Release) -> None:
    """Raises Rejected(release-invalid). Ids are names of instance sets and folders as well."""
    if not _RELEASE.fullmatch(release.id) or ".." in release.id or release.id.endswith(".baseline"):
        raise Rejected(
            "release-invalid",
            f"'{release.id[:80]}' is no id for a release: use 1 to 63 letters, digits, '-', '_' and '.', beginning and "
            "ending with a letter or digit, and not '.baseline' at the end",
        )
    if not release.artifact.digest or not release.artifact.location:
        raise Rejected("release-invalid", f"release {release.id} must name its artifact's digest and location")
    bad = [name for name in release.config if not _VARIABLE.fullmatch(name)]
    if bad:
        raise Rejected(
            "release-invalid", f"release {release.id}: '{bad[0][:80]}' is no name for an environment variable"
        )
