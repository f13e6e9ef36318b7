"""What people and forges do: pushes of every shape, approvals, cancels, re-runs, and asking again when unanswered."""

from collections.abc import Callable
from dataclasses import dataclass

from core.catalog.commands import APP_COMMANDS, CreateApp
from core.eventlog.envelope import Stream
from core.eventlog.serialization import Catalogue, Message
from core.forges.builtin import BuiltinPush
from core.forges.urls import builtin_url
from core.ids import derived_id, region_of_run
from core.ports import Decision, DecisionTimeout
from core.runs.commands import COMMANDS as RUN_COMMANDS
from core.runs.commands import ApproveStage, CancelRun, RerunRun
from core.trigger import ZERO_COMMIT
from tests.simulation.checks.observer import Check, Seen
from tests.simulation.deliveries import Deliveries
from tests.simulation.world.environments import DELIVERY
from tests.simulation.world.gateway import Gateway
from tests.simulation.world.pipelines import SHAPES
from tests.simulation.world.world import World

PATIENCE_SECONDS = 12.0
REPEATED = 0.05
CANCELLED, RERUN, APPROVED, REJECTED = 0.08, 0.05, 0.7, 0.1
SETTLING_SECONDS = 2.0


@dataclass
class Asked:
    """A request that is asked again, under its own id, until it is answered."""

    what: str
    ask: Callable[[Gateway], object]
    tries: int = 0
    answered: bool = False
    command_id: str = ""


class Workload(Check):
    """A Check, too: it sees the events and reacts as people would. `accepted` are the deliveries answered with yes."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._kernel = world.kernel
        self._random = world.kernel.random
        self._heads: dict[tuple[str, str], str] = {}
        self._apps: list[str] = []
        self._asked = 0
        self._open = 0
        self.waiting: dict[str, None] = {}
        self.accepted: list[str] = []
        self.on_decision: Callable[[Decision], None] = lambda decision: None
        self.pushed = 0
        self.deliveries = Deliveries(world, self._execute, self._later)

    def begin(self) -> None:
        options = self._world.options
        for number in range(options.apps):
            self._create_app(f"app{number}", self._world.topology.regions[number % 2])
            if number % 2 == 0:
                self._later(SETTLING_SECONDS, lambda app=f"app{number}": self.deliveries.set_environments(app))  # type: ignore[misc]
        self.deliveries.begin()
        last = options.active_seconds * 0.9
        for _ in range(options.pushes):
            self._kernel.scheduler.after(SETTLING_SECONDS + last * self._random.random(), self._push)

    @property
    def active(self) -> bool:
        return self.deliveries.active

    def quieten(self) -> None:
        """Nothing new is begun; what is under way is seen to."""
        self.deliveries.active = False

    @property
    def done(self) -> bool:
        """Everything was asked, and answered."""
        return self._open == 0 and self.pushed == self._world.options.pushes

    def event(self, seen: Seen) -> None:
        self.deliveries.event(seen)
        draw = self._random.random()
        stream = seen.event.stream
        match seen.event.type:
            case "approval.requested":
                if draw < APPROVED + REJECTED:
                    self._later(30, lambda: self._approve(stream, seen.data["stage"], draw < APPROVED))
            case "run.requested" if draw < CANCELLED and self.active:
                self._later(15, lambda: self._to_run(stream, CancelRun(by="somebody", force=draw < 0.02)))
            case "run.finished" if draw < RERUN and self.active:
                command = RerunRun(mode="failed" if draw < RERUN / 2 else "all", by="somebody")
                self._later(10, lambda: self._to_run(stream, command))

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self._open += 1

        def act() -> None:
            self._open -= 1
            action()

        self._kernel.scheduler.after(seconds * self._random.random(), act)

    def _create_app(self, name: str, region: str) -> None:
        command = CreateApp(name=name, repository_url=builtin_url(name), region=region)
        home = self._world.topology.home_region
        self._execute(Stream("app", name), home, command, APP_COMMANDS, lambda: self._apps.append(name))

    def _push(self) -> None:
        if not self._apps:
            # No forge takes a push for an app that nobody was told of.
            self._kernel.scheduler.after(SETTLING_SECONDS, self._push)
            return
        app = self._random.choice(self._apps)
        branch = self._random.choice(("main", "main", "topic"))
        (shape,) = self._random.choices([text for text, _ in SHAPES], [weight for _, weight in SHAPES])
        self.pushed += 1
        delivery = f"delivery-{self.pushed}"
        commit = f"{self.pushed:040x}"
        self._world.repositories.push(commit, shape, DELIVERY)
        before = self._heads.get((app, branch), ZERO_COMMIT)
        self._heads[app, branch] = commit
        push = BuiltinPush(app=app, ref=f"refs/heads/{branch}", before=before, after=commit, actor="somebody")

        def accepted(answer: object) -> None:
            self.accepted.append(delivery)
            if self._random.random() < REPEATED:
                self._later(20, lambda: self._ask(Asked(f"{delivery} again", lambda g: g.push(push, delivery)), None))

        self._ask(Asked(delivery, lambda g: g.push(push, delivery)), accepted)

    def _approve(self, run: str, stage: str, approve: bool) -> None:
        self._to_run(run, ApproveStage(stage=stage, by="bob", groups=("release",), approve=approve))

    def _to_run(self, run: str, command: Message) -> None:
        stream = Stream.parse(run)
        self._execute(stream, region_of_run(stream.id), command, RUN_COMMANDS)

    def _execute(
        self,
        stream: Stream,
        region: str,
        command: Message,
        catalogue: Catalogue,
        answered: Callable[[], None] = lambda: None,
    ) -> None:
        self._asked += 1
        command_id = derived_id("workload", self._asked)
        asked = Asked(
            f"{command.TYPE} of {stream}",
            lambda gateway: gateway.execute(stream, region, command, catalogue, command_id),
        )
        asked.command_id = command_id

        def decided(answer: object) -> None:
            """What a client hears of a decision is in the log."""
            if isinstance(answer, tuple):
                self.on_decision(answer[1])
            answered()

        self._ask(asked, decided)

    def _is_in_the_views(self, asked: Asked) -> bool:
        """As gateway/writes.py does: a command that was decided before is not answered by the bus."""
        audit = self._world.views.tables.get("audit", {})
        return bool(asked.command_id) and any(row["causation_id"] == asked.command_id for row in audit.values())

    def _ask(self, asked: Asked, answered: Callable[[object], None] | None) -> None:
        """Some gateway; another one when it does not answer, fails, or is gone."""
        if asked.tries == 0:
            self._open += 1
            self.waiting[asked.what] = None
        asked.tries += 1
        tries = asked.tries
        gateways = list(self._world.gateways.values())

        def hear(answer: object) -> None:
            if asked.answered:
                return
            if isinstance(answer, DecisionTimeout) and self._is_in_the_views(asked):
                answer = None
            if isinstance(answer, Exception):
                self._kernel.note("client", f"{asked.what}: {type(answer).__name__}")
                return again()
            asked.answered = True
            self._open -= 1
            self.waiting.pop(asked.what, None)
            self._kernel.note("client", f"{asked.what}: answered")
            if answered is not None:
                answered(answer)
            return None

        def again() -> None:
            if not asked.answered and asked.tries == tries:
                self._kernel.scheduler.after(0.5 + self._random.random(), lambda: self._ask(asked, answered))

        if gateways:
            self._random.choice(gateways).call(asked.ask, hear)  # type: ignore[arg-type]
        self._kernel.scheduler.after(PATIENCE_SECONDS, again)
