"""A target of processes on this machine, with releases of the tiny service from a real repository."""

import shutil
from pathlib import Path

from agents.connectors.mirror import Mirrors
from agents.targets.artifacts import Artifacts
from agents.targets.base import Order, Target
from agents.targets.fleet import Fleet
from agents.targets.haproxy.proxy import Haproxy
from agents.targets.place import Place
from agents.targets.process import Processes
from agents.targets.service import ServiceFleet
from core.deployments.target_state import InstanceSet, Role, TargetState, TargetStatus
from core.environments.release import Artifact, Release
from core.environments.settings import Health, ProcessTarget
from core.environments.settings import Target as TargetSettings
from infra.embedded.haproxy import find_haproxy
from infra.objects.filesystem import FilesystemObjects
from tests.support.git_repository import WorkTree

SERVICE = Path(__file__).with_name("tiny_service.py")
PROCESS = ProcessTarget(
    command="exec python service.py",
    health=Health(interval_seconds=0.2, timeout_seconds=2, start_timeout_seconds=20),
    drain_seconds=5,
    stop_seconds=3,
)


def never() -> bool:
    return False


class TargetWorld:
    """`root` is a scratch directory. Targets of one `name` are the same one, as another deployer would open it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tree = WorkTree(root / "work")
        self.objects = FilesystemObjects(root / "objects")
        self.mirrors = Mirrors(root / "mirrors", root / "git", protocols=("file",))
        self.artifacts = Artifacts(self.mirrors, self.objects.get)
        self._actions = 0

    def release(self, name: str, **config: str) -> Release:
        """A commit with the service, whose version.txt says `name`."""
        shutil.copy(SERVICE, self.tree.path / "service.py")
        commit = self.tree.commit(name, **{"version.txt": name})
        artifact = Artifact("tree", f"git:{commit}", f"file://{self.tree.path}")
        return Release(id=name, app="shop", artifact=artifact, commit=commit, config=config)

    def target(self, name: str = "target") -> Target:
        place = Place(self.root / name)
        return ServiceFleet(
            Fleet(
                place,
                {ProcessTarget: Processes(place.root, self.artifacts)},
                Haproxy(place.root / "proxy", find_haproxy),
            )
        )

    def order(self, *sets: InstanceSet, epoch: int = 1, settings: TargetSettings = PROCESS, **wish: object) -> Order:
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
            target=settings,
        )


def instance_set(release: Release, replicas: int = 1, weight: int = 100, role: Role = "stable") -> InstanceSet:
    return InstanceSet(name=release.id, role=role, release=release, replicas=replicas, weight=weight)


def by_set(status: TargetStatus) -> dict[str, tuple[int, int]]:
    """Set -> (ready, weight)."""
    return {each.name: (each.ready, each.weight) for each in status.sets}
