"""Repositories in memory, as the definition connector asks for them; now and then one can't be reached."""

from agents.connectors.repository import Commit, FileProblem, Missing, Unavailable
from tests.simulation.engine.process import Kernel
from tests.simulation.engine.threads import sleep


class Repositories:
    """See agents.connectors.mirror.Mirrors. `away` is the share of questions that fail."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.files: dict[str, bytes] = {}
        self.deliveries: dict[str, bytes] = {}
        self.away = 0.0

    def push(self, commit: str, pipeline: str, delivery: str = "") -> None:
        """With `delivery` there is a delivery.yml beside the pipeline file."""
        self.files[commit] = pipeline.encode()
        if delivery:
            self.deliveries[commit] = delivery.encode()

    def repository(self, url: str) -> "SimulatedRepository":
        return SimulatedRepository(self)

    def ask(self) -> None:
        """Raises Unavailable."""
        sleep(0.05 * self._kernel.random.random())
        if self.away and self._kernel.random.random() < self.away:
            raise Unavailable("injected: no answer")

    def close(self) -> None:
        """Nothing is open."""


class SimulatedRepository:
    """See agents.connectors.repository.Repository."""

    def __init__(self, all_of_them: Repositories) -> None:
        self._all = all_of_them

    def commit(self, wanted: str, ref: str) -> Commit:
        self._all.ask()
        if wanted not in self._all.files:
            raise Missing("commit-not-found", f"commit {wanted} is not in the repository")
        return Commit(wanted, "author", "title")

    def file(self, commit: str, path: str, what: str = "pipeline") -> bytes:
        if what == "delivery":
            # What was fetched with the commit is there.
            if commit not in self._all.deliveries:
                raise FileProblem(f"{what}-missing", f"there is no {path} at commit {commit}")
            return self._all.deliveries[commit]
        self._all.ask()
        return self._all.files[commit]

    def changed_paths(self, before: str, commit: str, ref: str, base_ref: str) -> tuple[str, ...]:
        return ()
