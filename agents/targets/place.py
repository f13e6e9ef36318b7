"""A target's directory: its lock, its last order (`wish.json`) with the fence, and small files that appear whole."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TypeVar

import msgspec

from agents.targets.base import Fence, Order, StaleEpoch, TargetFailed

_T = TypeVar("_T")
_encode = msgspec.json.Encoder().encode


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """`reached`: the order was fulfilled once, so keep() may bring all of it back, whatever went away.

    `over`: its deployment has ended and needn't hear of the target's health any more; not while it is `watched`.
    """

    order: Order
    reached: bool = False
    over: bool = False
    watched: bool = False


# Each is read every second, and changes seldom.
_decode_kept = lru_cache(maxsize=128)(msgspec.json.Decoder(Kept).decode)


@dataclass(frozen=True)
class Place:
    """One deployer at a time changes anything, under the lock and after a look at the fence."""

    root: Path

    @cached_property
    def _wish(self) -> Path:
        return self.root / "wish.json"

    def claim(self, order: Order) -> bool:
        """Obey this order from now on; answers whether it is another one than before.

        Raises StaleEpoch when a newer one is obeyed.
        """
        with self.locked():
            kept = self.kept()
            if kept is not None and kept.order.fence > order.fence:
                raise StaleEpoch(order.fence, kept.order.fence)
            if kept is not None and kept.order == order:
                return False
            write_json(self._wish, Kept(order))
            return True

    @contextmanager
    def guarded(self, fence: Fence) -> Iterator[None]:
        """The right to change the target, while it still obeys this fence. Raises StaleEpoch."""
        with self.locked():
            kept = self.kept()
            held = kept.order.fence if kept is not None else (0, 0)
            if held != fence:
                raise StaleEpoch(fence, held)
            yield

    def reached(self, fence: Fence) -> None:
        """The order is fulfilled. Raises StaleEpoch."""
        with self.guarded(fence):
            kept = self.kept()
            if kept is not None and not kept.reached:
                write_json(self._wish, msgspec.structs.replace(kept, reached=True))

    def watch(self, deployment_id: str) -> None:
        """The deployment's end, which is said in the same breath, is not the end of its watch."""
        self._note(deployment_id, lambda kept: msgspec.structs.replace(kept, over=False, watched=True))

    def finish(self, deployment_id: str, watched: bool) -> None:
        """The end of the deployment, or with `watched` that of its watch."""
        self._note(deployment_id, lambda kept: msgspec.structs.replace(kept, over=watched or not kept.watched))

    def _note(self, deployment_id: str, change: Callable[[Kept], Kept]) -> None:
        with self.locked():
            kept = self.kept()
            if kept is None or kept.order.deployment_id != deployment_id:
                return
            changed = change(kept)
            if changed != kept:
                write_json(self._wish, changed)

    def kept(self) -> Kept | None:
        """The last order, if there ever was one. Raises TargetFailed for a file that isn't one."""
        return _read(self._wish, _decode_kept)

    def remove(self) -> None:
        """The directory goes, its order first: what is left of it then wants nothing."""
        with self.locked():
            self._wish.unlink(missing_ok=True)
            shutil.rmtree(self.root, ignore_errors=True)

    @contextmanager
    def locked(self, name: str = "lock") -> Iterator[int]:
        """Excludes every other deployer and thread; the kernel gives the lock back when its holder dies, and all to
        whom it handed the descriptor."""
        descriptor = self._locked_file(self.root / name, fcntl.LOCK_EX)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def unless_locked(self, name: str) -> Iterator[bool]:
        """Whether nobody held it; then the lock, which is forgotten in the end."""
        try:
            descriptor = self._locked_file(self.root / name, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
            (self.root / name).unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    def _locked_file(self, path: Path, how: int) -> int:
        while True:
            try:
                descriptor = _open_or_create(path)
            except OSError as error:
                raise TargetFailed("target-unavailable", f"{self.root} can't be used: {error.strerror}") from error
            try:
                fcntl.flock(descriptor, how)
                if os.fstat(descriptor).st_nlink:
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            # Its last holder has removed it.
            os.close(descriptor)


def _open_or_create(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o600)


def write_json(path: Path, value: msgspec.Struct, lasting: bool = True) -> None:
    """Whole or not at all; `lasting` also after the machine lost its power."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        with draft.open("wb") as file:
            file.write(_encode(value))
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise TargetFailed("target-unavailable", f"{path} can't be written: {error.strerror}") from error


def read_json(path: Path, kind: type[_T]) -> _T | None:
    """None where there is no such file. Raises TargetFailed for one that isn't what it should be."""
    return _read(path, lambda data: msgspec.json.decode(data, type=kind))


def _read(path: Path, decode: Callable[[bytes], _T]) -> _T | None:
    try:
        with open(path, "rb", buffering=0) as file:
            return decode(file.read())
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise TargetFailed("target-unavailable", f"{path} can't be read: {error}") from error
