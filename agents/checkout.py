"""The built-in action `git-checkout`: one commit of the job's repository into its workspace, by the real git.

A shallow fetch of the commit itself; where a forge serves only refs, of its ref, deepened until the commit is
there. Everything from outside reaches git as a value, never as an option or as shell text.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

import msgspec

from agents.executors.base import Command, JobPaths
from agents.workspace import inside_workspace
from core.forges.urls import builtin_app
from core.runs.spec import Source

ALLOWED_PROTOCOLS = "http:https:ssh:git:file"
EXIT_UNREACHABLE = 80
EXIT_NO_COMMIT = 81
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_REF = re.compile(r"refs/[^\x00-\x20~^:?*\[\\-][^\x00-\x20~^:?*\[\\]*")
_URL = re.compile(r"(https?|ssh|git|file)://[^\s]+|[A-Za-z0-9_.][^\s:/-]*@[^\s:-][^\s:]*:[^\s]+|/[^\s]*")

# $URL, $COMMIT, $REF, $DEPTH, $TARGET and $SUBMODULES come by the environment.
_SCRIPT = """\
set -u
mkdir -p -- "$TARGET" && cd -- "$TARGET" || exit 1
git init -q . || exit 1
git remote add origin "$URL" 2>/dev/null || git remote set-url origin "$URL" || exit 1
depth=; [ "$DEPTH" = 0 ] || depth="--depth=$DEPTH"
fetch() { git fetch --quiet --no-tags --force $depth origin "$@" 2>"$ERRORS"; }
has() { git cat-file -e "$COMMIT^{commit}" 2>/dev/null; }
if ! fetch "$COMMIT"; then
  if ! git ls-remote --quiet origin HEAD >/dev/null 2>"$ERRORS"; then cat "$ERRORS" >&2; exit 80; fi
  [ -z "$REF" ] || fetch "$REF"
  depth=; [ ! -f .git/shallow ] || depth=--unshallow
  has || [ -z "$REF" ] || fetch "$REF"
  depth=; [ ! -f .git/shallow ] || depth=--unshallow
  has || fetch '+refs/heads/*:refs/remotes/origin/*' '+refs/tags/*:refs/tags/*'
  has || { cat "$ERRORS" >&2; exit 81; }
fi
git -c advice.detachedHead=false checkout --quiet --force --detach "$COMMIT" || exit 1
case "$SUBMODULES" in
  true) git submodule --quiet update --init --force --depth=1 ;;
  recursive) git submodule --quiet update --init --force --depth=1 --recursive ;;
esac || exit 1
git --no-pager log -1 --no-color --format='%h %s'
"""


class CheckoutError(Exception):
    """A value of `with`, or the source itself, that git must not be given."""


def checkout_command(
    source: Source, options: Mapping[str, str], paths: JobPaths, machine: Mapping[str, str]
) -> Command:
    """Raises CheckoutError."""
    depth, submodules = options.get("depth", "1"), options.get("submodules", "false").lower()
    target = inside_workspace(paths.workspace, options.get("path"))
    _check(source, options, depth, submodules)
    if target is None:
        raise CheckoutError(f"git-checkout: path '{options['path']}' leaves the workspace")
    env = {
        **machine,
        "HOME": paths.home,
        "URL": source.repository_url,
        "COMMIT": source.commit,
        "REF": source.ref,
        "DEPTH": depth,
        "TARGET": target,
        "SUBMODULES": submodules,
        "ERRORS": f"{paths.temporary}/.sealane-git",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": ALLOWED_PROTOCOLS,
        "GIT_CONFIG_GLOBAL": f"{paths.scripts}/gitconfig",
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    }
    return Command(("/bin/sh", "-c", _SCRIPT), paths.workspace, env, network=True)


# A repository given by path belongs to another user than the job's; git would refuse to read it.
GIT_CONFIG = "[safe]\n\tdirectory = *\n[protocol]\n\tversion = 2\n[gc]\n\tauto = 0\n"


def fetchable(source: Source, gateway_url: str) -> Source:
    """The source with a URL git can use: the built-in server's repositories are fetched through the gateway."""
    app = builtin_app(source.repository_url)
    if app is None:
        return source
    base = gateway_url.replace("ws://", "http://", 1).replace("wss://", "https://", 1).rstrip("/")
    return msgspec.structs.replace(source, repository_url=f"{base}/git/{app}.git")


def explain_exit(code: int, source: Source) -> str:
    """What an exit code of the command means."""
    where = public_url(source.repository_url)
    if code == EXIT_UNREACHABLE:
        return f"git-checkout: the repository {where} can't be reached or does not exist"
    if code == EXIT_NO_COMMIT:
        return f"git-checkout: commit {source.commit} is not in {where}{f' ({source.ref})' if source.ref else ''}"
    return f"git-checkout: git ended with exit code {code}"


def public_url(url: str) -> str:
    """The address without a user's name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if parts.scheme else url


def _check(source: Source, options: Mapping[str, str], depth: str, submodules: str) -> None:
    unknown = sorted(set(options) - {"depth", "path", "submodules"})
    if unknown:
        raise CheckoutError(f"git-checkout: unknown key '{unknown[0]}' in with (known: depth, path, submodules)")
    if not _URL.fullmatch(source.repository_url):
        raise CheckoutError(f"git-checkout: '{public_url(source.repository_url)}' is no address git may fetch from")
    if not _COMMIT.fullmatch(source.commit):
        raise CheckoutError(f"git-checkout: '{source.commit}' is not a full commit id")
    if source.ref and not _REF.fullmatch(source.ref):
        raise CheckoutError(f"git-checkout: '{source.ref}' is not a full ref name")
    if not (depth.isascii() and depth.isdigit() and len(depth) < 8):
        raise CheckoutError(f"git-checkout: depth '{depth}' must be a number (0 for the whole history)")
    if submodules not in ("true", "false", "recursive"):
        raise CheckoutError(f"git-checkout: submodules '{submodules}' must be true, false or recursive")
