"""What goes wrong: kills at any step, freezes, lost connections, wrong clocks, full disks ... and what is made good.

Faults come one after the other at random times; several may hold at once. `heal()` ends all of them.
"""

from collections.abc import Callable

from core.deployments.commands import COMMANDS, RecordSample, ReportHealth, ReportTarget
from core.deployments.target_state import TargetStatus
from core.eventlog.envelope import Stream
from core.eventlog.routing import make_command, to_record
from core.eventlog.serialization import Message
from core.ids import derived_id, region_of_run, trace_id
from core.protocol import messages as m
from infra.memory.producer import MemoryProducer
from infra.memory.views import LAZY_COMMITS
from tests.simulation.checks.leases import LeasesCheck
from tests.simulation.checks.reports import ReportsCheck
from tests.simulation.engine.process import Process
from tests.simulation.world.network import ClientEnd, role_of
from tests.simulation.world.world import World

LONGEST_FUSE = 400
RESTART_SECONDS = 15.0
FREEZE_SECONDS = 35.0
CLOCK_SECONDS = 300.0
MOST_LIES, LYING_SECONDS = 6, 3.0
# The next actions may be asked for before anybody can read of them; what is said of those would be believed.
FAR_AHEAD = 1000


class Nemesis:
    """`leases` and `reports` tell liars what they may lie about."""

    def __init__(self, world: World, leases: LeasesCheck, reports: ReportsCheck) -> None:
        self._world = world
        self._leases = leases
        self._reports = reports
        self._told = 0
        self._random = world.kernel.random
        self._active = False
        self._faults: dict[str, Callable[[], None]] = {
            "kill": self._kill,
            "kill-soon": self._light_fuse,
            "trap": self._set_trap,
            "freeze": self._freeze,
            "cut-off": self._cut_off,
            "join-and-leave": self._leave,
            "part": self._part,
            "snap": self._snap,
            "clock": self._set_clock,
            "disk-full": self._fill_disk,
            "slow": self._slow_down,
            "views-away": self._take_views,
            "views-crash": self._crash_views,
            "sites-away": self._take_sites,
            "overtake": self._wait_for_a_deployer,
            "lie": self._tell_lies,
            "false-report": self._report_falsely,
        }
        world.on_death = self._died

    def begin(self) -> None:
        options = self._world.options
        self._active = True
        self._world.log.refusing = options.refusing
        self._world.log.repeating = options.repeating
        self._world.repositories.away = options.refusing * 5
        if options.faults:
            self._next()

    def heal(self) -> None:
        """No more faults: everything runs, is reachable and has room. Clocks stay as wrong as they are."""
        world = self._world
        world.kernel.note("nemesis", "heals everything")
        self._active = False
        world.log.refusing = world.log.repeating = world.repositories.away = 0.0
        world.log.cut_off.clear()
        world.log.views_away = False
        world.sites.away.clear()
        world.sites.ambush = None
        world.network.heal()
        world.disks.full.clear()
        for process in world.running.values():
            process.fuse = None
            process.trap = None
            process.slowness = 1.0
            process.paused_until = min(process.paused_until, world.kernel.scheduler.now)
        for role in world.roles:
            if role not in world.running:
                world.start(role)

    def _next(self) -> None:
        self._later(self._world.options.every_seconds * 2, self._strike)

    def _strike(self) -> None:
        if not self._active:
            return
        fault = self._random.choice(self._world.options.faults)
        self._world.kernel.note("nemesis", fault)
        self._faults[fault]()
        self._next()

    def _later(self, longest: float, action: Callable[[], None]) -> None:
        self._world.kernel.scheduler.after(longest * self._random.random(), action)

    def _any(self, kind: str = "") -> Process | None:
        """A running process whose role begins like this."""
        found = [process for role, process in self._world.running.items() if role.startswith(kind)]
        return self._random.choice(found) if found else None

    def _died(self, role: str, process: Process) -> None:
        """Something watches over the processes of an installation."""
        self._later(RESTART_SECONDS, lambda: self._restart(role))

    def _restart(self, role: str) -> None:
        if role not in self._world.running:
            self._world.start(role)

    def _kill(self) -> None:
        process = self._any()
        if process is not None:
            process.kill("by the nemesis")

    def _light_fuse(self) -> None:
        process = self._any()
        if process is not None:
            process.fuse = self._random.randint(1, LONGEST_FUSE)

    def _set_trap(self) -> None:
        """A processor ends, or becomes a zombie, in the middle of a transaction; somebody else takes over."""
        process = self._any("processor")
        if process is None:
            return
        operation = self._random.choice(("producer.send", "producer.send_offsets", "producer.commit"))
        if self._random.random() < 0.5:
            process.trap = (operation, lambda: process.kill(f"trapped at {operation}"))
        else:
            seconds = FREEZE_SECONDS * self._random.random()
            process.trap = (operation, lambda: self._world.log.pause(process, seconds))

    def _freeze(self) -> None:
        process = self._any()
        if process is not None:
            self._world.log.pause(process, FREEZE_SECONDS * self._random.random())

    def _cut_off(self) -> None:
        process = self._any()
        if process is not None:
            cut_off, name = self._world.log.cut_off, process.name
            cut_off.add(name)
            self._later(20.0, lambda: cut_off.discard(name))

    def _leave(self) -> None:
        """A processor is stopped in good order, and comes back."""
        process = self._any("processor")
        if process is not None:
            role = next(role for role, one in self._world.running.items() if one is process)
            self._world.processors[role][1].set()

    def _part(self) -> None:
        agent, gateway = self._any("agent"), self._any("gateway")
        if agent is not None and gateway is not None:
            self._world.network.part(agent, gateway)
            self._later(60.0, lambda: self._world.network.unite(agent, gateway))

    def _snap(self) -> None:
        lines = [line for line in self._world.network.lines if not line.over]
        if lines:
            self._random.choice(lines).snap()

    def _set_clock(self) -> None:
        role = self._random.choice(self._world.roles)
        self._world.set_clock(role, CLOCK_SECONDS * (2 * self._random.random() - 1))

    def _fill_disk(self) -> None:
        disks = self._world.disks
        role = self._random.choice([role for role in self._world.roles if role.startswith("agent")])
        folder = disks.folder(role)
        disks.full.add(folder)
        self._later(30.0, lambda: disks.full.discard(folder))

    def _slow_down(self) -> None:
        process = self._any()
        if process is not None:
            process.slowness = 1 + 40 * self._random.random()
            self._later(20.0, lambda: self._speed_up(process))

    @staticmethod
    def _speed_up(process: Process) -> None:
        process.slowness = 1.0

    def _take_views(self) -> None:
        self._world.log.views_away = True
        self._later(10.0, self._give_views)

    def _give_views(self) -> None:
        self._world.log.views_away = False

    def _crash_views(self) -> None:
        """Their server dies with what was committed and not flushed yet."""
        self._world.views.crash(self._random.randint(0, LAZY_COMMITS))
        self._take_views()

    def _wait_for_a_deployer(self) -> None:
        """One is frozen in the middle of an action; if there is another it goes on, and the first one wakes up."""
        self._world.sites.ambush = lambda process: self._world.log.pause(
            process, FREEZE_SECONDS * self._random.random()
        )

    def _take_sites(self) -> None:
        """What runs in a region can't be reached, by deployer and sampler; it goes on."""
        region = self._random.choice(self._world.topology.regions)
        self._world.sites.away.add(region)
        self._later(30.0, lambda: self._world.sites.away.discard(region))

    def _tell_lies(self) -> None:
        for _ in range(self._random.randint(1, MOST_LIES)):
            self._later(LYING_SECONDS, self._lie)

    def _lie(self) -> None:
        """An agent speaks for a lease that is not its own: another's, mostly a recent one, or that of another epoch."""
        lines = [line for line in self._world.network.lines if not line.over and line.ends[0].closed is None]
        leases = self._leases.known()
        if not self._active or not lines or not leases:
            return
        key, epoch, agent = leases[-1 - int(len(leases) * self._random.random() ** 3)]
        its_own = [line for line in lines if role_of(line.ends[0].process) == agent]
        client = self._random.choice(its_own if its_own and self._random.random() < 0.5 else lines).ends[0]
        assert isinstance(client, ClientEnd)
        if role_of(client.process) == agent:
            epoch += self._random.choice((-1, 1))
        # Each lie is another one: a word that is repeated after its run has left memory would be refused twice. None
        # has a number of the agent's own reports, which would be taken for said, and acknowledged, with it.
        self._told += 1
        messages: list[m.AgentMessage] = [
            m.AcceptLease(attempt_key=key, epoch=epoch),
            m.RefuseLease(attempt_key=key, epoch=epoch, reason="draining"),
            m.JobFinished(number=-self._told, attempt_key=key, epoch=epoch, outcome="success"),
            m.StepStarted(number=-self._told, attempt_key=key, epoch=epoch, index=0, at=client.process.now()),
        ]
        client.line.carry(client, m.encode(self._random.choice(messages)))

    def _report_falsely(self) -> None:
        for _ in range(6):
            self._later(20.0, self._report_what_is_not_so)

    def _report_what_is_not_so(self) -> None:
        """Somebody speaks for a deployment under an epoch that is not its own, or of what nobody asked for yet."""
        if not self._reports.live or not self._active:
            return
        stream = Stream.parse(self._random.choice(list(self._reports.live)))
        epoch, action = self._reports.live[str(stream)]
        other = epoch + self._random.choice((-1, 1))
        now = self._world.kernel.scheduler.date()
        ok = self._random.random() < 0.5
        words: list[Message] = [
            ReportTarget(epoch=epoch, action=action + FAR_AHEAD, ok=ok, code="" if ok else "crashed", at=now),
            ReportTarget(epoch=other, action=action, ok=ok, code="" if ok else "stale-epoch", at=now),
            ReportHealth(epoch=other, status=TargetStatus(other), lost=True, at=now),
            RecordSample(epoch=other, number=1, at=now),
        ]
        self._told += 1
        command = make_command(
            command_id=derived_id("nemesis", self._told),
            stream=stream,
            region=region_of_run(stream.id),
            command=self._random.choice(words),
            catalogue=COMMANDS,
            actor="nemesis",
            correlation_id=trace_id(str(self._told)),
            causation_id="",
            issued_at=now,
        )
        MemoryProducer(self._world.log.memory, "nemesis").send_all([to_record(self._world.topology, command)])
