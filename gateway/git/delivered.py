"""Which ref updates the log already has: `refs/sealane/delivered/*` mirrors every branch and tag as last delivered.

So nothing is lost when a push was stored but could not be delivered: the difference is found and delivered later.
"""

from collections.abc import Iterable
from typing import NamedTuple

from core.forges.builtin import BuiltinPush
from core.trigger import ZERO_COMMIT
from gateway.git.repositories import Repositories

_DELIVERED = b"refs/sealane/delivered/"


class RefUpdate(NamedTuple):
    """A branch or tag that moved. Names are bytes, as git has them."""

    ref: bytes
    before: str
    after: str

    def push(self, app: str, actor: str) -> BuiltinPush:
        """The delivery's body. A name that is not UTF-8 is shown as near as it can be; the commit is what counts."""
        ref = self.ref.decode("utf-8", "replace")
        return BuiltinPush(app=app, ref=ref, before=self.before, after=self.after, actor=actor)


def parse_update(line: bytes) -> RefUpdate:
    """A line of post-receive's input: `<old> <new> <ref>`. Raises ValueError."""
    before, after, ref = line.rstrip(b"\n").split(b" ", 2)
    return RefUpdate(ref, before.decode("ascii"), after.decode("ascii"))


async def undelivered(repositories: Repositories, app: str) -> list[RefUpdate]:
    """What moved since it was last delivered. Raises GitError."""
    arguments = ("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags", _DELIVERED.decode())
    lines = (await repositories.run(app, arguments)).splitlines()
    refs = {name: commit.decode("ascii") for commit, _, name in (line.partition(b" ") for line in lines)}
    known = {b"refs/" + name.removeprefix(_DELIVERED): at for name, at in refs.items() if name.startswith(_DELIVERED)}
    current = {name: at for name, at in refs.items() if not name.startswith(_DELIVERED)}
    return [
        RefUpdate(name, known.get(name, ZERO_COMMIT), current.get(name, ZERO_COMMIT))
        for name in sorted(known.keys() | current.keys())
        if known.get(name) != current.get(name)
    ]


async def mark_delivered(repositories: Repositories, app: str, updates: Iterable[RefUpdate]) -> None:
    """Remember that the log has these. Raises GitError."""
    changes = list(updates)
    gone = [b"delete %s\0\0" % _place(update) for update in changes if set(update.after) == {"0"}]
    moved = [
        b"update %s\0%s\0\0" % (_place(update), update.after.encode())
        for update in changes
        if set(update.after) != {"0"}
    ]
    # Apart, because a branch `a` must be gone before `a/b` can be there.
    for commands in (gone, moved):
        if commands:
            await repositories.run(app, ("update-ref", "--stdin", "-z"), b"".join(commands))


def _place(update: RefUpdate) -> bytes:
    return _DELIVERED + update.ref.removeprefix(b"refs/")
