"""One connected agent: what it may report on, what is on its way to Kafka, and what is to be said to it."""

import asyncio
from collections import deque
from collections.abc import Awaitable

from core.eventlog.envelope import Stream
from core.protocol import messages as m

SEND_QUEUE = 1000
WINDOW_BYTES = 4 << 20
MOST_REFUSALS = 50


class AgentSession:
    """`leases` maps attempt keys to (epoch, correlation id); `close_code` is set when the hub wants it gone.

    `on_record`: the event of its connection was seen; what the log said of the agent before does not concern it.
    """

    def __init__(self, hello: m.Hello, session: str, actor: str) -> None:
        self.agent_id = hello.agent_id
        self.pool = Stream("pool", f"{hello.region}/{hello.pool}")
        self.region = hello.region
        self.session = session
        self.actor = actor
        self.leases: dict[str, tuple[int, str]] = {}
        self.on_record = False
        self.close_code = 0
        self.close_reason = ""
        self._out: asyncio.Queue[m.HubMessage] = asyncio.Queue(SEND_QUEUE)
        self._unsent_acks: dict[str, int] = {}
        self._closing = asyncio.Event()
        self._reports: dict[str, deque[tuple[int, asyncio.Future[object]]]] = {}
        self._pending_bytes = 0
        self._room = asyncio.Event()
        self._refusals = 0

    def say(self, message: m.HubMessage) -> None:
        """Queued for sending; an agent that takes nothing any more is disconnected."""
        try:
            self._out.put_nowait(message)
        except asyncio.QueueFull:
            self.close(m.CLOSE_UNAVAILABLE, "the agent does not read")

    async def next_message(self) -> m.HubMessage:
        return self._as_of_now(await self._out.get())

    def _as_of_now(self, message: m.HubMessage) -> m.HubMessage:
        if isinstance(message, m.Ack):
            return m.Ack(attempt_key=message.attempt_key, number=self._unsent_acks.pop(message.attempt_key))
        return message

    def _acknowledge(self, attempt_key: str, number: int) -> None:
        """An acknowledgement that still waits to be sent speaks for all that follow it."""
        waits = attempt_key in self._unsent_acks
        self._unsent_acks[attempt_key] = number
        if not waits:
            self.say(m.Ack(attempt_key=attempt_key, number=number))

    def last_messages(self) -> list[m.HubMessage]:
        """What was said and not sent yet."""
        return [self._as_of_now(self._out.get_nowait()) for _ in range(self._out.qsize())]

    def let_go(self, attempt_key: str, epoch: int) -> bool:
        """Whether the agent held this lease until now."""
        held = self.leases.get(attempt_key)
        if held is None or held[0] != epoch:
            return False
        del self.leases[attempt_key]
        return True

    def close(self, code: int, reason: str) -> None:
        if not self.close_code:
            self.close_code, self.close_reason = code, reason
        self._closing.set()

    async def closing(self) -> None:
        await self._closing.wait()

    def refuse(self, code: str, detail: str, attempt_key: str, epoch: int) -> None:
        """Say no. An agent that keeps asking for what is not its own is disconnected."""
        self._refusals += 1
        if self._refusals > MOST_REFUSALS:
            self.close(m.CLOSE_TOO_MANY_REFUSALS, f"{MOST_REFUSALS} refusals: {detail}")
        else:
            self.say(m.Refused(code=code, detail=detail, attempt_key=attempt_key, epoch=epoch))

    async def room(self) -> None:
        """Wait while more is on its way to Kafka than an agent that keeps to its window would send."""
        while self._pending_bytes > 2 * WINDOW_BYTES:
            self._room.clear()
            await self._room.wait()

    def track(self, attempt_key: str, number: int, written: Awaitable[object], size: int = 0) -> None:
        """Acknowledge `number` when it and all before it are written; disconnect when one can't be."""
        future = asyncio.ensure_future(written)
        self._reports.setdefault(attempt_key, deque()).append((number, future))
        self._pending_bytes += size
        future.add_done_callback(lambda done: self._written(attempt_key, done, size))

    def pending(self, attempt_key: str) -> "list[asyncio.Future[object]]":
        """What the attempt reported and Kafka has not acknowledged yet."""
        return [future for _, future in self._reports.get(attempt_key, ())]

    def _written(self, attempt_key: str, done: "asyncio.Future[object]", size: int) -> None:
        self._pending_bytes -= size
        self._room.set()
        if done.cancelled() or done.exception() is not None:
            self.close(m.CLOSE_UNAVAILABLE, "the log is unavailable")
            return
        # Several may be done before the first of these calls: it has seen to all of them. Whatever an agent numbers its
        # words with, none takes back an acknowledgement.
        waiting = self._reports.get(attempt_key, deque())
        acked = 0
        while waiting and waiting[0][1].done() and not waiting[0][1].cancelled() and waiting[0][1].exception() is None:
            acked = max(acked, waiting.popleft()[0])
        if acked:
            self._acknowledge(attempt_key, acked)
        if not waiting:
            self._reports.pop(attempt_key, None)
