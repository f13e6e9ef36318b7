"""Targets of each kind over one scratch directory, with releases of the tiny service from a real repository."""

import hashlib
import io
import shutil
import signal
import tarfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

import httpx
import msgspec

from agents.connectors.mirror import Mirrors
from agents.targets.artifacts import Artifacts
from agents.targets.base import Order, OwnTarget, Target
from agents.targets.detached import Detached
from agents.targets.fleet import Fleet
from agents.targets.folders import ReleaseFolders
from agents.targets.haproxy.proxy import Haproxy
from agents.targets.place import Place
from agents.targets.process import Processes
from agents.targets.service import ServiceFleet
from agents.targets.static import StaticSite
from core.deployments.target_state import InstanceSet, Role, TargetState, TargetStatus
from core.environments.release import Artifact, Release
from core.environments.settings import Health, ProcessTarget, StaticTarget
from core.environments.settings import Target as TargetSettings
from infra.embedded.haproxy import find_haproxy
from infra.objects.filesystem import FilesystemObjects
from tests.support.git_repository import WorkTree
from tests.support.servers import scratch_directory

SERVICE = Path(__file__).with_name("tiny_service.py")
HEALTH = Health(interval_seconds=0.2, timeout_seconds=2, start_timeout_seconds=20)
PROCESS = ProcessTarget(command="exec python service.py", health=HEALTH, drain_seconds=5, stop_seconds=3)


def never() -> bool:
    return False


class TargetWorld(ABC):
    """`root` is a scratch directory. Targets of one `name` are the same one, as another deployer would open it.

    `kind` is that of the settings' targets.
    """

    kind: str
    settings: TargetSettings
    # After how many questions an order is cut short.
    cuts: tuple[int, ...] = tuple(range(14))
    # What a deployer looks after on its own, and what ends when it stops everything.
    has_instances = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tree = WorkTree(root / "work")
        self.objects = FilesystemObjects(root / "objects")
        self.artifacts = Artifacts(Mirrors(root / "mirrors", root / "git", protocols=("file",)), self.objects.get)
        self.opened: set[str] = set()
        self._actions = 0

    @classmethod
    @contextmanager
    def scratch(cls) -> Iterator[Self]:
        """In a directory of its own; in the end nothing is left."""
        with scratch_directory() as root, closing(cls(root)) as made:
            yield made

    def place(self, name: str = "target") -> Place:
        self.opened.add(name)
        return Place(self.root / name)

    @abstractmethod
    def at(self, place: Place) -> OwnTarget: ...

    def target(self, name: str = "target") -> OwnTarget:
        return self.at(self.place(name))

    @abstractmethod
    def visit(self, target: Target) -> str:
        """The release that answers a user."""

    @abstractmethod
    def break_it(self, target: Target) -> None:
        """Take away what serves users, behind the target's back."""

    @abstractmethod
    def broken_release(self, name: str) -> Release:
        """One that can't ever serve."""

    def missing(self, artifact: Artifact) -> Artifact:
        """One like it that does not exist."""
        return msgspec.structs.replace(artifact, digest="git:" + "a" * 40)

    def release(self, name: str, **config: str) -> Release:
        """A commit with the service, whose version.txt says `name`."""
        shutil.copy(SERVICE, self.tree.path / "service.py")
        commit = self.tree.commit(name, **{"version.txt": name, "site__version.txt": name})
        artifact = Artifact("tree", f"git:{commit}", f"file://{self.tree.path}")
        return Release(id=name, app="shop", artifact=artifact, commit=commit, config=config)

    def packed_release(self, name: str) -> Release:
        """The same as a file in the object store."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            tar.add(SERVICE, "service.py")
            for path in ("version.txt", "site/version.txt"):
                member = tarfile.TarInfo(path)
                member.size = len(name)
                tar.addfile(member, io.BytesIO(name.encode()))
        key, data = f"releases/{name}.tar.gz", packed.getvalue()
        self.objects.put(key, data)
        return Release(
            id=name, app="shop", artifact=Artifact("file", f"sha256:{hashlib.sha256(data).hexdigest()}", key)
        )

    def order(
        self, *sets: InstanceSet, epoch: int = 1, settings: TargetSettings | None = None, **wish: object
    ) -> Order:
        """The next action of the environment."""
        self._actions += 1
        return Order(
            app="shop",
            environment="production",
            region="us-east",
            deployment_id="us-east-0123456789abcdef",
            epoch=epoch,
            action=self._actions,
            wish=TargetState(sets=sets, **wish),  # type: ignore[arg-type]
            target=settings or self.settings,
        )

    def close(self) -> None:
        for name in self.opened:
            self.target(name).remove()


class ProcessWorld(TargetWorld):
    kind = "process"
    settings = PROCESS

    def at(self, place: Place) -> OwnTarget:
        processes = Processes(place.root, ReleaseFolders(place.root / "releases", self.artifacts))
        return ServiceFleet(Fleet(place, {ProcessTarget: processes}, Haproxy(place.root / "proxy", find_haproxy)))

    def visit(self, target: Target) -> str:
        answer = httpx.get(target.status().address, timeout=10, trust_env=False)
        return str(answer.json()["file"]) if answer.is_success else f"status {answer.status_code}"

    def break_it(self, target: Target) -> None:
        for path in self.place().root.glob("instances/*"):
            instance = Detached(path)
            instance.signal(signal.SIGKILL)
            while instance.pid is not None:
                time.sleep(0.01)

    def broken_release(self, name: str) -> Release:
        return self.release(name, BEHAVIOUR="never-ready")


class StaticWorld(TargetWorld):
    kind = "static"
    has_instances = False

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.settings = StaticTarget(link=str(root / "www"), source="site")

    def at(self, place: Place) -> OwnTarget:
        return StaticSite(place, self.artifacts)

    def visit(self, target: Target) -> str:
        return Path(target.status().address, "version.txt").read_text()

    def break_it(self, target: Target) -> None:
        (self.root / "www").unlink()

    def broken_release(self, name: str) -> Release:
        shutil.rmtree(self.tree.path / "site")
        commit = self.tree.commit(name)
        return Release(id=name, app="shop", artifact=Artifact("tree", f"git:{commit}", f"file://{self.tree.path}"))


def instance_set(release: Release, replicas: int = 1, weight: int = 100, role: Role = "stable") -> InstanceSet:
    return InstanceSet(name=release.id, role=role, release=release, replicas=replicas, weight=weight)


def by_set(status: TargetStatus) -> dict[str, tuple[int, int]]:
    """Set -> (ready, weight)."""
    return {each.name: (each.ready, each.weight) for each in status.sets}


def instance_pids(root: Path) -> list[int]:
    """Of the processes of a target's directory, dead or alive."""
    return [int(path.read_text().partition(" ")[0]) for path in sorted(root.glob("instances/*/pid"))]


def keep_until(target: Target, done: Callable[[Target], bool]) -> None:
    """As the deployer does it, but without its pauses between two looks."""
    deadline = time.monotonic() + 30
    while not done(target):
        assert time.monotonic() < deadline, target.status()
        target.keep()
        time.sleep(0.05)
