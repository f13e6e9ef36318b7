"""A static site: the release's files in a directory, and a symlink that is switched to it in one step.

Each set is a directory beside the others until it is no longer wished. The link has all the requests, so weights other
than 0 and 100 are refused.
"""

import hashlib
import os
import shutil
from pathlib import Path

import msgspec

from agents.targets.artifacts import Artifacts
from agents.targets.base import Address, Interrupted, Order, Shifted, Superseded, TargetFailed, unheard
from agents.targets.giving_way import giving_way
from agents.targets.place import Place, read_json, write_json
from agents.targets.validation import check_sets
from core.deployments.target_state import InstanceSet, SetStatus, TargetStatus
from core.environments.release import Release
from core.environments.settings import StaticTarget


class _Laid(msgspec.Struct, frozen=True):
    """A set whose files are there: what the link points to when it has the requests."""

    name: str
    release_id: str
    files: str
    directory: str


class StaticSite:
    """See base.Target. The files lie in `place.root/releases`, who they belong to in `place.root/sets`."""

    def __init__(self, place: Place, artifacts: Artifacts) -> None:
        self._place = place
        self._artifacts = artifacts
        self._releases = place.root / "releases"
        self._sets = place.root / "sets"

    def converge(self, order: Order, interrupted: Interrupted, shifted: Shifted = unheard) -> TargetStatus:
        main = _checked(order)
        self._place.claim(order)
        giving_way(order, interrupted, lambda: self._lay_out(order))
        if interrupted():
            raise Superseded(f"{order.where}: action {order.action} is no longer wanted")
        with self._place.guarded(order.fence):
            self._note(order)
            self._switch(order, main)
        shifted(self.status())
        with self._place.guarded(order.fence):
            self._clean(order)
        self._place.reached(order.fence)
        return self.status()

    def _lay_out(self, order: Order) -> None:
        for wished in order.wish.sets:
            self._artifacts.unpack(wished.release, self._files(wished.release))
            self._source(order, wished)

    def status(self) -> TargetStatus:
        kept = self._place.kept()
        if kept is None:
            return TargetStatus()
        linked = self._linked(kept.order)
        sets = tuple(_set_status(laid, linked) for laid in self._laid())
        return TargetStatus(kept.order.epoch, sets, str(_settings(kept.order).link))

    def addresses(self) -> tuple[Address, ...]:
        return ()

    def keep(self) -> None:
        """Files don't end by themselves; a link that somebody removed is made again."""
        kept = self._place.kept()
        if kept is None or not kept.reached:
            return
        with self._place.locked():
            if self._place.kept() == kept and self._linked(kept.order) is None:
                self._switch(kept.order, _checked(kept.order))

    def stop(self) -> None:
        """Nothing runs: a web server of its own serves the files."""

    def remove(self) -> None:
        kept = self._place.kept()
        if kept is not None:
            with self._place.locked():
                if self._linked(kept.order) is not None:
                    Path(_settings(kept.order).link).unlink(missing_ok=True)
        self._place.remove()

    def _files(self, release: Release) -> Path:
        return self._releases / hashlib.sha256(release.artifact.digest.encode()).hexdigest()[:16]

    def _directory(self, order: Order, wished: InstanceSet) -> Path:
        return self._files(wished.release) / _settings(order).source

    def _laid(self) -> list[_Laid]:
        return [laid for path in sorted(self._sets.glob("*.json")) if (laid := read_json(path, _Laid)) is not None]

    def _note(self, order: Order) -> None:
        self._sets.mkdir(exist_ok=True)
        for wished in order.wish.sets:
            directory = str(self._directory(order, wished))
            laid = _Laid(wished.name, wished.release.id, str(self._files(wished.release)), directory)
            write_json(self._sets / f"{wished.name}.json", laid)

    def _source(self, order: Order, wished: InstanceSet) -> Path:
        """The directory that the link shall point to. Raises TargetFailed."""
        directory = self._directory(order, wished)
        if not directory.resolve().is_relative_to(self._files(wished.release).resolve()):
            raise TargetFailed("bad-target", f"source '{_settings(order).source}' leaves the release")
        if not directory.is_dir():
            detail = f"release {wished.release.id} has no directory '{_settings(order).source}'"
            raise TargetFailed("artifact-unavailable", detail)
        return directory

    def _linked(self, order: Order) -> Path | None:
        """Where the link points, if it is one of ours."""
        try:
            to = Path(os.readlink(_settings(order).link))
        except OSError:
            return None
        return to if to.is_relative_to(self._releases) else None

    def _switch(self, order: Order, main: InstanceSet | None) -> None:
        link = Path(_settings(order).link)
        draft = link.with_name(f".{link.name}.sealane")
        try:
            if link.exists() and not link.is_symlink():
                raise TargetFailed("bad-target", f"{link} is there and is no symlink: it is left alone")
            if main is None:
                if self._linked(order) is not None:
                    link.unlink(missing_ok=True)
                return
            link.parent.mkdir(parents=True, exist_ok=True)
            draft.unlink(missing_ok=True)
            draft.symlink_to(self._source(order, main))
            draft.replace(link)
        except OSError as error:
            raise TargetFailed("target-unavailable", f"{link} can't be switched: {error.strerror}") from error

    def _clean(self, order: Order) -> None:
        wished = {each.name for each in order.wish.sets}
        for laid in self._laid():
            if laid.name not in wished:
                (self._sets / f"{laid.name}.json").unlink(missing_ok=True)
        wanted = {laid.files for laid in self._laid()}
        for path in self._releases.glob("*"):
            if str(path) not in wanted:
                shutil.rmtree(path, ignore_errors=True)


def _set_status(laid: _Laid, linked: Path | None) -> SetStatus:
    directory = Path(laid.directory)
    there = directory.is_dir()
    weight = 100 if there and linked == directory else 0
    return SetStatus(name=laid.name, release_id=laid.release_id, running=int(there), ready=int(there), weight=weight)


def _settings(order: Order) -> StaticTarget:
    assert isinstance(order.target, StaticTarget)
    return order.target


def _checked(order: Order) -> InstanceSet | None:
    """The set that shall have the requests. Raises TargetFailed."""
    check_sets(order.wish)
    link = _settings(order).link
    if not os.path.isabs(link):
        raise TargetFailed("bad-target", f"link '{link}' must be an absolute path")
    for unwanted, what in (
        (order.wish.headers, "route by headers"),
        (order.wish.affinity, "keep clients with a release"),
    ):
        if unwanted:
            raise TargetFailed("bad-target", f"{order.where}: a static target can't {what}")
    if order.wish.mirror:
        raise TargetFailed("mirror-unsupported", f"{order.where}: a static target can't mirror requests")
    weighty = [each for each in order.wish.sets if each.weight]
    if len(weighty) > 1:
        shares = ", ".join(f"{each.name} {each.weight}%" for each in weighty)
        raise TargetFailed("bad-target", f"{order.where}: a static target can't share requests out ({shares})")
    return weighty[0] if weighty else None
