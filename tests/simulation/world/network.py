"""The network between agents and gateways: connections that are slow, break, or go silent without breaking.

The two ends look like what production code uses: the client of `websockets`, and Starlette's WebSocket.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from tests.simulation.engine.process import Crash, Kernel, Process, process_turn

Accept = Callable[["ServerEnd"], None]
ABNORMAL = 1006
# Undelivered frames after which a sender has to wait, as for a full send buffer.
BUFFER_FRAMES = 200


class End:
    """One end of a connection: what has arrived, and how it ended."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.peer: End
        self.line: Line
        self.closed: Close | None = None
        self._inbox: deque[bytes] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()

    async def _receive(self) -> bytes | None:
        """The next frame, or None once the connection is over."""
        while not self._inbox:
            if self.closed is not None:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        frame = self._inbox.popleft()
        self.peer._room.set()
        return frame

    async def _send(self, frame: bytes) -> bool:
        """Whether the connection still took it."""
        while self.closed is None and self.line.waiting(self) > BUFFER_FRAMES:
            self._room.clear()
            await self._room.wait()
        if self.closed is not None:
            return False
        self.line.carry(self, frame)
        return True

    def _arrive(self, frame: bytes) -> None:
        if self.closed is None:
            self._inbox.append(frame)
            self._arrived.set()

    def _end(self, close: Close) -> None:
        if self.closed is None:
            self.closed = close
            self._arrived.set()
            self._room.set()


class ClientEnd(End):
    """As websockets.asyncio.client.ClientConnection."""

    async def send(self, frame: bytes) -> None:
        if not await self._send(frame):
            raise self._error()

    async def recv(self) -> bytes:
        frame = await self._receive()
        if frame is None:
            raise self._error()
        return frame

    async def __aenter__(self) -> "ClientEnd":
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.line.close(self, Close(1000, ""))

    def _error(self) -> ConnectionClosedError:
        assert self.closed is not None
        return ConnectionClosedError(self.closed if self.closed.code != ABNORMAL else None, None)


class ServerEnd(End):
    """As starlette.websockets.WebSocket."""

    def __init__(self, process: Process, authorization: str) -> None:
        super().__init__(process)
        self.headers = {"authorization": authorization}

    async def accept(self) -> None:
        """Accepted when it was made."""

    async def receive_bytes(self) -> bytes:
        frame = await self._receive()
        if frame is None:
            assert self.closed is not None
            raise WebSocketDisconnect(self.closed.code, self.closed.reason)
        return frame

    async def send_bytes(self, frame: bytes) -> None:
        if not await self._send(frame):
            raise WebSocketDisconnect(ABNORMAL)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.line.close(self, Close(code, reason))


class Line:
    """A connection. Frames arrive in order; while its two processes are parted, nothing arrives and nobody is told."""

    def __init__(self, network: "Network", client: End, server: End) -> None:
        self._network = network
        self._kernel = network.kernel
        self.ends = (client, server)
        client.peer, server.peer = server, client
        client.line = server.line = self
        self._due = {client: 0.0, server: 0.0}
        self._queues: dict[End, deque[bytes | Close]] = {client: deque(), server: deque()}
        self.over = False

    def waiting(self, sender: End) -> int:
        return len(self._queues[sender]) + len(sender.peer._inbox)

    def carry(self, sender: End, frame: bytes | Close) -> None:
        scheduler = self._kernel.scheduler
        latency = self._network.latency() * max(sender.process.slowness, sender.peer.process.slowness)
        when = self._due[sender] = max(self._due[sender], scheduler.now + latency)
        self._queues[sender].append(frame)
        scheduler.at(when, partial(self._deliver, sender))

    def close(self, end: End, close: Close) -> None:
        """This end says goodbye; the other one hears of it after everything else."""
        if end.closed is None:
            end._end(close)
            self.carry(end, close)

    def snap(self) -> None:
        """The connection breaks: what is under way is lost, and both ends hear of it, each in its time."""
        if self.over:
            return
        self.over = True
        for end in self.ends:
            self._queues[end].clear()
            end.process.soon(lambda end=end: end._end(Close(ABNORMAL, "")))  # type: ignore[misc]

    def _deliver(self, sender: End) -> None:
        queue, receiver = self._queues[sender], sender.peer
        if not queue or self.over:
            return
        if self._network.parts and self._network.parted(sender.process, receiver.process):
            self._kernel.scheduler.after(0.5, lambda: self._deliver(sender))
            return
        if receiver.process.paused_until > self._kernel.scheduler.now:
            self._kernel.scheduler.at(receiver.process.paused_until, lambda: self._deliver(sender))
            return
        frame = queue.popleft()
        arrive = partial(receiver._arrive, frame) if isinstance(frame, bytes) else partial(receiver._end, frame)
        before, process_turn.whose = process_turn.whose, receiver.process
        try:
            receiver.process.enter(arrive)
        finally:
            process_turn.whose = before


class Network:
    """Who can reach whom."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self._random = kernel.random.random
        self.lines: list[Line] = []
        self.parts: set[frozenset[str]] = set()
        self._listening: dict[Process, Accept] = {}

    def latency(self) -> float:
        random = self._random
        return 0.0002 + (0.2 if random() < 0.01 else 0.004) * random()

    def listen(self, process: Process, accept: Accept) -> None:
        self._listening[process] = accept
        process.on_death.append(lambda: self._stop_listening(process))
        self._ends_with(process)

    def dial(self, process: Process, authorization: str) -> ClientEnd:
        """A connection to one of the gateways. Raises OSError, as a dial does that nobody answers."""
        reachable = [gateway for gateway in self._listening if not self.parted(process, gateway)]
        if not reachable:
            raise ConnectionRefusedError("nobody listens")
        gateway = self.kernel.random.choice(reachable)
        client, server = ClientEnd(process), ServerEnd(gateway, authorization)
        line = Line(self, client, server)
        self.lines = [each for each in self.lines if not each.over]
        self.lines.append(line)
        gateway.soon(lambda: self._listening[gateway](server) if gateway in self._listening else line.snap())
        return client

    def _stop_listening(self, process: Process) -> None:
        del self._listening[process]

    def attach(self, process: Process) -> None:
        """A process that only dials."""
        self._ends_with(process)

    def part(self, one: Process, other: Process) -> None:
        """They and their successors don't reach each other until unite() or heal()."""
        self.parts.add(frozenset((role_of(one), role_of(other))))

    def unite(self, one: Process, other: Process) -> None:
        self.parts.discard(frozenset((role_of(one), role_of(other))))

    def heal(self) -> None:
        self.parts.clear()

    def parted(self, one: Process, other: Process) -> bool:
        return frozenset((role_of(one), role_of(other))) in self.parts

    def _ends_with(self, process: Process) -> None:
        def died() -> None:
            for line in self.lines:
                if any(end.process is process for end in line.ends):
                    self._fall_silent(line, process)

        process.on_death.append(died)

    def _fall_silent(self, line: Line, dead: Process) -> None:
        """The dead process' kernel resets its connections; behind a partition nobody hears of it."""
        if line.over:
            return
        if not self.parted(line.ends[0].process, line.ends[1].process):
            line.snap()
        else:
            self.kernel.scheduler.after(1.0, lambda: self._fall_silent(line, dead))


def role_of(process: Process) -> str:
    """The name without the number of the incarnation."""
    return process.name.rpartition(".")[0]


def dialler(network: Network) -> Callable[..., Any]:
    """Stands in for websockets.asyncio.client.connect."""

    def connect(url: str, *, additional_headers: dict[str, str], **options: object) -> "_Dial":
        assert process_turn.whose is not None
        return _Dial(network, process_turn.whose, additional_headers["Authorization"])

    return connect


class _Dial:
    def __init__(self, network: Network, process: Process, authorization: str) -> None:
        self._network, self._process, self._authorization = network, process, authorization
        self._end: ClientEnd | None = None

    async def __aenter__(self) -> ClientEnd:
        await asyncio.sleep(self._network.latency())
        if not self._process.alive:
            raise Crash(self._process.name)
        self._end = self._network.dial(self._process, self._authorization)
        return self._end

    async def __aexit__(self, *exception: object) -> None:
        if self._end is not None:
            self._end.line.close(self._end, Close(1000, ""))
