"""One HAProxy in front of a target's instances: a process of its own that lives on when the deployer ends.

Servers, weights and routes change at its runtime socket. Only what can't (its port, how instances are checked) starts
another process, to which the old one hands its socket, so that no connection is refused.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from agents.environment import machine_environment
from agents.targets.base import TargetFailed
from agents.targets.detached import Busy, Detached
from agents.targets.haproxy import mirror
from agents.targets.haproxy.config import (
    BUCKETS_FILE,
    SOCKET,
    check_options,
    config,
    fixed_parts,
    rendered_parts,
    slot_name,
    tables,
)
from agents.targets.haproxy.counts import Counts
from agents.targets.haproxy.plan import Backend, Plan, Server
from agents.targets.haproxy.runtime import ProxyGone, ProxyRefused, Runtime, ServerStatus
from agents.targets.place import read_json, write_json

HOST = "127.0.0.1"
START_SECONDS = 10.0
POLL_SECONDS = 0.01


class _Made(msgspec.Struct, frozen=True):
    """What the process of a directory was started with: see config.rendered_parts."""

    parts: dict[str, str]


class Look(NamedTuple):
    """What the running proxy says. All is empty where there is none, or where it does not answer.

    `weights` are percent, `requests` counts since the set stands, both by set; `by_slot` since the process started.
    """

    process: str = ""
    servers: tuple[ServerStatus, ...] = ()
    weights: Mapping[str, int] = {}
    requests: Mapping[str, int] = {}
    by_slot: Mapping[str, int] = {}

    @property
    def ready(self) -> set[str]:
        """Names of the servers that get requests, if their set does."""
        return {each.name for each in self.servers if each.up and not each.draining}


class Haproxy:
    """`root` is its directory. `binary` finds the program (and may have to fetch it). Methods raise TargetFailed.

    Changes are made under the target's lock.
    """

    def __init__(self, root: Path, binary: Callable[[], Path]) -> None:
        self._root = root
        self._binary = binary
        self._runtime = Runtime(root, SOCKET)
        self._counts = Counts(root / "counts.json")

    def plan(self) -> Plan | None:
        """What it was told last."""
        return read_json(self._root / "plan.json", Plan)

    def can_mirror(self) -> bool:
        return mirror.can_mirror(self._binary())

    def apply(self, plan: Plan) -> None:
        """Make it so, starting it where it isn't running. Doing it again changes nothing."""
        self._root.mkdir(parents=True, exist_ok=True)
        look = self.look()
        self.note_requests(look)
        if plan != self.plan():
            write_json(self._root / "plan.json", plan)
        # Slots may have other sets now, which begin at 0.
        self.note_requests(look)
        self._write_files(plan)
        current = self._current()
        if current is None:
            self._start(plan)
        elif not self._can_serve(current, plan):
            self._replace(current, plan)
        with _as_failure():
            self._bring_up_to_date(plan)

    def look(self) -> Look:
        """What it does just now, read from it."""
        current = self._current()
        if current is None:
            return Look()
        try:
            stats = self._runtime.stats(BUCKETS_FILE)
        except ProxyGone:
            return Look()
        by_slot = Counter(line.rpartition(" ")[2] for line in stats.table)
        slots = self._slots()
        return Look(
            process=current.place.name,
            servers=stats.servers,
            weights={name: by_slot[slot] for name, slot in slots.items()},
            requests=self._counts.read(current.place.name, stats.requests, slots),
            by_slot=stats.requests,
        )

    def note_requests(self, look: Look) -> None:
        """Write the counts down, so that they survive the process."""
        if look.process:
            self._counts.note(look.process, look.by_slot, self._slots())

    def _slots(self) -> dict[str, str]:
        plan = self.plan()
        return {each.set_name: slot_name(each.slot) for each in plan.backends} if plan is not None else {}

    def predecessors(self) -> int:
        """Processes that were replaced and still end their last connections."""
        return sum(each.pid is not None for each in self._processes()[:-1])

    def stop(self) -> None:
        """At once: the connections of its users end."""
        for process in self._processes():
            process.kill()

    def _processes(self) -> list[Detached]:
        """Oldest first."""
        found = sorted(self._root.glob("process-*"), key=lambda path: int(path.name.rpartition("-")[2]))
        return [Detached(path) for path in found]

    def _current(self) -> Detached | None:
        living = [each for each in self._processes() if each.runs]
        return living[-1] if living else None

    def _can_serve(self, process: Detached, plan: Plan) -> bool:
        made = read_json(process.place / "made.json", _Made)
        return made is not None and fixed_parts(plan, HOST, self.can_mirror()).items() <= made.parts.items()

    def _write_files(self, plan: Plan) -> None:
        for name, lines in tables(plan).items():
            _write(self._root / name, "".join(f"{line}\n" for line in lines))
        _write(self._root / mirror.FILE, mirror.PROGRAM)
        _write(self._root / "haproxy.cfg", config(plan, HOST, self.can_mirror()))

    def _replace(self, current: Detached, plan: Plan) -> None:
        """The new process takes over the listening socket, then tells the old one to finish."""
        pid = current.pid
        self._start(plan, *(("-x", SOCKET, "-sf", str(pid.number)) if pid is not None else ()))

    def _start(self, plan: Plan, *options: str) -> None:
        last = self._processes()[-1:]
        number = int(last[0].place.name.rpartition("-")[2]) + 1 if last else 1
        process = Detached(self._root / f"process-{number}")
        process.place.mkdir()
        write_json(process.place / "made.json", _Made(rendered_parts(plan, HOST, self.can_mirror())))
        command = (str(self._binary()), "-db", "-f", "haproxy.cfg", *options)
        try:
            process.start(command, machine_environment(), self._root)
        except (OSError, Busy) as error:
            raise TargetFailed("target-unavailable", f"the proxy can't be started: {error}") from error
        self._await(process)
        self._bury(keep=2)

    def _await(self, process: Detached) -> None:
        """Until it answers for itself, and not its predecessor."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            pid = process.pid
            if not process.runs:
                break
            with suppress(ProxyGone):
                if pid is not None and f"Pid: {pid.number}\n" in self._runtime.ask("show info"):
                    return
            time.sleep(POLL_SECONDS)
        process.kill()
        raise TargetFailed("target-unavailable", f"the proxy did not start: {process.tail() or 'it said nothing'}")

    def _bury(self, keep: int) -> None:
        for process in self._processes()[:-keep]:
            if not process.runs:
                for path in process.place.iterdir():
                    path.unlink(missing_ok=True)
                process.place.rmdir()

    def _bring_up_to_date(self, plan: Plan) -> None:
        self._sync_servers(plan)
        for name, lines in tables(plan).items():
            if sorted(self._runtime.table(name)) != sorted(lines):
                self._runtime.replace_table(name, lines)

    def _sync_servers(self, plan: Plan) -> None:
        there = {(each.slot, each.name): each for each in self._runtime.stats(BUCKETS_FILE).servers}
        wanted = {
            (slot_name(each.slot), server.name): (each, server) for each in plan.backends for server in each.servers
        }
        for place, (backend, server) in wanted.items():
            if place not in there:
                self._add(backend, server)
            if server.draining != (place in there and there[place].draining):
                state = "drain" if server.draining else "ready"
                self._runtime.tell(f"set server {'/'.join(place)} state {state}")
        for place in there.keys() - wanted.keys():
            self._drop("/".join(place))

    def _add(self, backend: Backend, server: Server) -> None:
        name = f"{slot_name(backend.slot)}/{server.name}"
        options = f"{server.address} {check_options(backend.health)} weight 1"
        self._runtime.tell(f"add server {name} {options}", "New server registered", "Already exists a server")
        self._runtime.tell(f"enable health {name}")
        self._runtime.tell(f"enable server {name}")

    def _drop(self, name: str) -> None:
        """One that still has a connection goes with the next change."""
        self._runtime.tell(f"set server {name} state maint")
        self._runtime.ask(f"shutdown sessions server {name}")
        self._runtime.ask(f"del server {name}")


@contextmanager
def _as_failure() -> Iterator[None]:
    try:
        yield
    except (ProxyGone, ProxyRefused) as error:
        raise TargetFailed("target-unavailable", str(error)) from error


def _write(path: Path, text: str) -> None:
    """Nobody reads half of it: a proxy may be started at any time."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text)
    draft.replace(path)
