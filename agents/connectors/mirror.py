"""Bare mirrors of repositories: fetched when a commit isn't there yet, read without a work tree. Nothing is deleted.

The built-in server's repositories are read where they are. A mirror's folder is named by a hash of its URL.
"""

import hashlib
import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock

from agents.connectors.git import NETWORK_PROTOCOLS, GitError, git_command, git_environment, run_git
from agents.connectors.repository import Missing, Repository, Unavailable
from core.forges.base import is_ref
from core.forges.urls import builtin_app

FETCH_SECONDS = 300.0
OPEN_REPOSITORIES = 8
# The repository answered, and it has no such thing.
_NOT_THERE = re.compile(r"couldn't find remote ref|not our ref|unadvertised object|no such remote ref", re.IGNORECASE)
# Trying again changes nothing: somebody has to change the URL or the rights.
_FOR_GOOD = re.compile(
    r"not found|does not exist|authentication failed|could not read username|permission denied|not allowed"
    r"|does not appear to be a git repository|403|invalid credentials",
    re.IGNORECASE,
)
_SCP_LIKE = re.compile(r"[A-Za-z0-9._-]+@[A-Za-z0-9][A-Za-z0-9.-]*:[^\0-\x20]+")
_FETCH_SETTINGS = {
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "fetch.fsckObjects": "false",
    "maintenance.auto": "true",
    "gc.pruneExpire": "never",
}
_log = logging.getLogger("sealane.connectors")


class Mirrors:
    """`root` holds the mirrors, `builtin` the built-in server's repositories (`<app>.git`).

    `authorization(url)` is the value of an Authorization header for this repository, or None. It is given to git
    where no list of processes shows it, and never follows a redirect.
    """

    def __init__(
        self,
        root: Path,
        builtin: Path,
        protocols: Sequence[str] = NETWORK_PROTOCOLS,
        authorization: Callable[[str], str | None] = lambda url: None,
        fetch_seconds: float = FETCH_SECONDS,
    ) -> None:
        self._root = root
        self._builtin = builtin
        self._protocols = tuple(protocols)
        self._authorization = authorization
        self._fetch_seconds = fetch_seconds
        self._lock = Lock()
        self._open: OrderedDict[str, Repository] = OrderedDict()

    def repository(self, url: str) -> Repository:
        """The repository to ask. Calls for one URL must not overlap. Raises Unavailable."""
        with self._lock:
            found = self._open.pop(url, None) or self._make(url)
            self._open[url] = found
            if len(self._open) > OPEN_REPOSITORIES:
                self._open.popitem(last=False)[1].close()
        return found

    def close(self) -> None:
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def _make(self, url: str) -> Repository:
        app = builtin_app(url)
        if app is not None:
            path = self._builtin / f"{app}.git"
            if "/" in app or not path.is_dir():
                raise Unavailable(f"the built-in server has no repository '{app}' yet: push to it first", for_good=True)
            return Repository(path, None)
        self._check(url)
        path = self._root / hashlib.sha256(url.encode()).hexdigest()[:24]
        if not (path / "HEAD").exists():
            self._init(path)
        return Repository(path, lambda wanted, ref: self._fetch(path, url, wanted, ref))

    def _check(self, url: str) -> None:
        scheme = url.partition("://")[0] if "://" in url else "ssh" if _SCP_LIKE.fullmatch(url) else ""
        if scheme not in self._protocols or url.startswith("-") or not url.isprintable():
            allowed = ", ".join(self._protocols)
            raise Unavailable(f"repositories are fetched by {allowed} only, not from '{url[:200]}'", for_good=True)

    def _init(self, path: Path) -> None:
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            run_git(git_command("init", "--quiet", "--bare", "--", str(path)), self._root, git_environment(), 30)
        except (GitError, OSError) as error:
            raise Unavailable(f"no mirror can be made in {self._root}: {error}") from error

    def _fetch(self, path: Path, url: str, wanted: str, ref: str) -> str:
        """Fetch `wanted` (a commit or a ref) and keep it under a name of our own; answers with that name.

        The name depends on `ref` only, so that there are as many as branches; it makes the next fetch small.
        """
        if not is_ref(ref):
            raise Missing("branch-not-found", f"'{ref[:200]}' can't be the name of a branch or tag")
        kept = "refs/sealane/" + hashlib.sha256(ref.encode()).hexdigest()[:24]
        command = git_command(
            "fetch", "--no-tags", "--no-write-fetch-head", "--", url, f"+{wanted}:{kept}", settings=self._settings(url)
        )
        _log.info("fetching %s of %s", wanted, url)
        try:
            run_git(command, path, git_environment(self._protocols, self._secrets(url)), self._fetch_seconds)
        except GitError as error:
            if _NOT_THERE.search(error.words):
                raise Missing("commit-not-found", f"{wanted} is not in the repository") from error
            raise Unavailable(error.words, for_good=_FOR_GOOD.search(error.words) is not None) from error
        return kept

    def _settings(self, url: str) -> dict[str, str | tuple[str, ...]]:
        redirects = "false" if self._authorization(url) else "initial"
        return {**_FETCH_SETTINGS, "http.followRedirects": redirects}

    def _secrets(self, url: str) -> dict[str, str]:
        authorization = self._authorization(url)
        return {"http.extraHeader": f"Authorization: {authorization}"} if authorization else {}
